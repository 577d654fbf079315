// An ES module is required here: Node 20.19, 22.12 or newer. `import` works too, in a package of type "module".
const { App, Stack, Validations } = require('aws-cdk-lib');
const { Bucket } = require('aws-cdk-lib/aws-s3');
const { AwsSolutionsChecks } = require('cdk-nag');
const { StreampixelDrop } = require('streampixel-drop');

const app = new App();
const stack = new Stack(app, 'Studio');
const drop = new StreampixelDrop(stack, 'Builds', {
  // A bucket that another team owns: its notifications stay as they are, and EventBridge brings the builds.
  bucket: Bucket.fromBucketName(stack, 'Zips', 'studio-builds'),
  bucketEvents: 'eventbridge',
  alertEmails: ['builds@studio.example'],
  routes: [
    {
      prefix: '',
      userId: '5f0000000000000000000001',
      projectId: '5f0000000000000000000002',
      autoRelease: false,
      release: 'manual',
      apiKeyParameter: '/studio/streampixel/api-key',
    },
  ],
});
drop.metricDeadLetters().createAlarm(stack, 'TenDeadLetters', { threshold: 10, evaluationPeriods: 1 });

// As the studio checks everything else.
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
