import { generateKeyPairSync } from 'node:crypto';
import { App, Aws, CfnParameter, Fn, Lazy, NestedStack, Stack, Stage, Token, Validations } from 'aws-cdk-lib';
import { AttributeType, type ITable, ProjectionType, Table, type TableProps } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyDocument, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Alias, Key } from 'aws-cdk-lib/aws-kms';
import { Bucket, BucketEncryption, type BucketProps, type CfnBucket, type IBucket } from 'aws-cdk-lib/aws-s3';
import { SqsDestination } from 'aws-cdk-lib/aws-s3-notifications';
import { type ITopic, Topic, TopicPolicy } from 'aws-cdk-lib/aws-sns';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { LEDGER_TABLE } from '../../functions/adapters/ledger-table.ts';
import { METRIC_NAMESPACE } from '../../functions/domain/model/telemetry.ts';
import { StreampixelDrop, StreampixelDropError, type StreampixelDropProps } from '../../infra/index.ts';
import { OUTPUTS } from '../../infra/outputs/outputs.ts';
import { ROUTE, synthesized } from './synthesized.ts';

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const PUBLIC_KEY = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
const PROPS: StreampixelDropProps = { routes: [ROUTE], alertEmails: ['builds@studio.example'] };
const CLOUDFRONT = { delivery: 'cloudfront', deliveryPublicKeys: [PUBLIC_KEY] } as const;

/** An app of a studio's own, checked by cdk-nag, without the functions' code. */
function studioApp(): App {
  const app = new App({ context: { 'aws:cdk:bundling-stacks': [] } });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return app;
}

// biome-ignore lint/suspicious/noExplicitAny: a template has as many shapes as there are resources.
type Json = any;
interface Template {
  readonly Resources: Readonly<Record<string, Json>>;
  readonly Outputs: Readonly<Record<string, { readonly Value: Json }>>;
}

/** @throws Error where cdk-nag finds something */
const templateOf = (stack: Stack): Template => {
  const stage = Stage.of(stack) ?? stack;
  return (stage as Stage).synth().getStackArtifact(stack.artifactId).template;
};
const ofType = ({ Resources }: Template, type: string): Json[] =>
  Object.values(Resources).filter(({ Type }) => Type === type);
/** The statements of all roles, and of the policy for build machines. */
const statementsOf = (template: Template): Json[] =>
  ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy'].flatMap((type) =>
    ofType(template, type).flatMap(({ Properties }) => Properties.PolicyDocument.Statement),
  );
const statementsWith = (template: Template, action: string): Json[] =>
  statementsOf(template).filter(({ Action }) => [Action].flat().includes(action));
const messagesOf = (stack: Stack) =>
  (Stage.of(stack) as Stage)
    .synth()
    .getStackArtifact(stack.artifactId)
    .messages.map(({ entry, level }) => `${level}: ${entry.data}`);
/** A value of a template as text, with references by their names. */
const flat = (value: Json): string => {
  if (typeof value === 'string') return value;
  if ('Fn::Join' in value) return value['Fn::Join'][1].map(flat).join('');
  return `<${value.Ref ?? Object.values(value).flat().join('.')}>`;
};
const problemsOf = (make: () => unknown): StreampixelDropError => {
  try {
    make();
  } catch (error) {
    if (error instanceof StreampixelDropError) return error;
    throw error;
  }
  throw new Error('no problem was found');
};

describe('the stack of the app, which is updated in place', () => {
  const template = synthesized({
    ...{ routes: [ROUTE, { ...ROUTE, prefix: 'b/', projectId: '5f0000000000000000000003' }], prefix: '' },
    ...{ alertEmails: ['a@studio.example'], deliveryPublicKeys: [PUBLIC_KEY] },
  });
  const idsOf = (type: string) => template.ofType(type).map(({ id }) => id);

  it.each([
    ['AWS::S3::Bucket', ['DropBucket0EBEB047']],
    ['AWS::DynamoDB::Table', ['LedgerTable9343E4AA']],
    ['AWS::SNS::Topic', ['AlertsTopicCF7C81C9']],
    [
      'AWS::SQS::Queue',
      [
        'BuildsQueueDeadLetterQueueA18F2690',
        'BuildsQueueDFEAB6C6',
        'FollowQueueDeadLetterQueue4690EE24',
        'FollowQueue97DD0D8E',
      ],
    ],
    ['AWS::ApiGatewayV2::Api', ['ReceiveWebhookApiBE84D2B4']],
    ['AWS::CloudWatch::Dashboard', ['OverviewDashboard78DADE12']],
    ['AWS::CloudFront::Distribution', ['DeliveryDistribution45EACD51']],
    ['AWS::CloudFront::KeyGroup', ['DeliveryKeyGroup8289CA96']],
    ['AWS::CloudFront::OriginAccessControl', ['DeliveryAccessControlFCEA3B4C']],
    ['AWS::CloudFront::OriginRequestPolicy', ['DeliveryForwardVersionBBBFF404']],
    ['Custom::BucketNotification', ['DropBucketNotification7A629374']],
  ])('keeps the logical ids of %s: another one would replace the resource, or fail on its name', (type, ids) => {
    expect(idsOf(type)).toEqual(ids);
  });

  it('keeps those of the outputs, by which the tool finds things', () => {
    expect(Object.keys(template.outputs).sort()).toEqual([
      ...['AfterRouteChange', 'AlertTopicArn', 'BuildsQueueUrl', 'DeadLetterQueueUrl', 'Distribution', 'DropABuild'],
      ...[
        'DropBucketName',
        'FollowQueueUrl',
        'LedgerTableName',
        'PushPolicyArn',
        'RateLimit',
        'SetUpWebhooks',
        'Settings',
      ],
      ...['StoreApiKey', 'SubmitBuildFunctionName', 'WebhookOfProject', 'WebhookOfProject2', 'WebhookUrl'],
    ]);
  });
});

describe('drops in stacks of a studio', () => {
  const app = studioApp();
  const studio = new Stack(app, 'Studio');
  const builds = new StreampixelDrop(studio, 'Builds', PROPS);
  const nightly = new StreampixelDrop(studio, 'Nightly', { ...PROPS, ...CLOUDFRONT, ledgerTable: builds.ledger });
  const nested = new StreampixelDrop(new NestedStack(studio, 'Nested'), 'Builds', { ...PROPS, ...CLOUDFRONT });
  const other = new Stack(app, 'Other', { env: { account: '123456789012', region: 'eu-central-1' } });
  const elsewhere = new StreampixelDrop(other, 'Builds', PROPS);
  const staged = new Stack(new Stage(app, 'Production'), 'Studio');
  const inStage = new StreampixelDrop(staged, 'Builds', PROPS);
  const template = templateOf(studio);

  it('have names of their own, as text', () => {
    const names = [builds, nightly, nested, elsewhere, inStage].map(({ dropName }) => dropName);
    expect(names).toEqual([
      ...['Studio-Builds', 'Studio-Nightly', 'Studio-Nested-Builds', 'Other-Builds', 'Production-Studio-Builds'],
    ]);
  });

  it.each([
    ['AWS::SQS::Queue', 'QueueName', 8],
    ['AWS::CloudWatch::Dashboard', 'DashboardName', 2],
    ['AWS::CloudWatch::Alarm', 'AlarmName', 39],
    ['AWS::S3::Bucket', 'BucketName', 2],
  ])('name no %s alike', (type, property, count) => {
    const names = ofType(template, type).map(({ Properties }) => flat(Properties[property]));
    expect(names).toHaveLength(count);
    expect(new Set(names).size).toBe(count);
  });

  it('have the outputs of a drop behind their ids, in the stack that is deployed', () => {
    for (const drop of ['Builds', 'Nightly', 'NestedBuilds']) {
      for (const id of [OUTPUTS.dropBucketName, OUTPUTS.settings, OUTPUTS.storeApiKey, OUTPUTS.webhookUrl]) {
        expect(Object.keys(template.Outputs)).toContain(`${drop}${id}`);
      }
    }
    expect(Object.keys(template.Outputs)).toContain('NestedBuildsDistribution');
  });

  it.each([
    ['Builds', studio, '--stack Studio --region <AWS::Region> --drop Builds'],
    ['NestedBuilds', studio, '--stack Studio --region <AWS::Region> --drop NestedBuilds'],
    ['Builds', other, '--stack Other --region eu-central-1 --drop Builds'],
    ['Builds', staged, '--stack Production-Studio --region <AWS::Region> --drop Builds'],
  ])('print commands that name stack, region and drop: %s', (drop, stack, flags) => {
    expect(flat(templateOf(stack).Outputs[`${drop}SetUpWebhooks`]?.Value)).toBe(
      `npx --no streampixel-drop webhook ${flags}`,
    );
  });

  it('give the functions the same target for the commands in alerts', () => {
    const targets = ofType(template, 'AWS::Lambda::Function')
      .flatMap(({ Properties }) => Properties.Environment?.Variables.COMMAND_TARGET ?? [])
      .map(flat);
    expect(new Set(targets)).toEqual(
      new Set(['Builds', 'Nightly'].map((drop) => `{"stack":"Studio","region":"<AWS::Region>","drop":"${drop}"}`)),
    );
  });

  it('do not both create the OIDC provider of an account, whatever their regions', () => {
    const app = studioApp();
    const props = { ...PROPS, githubRepositories: ['studio/game'], githubProvider: 'create' } as const;
    const inRegion = (region: string, account = '111111111111') =>
      new StreampixelDrop(new Stack(app, `Studio-${account}-${region}`, { env: { account, region } }), 'Builds', props);
    inRegion('eu-central-1');
    inRegion('eu-central-1', '222222222222');
    expect(problemsOf(() => inRegion('us-east-1')).problems).toEqual([
      expect.stringMatching(/^githubProvider: Studio-111111111111-eu-central-1\/Builds creates it in this account/),
    ]);
  });

  it('share a ledger, and so the rate limit, where one has the table of the other', () => {
    expect(ofType(template, 'AWS::DynamoDB::Table')).toHaveLength(1);
    const { BuildsLedgerTableName, NightlyLedgerTableName } = template.Outputs;
    expect(NightlyLedgerTableName?.Value).toEqual(BuildsLedgerTableName?.Value);
  });

  it('have metrics of their own', () => {
    expect(builds.metricFollowed('rejected')).toMatchObject({
      namespace: METRIC_NAMESPACE,
      metricName: 'BuildsFollowed',
      dimensions: { Stack: 'Studio-Builds', Outcome: 'rejected' },
      statistic: 'Sum',
    });
    expect(nightly.metricSubmitted().dimensions).toEqual({ Stack: 'Studio-Nightly', Outcome: 'submitted' });
    expect(nightly.metric('WaitingAge').dimensions).toEqual({ Stack: 'Studio-Nightly' });
    expect(builds.metricDeadLetters().metricName).toBe('ApproximateNumberOfMessagesVisible');
  });
});

describe('names of drops', () => {
  it('are cut where they are too long, and stay apart', () => {
    const stack = new Stack(studioApp(), 'AStackWithAVeryLongNameThatNoBucketCanHave');
    const names = ['One', 'Two'].map((id) => new StreampixelDrop(stack, id, PROPS).dropName);
    for (const name of names) expect(name).toMatch(/^AStackWith[A-Za-z0-9-]{25}$/);
    expect(new Set(names).size).toBe(2);
  });

  it('are refused twice where they would collide', () => {
    const app = studioApp();
    new StreampixelDrop(new Stack(app, 'One'), 'Builds', { ...PROPS, name: 'studio' });
    const second = () => new StreampixelDrop(new Stack(app, 'Two'), 'Builds', { ...PROPS, name: 'Studio' });
    expect(problemsOf(second).message).toBe(
      'Two/Builds: a problem with the props of StreampixelDrop:\n' +
        '  - name: Studio is the name of One/Builds too, and queues, bucket and alarms would collide. Give each a name of its own',
    );
  });

  it('are refused too where two stages are deployed to one account and region', () => {
    const app = studioApp();
    const env = { account: '123456789012', region: 'eu-central-1' };
    const inStage = (id: string) =>
      new StreampixelDrop(new Stack(new Stage(app, id, { env }), 'Studio'), 'Builds', { ...PROPS, name: 'studio' });
    inStage('Staging');
    expect(problemsOf(() => inStage('Production')).problems).toEqual([
      expect.stringMatching(/^name: studio is the name of Staging\/Studio\/Builds too/),
    ]);
  });

  it('are not all: ids that are alike without what outputs can not have are refused', () => {
    const stack = new Stack(studioApp(), 'Studio');
    new StreampixelDrop(stack, 'Builds', PROPS);
    const second = () => new StreampixelDrop(stack, 'Builds_', { ...PROPS, name: 'other' });
    expect(problemsOf(second).problems).toEqual([
      expect.stringMatching(/^id: .*Studio\/Builds .* start with "Builds"/),
    ]);
  });

  it('may be the same in stages and in regions of their own', () => {
    const app = studioApp();
    for (const id of ['Staging', 'Production']) {
      new StreampixelDrop(new Stack(new Stage(app, id), 'Studio'), 'Builds', { ...PROPS, name: 'studio' });
    }
    for (const region of ['eu-central-1', 'us-east-1']) {
      const stack = new Stack(app, region, { env: { account: '123456789012', region } });
      new StreampixelDrop(stack, 'Builds', { ...PROPS, name: 'studio' });
    }
  });
});

describe('props that can not be used', () => {
  const drop = (props: object) => () =>
    new StreampixelDrop(new Stack(studioApp(), 'Studio'), 'Builds', { ...PROPS, ...props } as StreampixelDropProps);

  it('are reported together, in words of props, behind the path of the construct', () => {
    const { message, problems } = problemsOf(
      drop({ name: '1', maxConcurrency: 1, routes: [{ ...ROUTE, userId: 'me' }], intervalSecond: 5 }),
    );
    expect(message).toMatch(/^Studio\/Builds: 4 problems with the props of StreampixelDrop:\n {2}- /);
    expect([...problems].sort()).toEqual([
      expect.stringMatching(/^intervalSecond: is not a prop/),
      expect.stringMatching(/^maxConcurrency: must be/),
      expect.stringMatching(/^name: must start with/),
      expect.stringMatching(/^routes\[0\]\.userId: must be/),
    ]);
  });

  it.each([
    ['stackName', 'name'],
    ['bucketName', 'bucket'],
    ['bucketKmsKeyArn', 'bucketKmsKey'],
    ['ledgerTableName', 'ledgerTable'],
  ])('name the prop that is there in place of the setting %s', (setting, prop) => {
    const problem = `${setting}: is a setting of the app and no prop. Use ${prop}`;
    expect(problemsOf(drop({ [setting]: 'x' })).problems).toEqual([problem]);
  });

  it.each(['bucket', 'bucketKmsKey', 'alertTopic', 'ledgerTable'])(
    'say how to refer to %s, where it is text',
    (prop) => {
      expect(problemsOf(drop({ [prop]: 'name' })).problems).toContainEqual(
        expect.stringMatching(`^${prop}: must be an object of CDK; \\w+\\.from`),
      );
    },
  );

  it.each(['bucket', 'alertTopic', 'ledgerTable'])('are named once where %s is null', (prop) => {
    const all = problemsOf(drop({ bucket: Bucket.fromBucketName(new Stack(), 'B', 'zips'), [prop]: null })).problems;
    expect(all).toEqual([expect.stringMatching(`^${prop}: must be an object of CDK`)]);
  });

  it('name an alias where the key is needed', () => {
    const stack = new Stack(studioApp(), 'Studio');
    const encryptionKey = Alias.fromAliasName(stack, 'Alias', 'alias/zips');
    const bucket = Bucket.fromBucketAttributes(stack, 'Zips', { bucketName: 'zips', encryptionKey });
    expect(problemsOf(() => new StreampixelDrop(stack, 'Builds', { ...PROPS, bucket })).problems).toEqual([
      expect.stringMatching(/^bucketKmsKey: is an alias/),
    ]);
  });

  it('name the ARN of an alias where that of a key is needed', () => {
    const stack = new Stack(studioApp(), 'Studio');
    const bucket = Bucket.fromBucketName(stack, 'Zips', 'zips');
    const bucketKmsKey = Key.fromKeyArn(stack, 'Key', 'arn:aws:kms:eu-central-1:123456789012:alias/zips');
    expect(problemsOf(() => new StreampixelDrop(stack, 'Builds', { ...PROPS, bucket, bucketKmsKey })).problems).toEqual(
      [expect.stringMatching(/^bucketKmsKey: is an alias/)],
    );
  });

  it('name a topic under the key of AWS, whose policy admits no alarm', () => {
    const stack = new Stack(studioApp(), 'Studio');
    const masterKey = Alias.fromAliasName(stack, 'Key', 'alias/aws/sns');
    const alertTopic = new Topic(stack, 'Topic', { enforceSSL: true, masterKey });
    expect(problemsOf(() => new StreampixelDrop(stack, 'Builds', { ...PROPS, alertTopic })).problems).toEqual([
      expect.stringMatching(/^alertTopic: is encrypted with AWS's own key/),
    ]);
  });

  it('name a FIFO topic', () => {
    const stack = new Stack(studioApp(), 'Studio');
    const alertTopic = Topic.fromTopicArn(stack, 'Topic', 'arn:aws:sns:eu-central-1:123456789012:alerts.fifo');
    expect(problemsOf(() => new StreampixelDrop(stack, 'Builds', { ...PROPS, alertTopic })).problems).toEqual([
      expect.stringMatching(/^alertTopic: is a FIFO topic/),
    ]);
  });

  it('are none where an optional field is undefined, as in JavaScript and in most TypeScript', () => {
    const fields = { release: undefined, onlyLatest: undefined, everyVersion: undefined };
    expect(drop({ dashboard: undefined, name: undefined, routes: [{ ...ROUTE, ...fields }] })).not.toThrow();
  });

  it('name no option of the app, and the command for this drop', () => {
    expect(problemsOf(drop({ routes: 'x' })).message).not.toContain('-c');
    expect(problemsOf(drop({ delivery: 'cloudfront' })).problems).toEqual([
      expect.stringMatching(
        /^deliveryPublicKeys: is empty.*: npx --no streampixel-drop delivery-key create --stack Studio --drop Builds$/,
      ),
    ]);
  });

  it('name a key without its bucket', () => {
    const stack = new Stack(studioApp(), 'Studio');
    const make = () => new StreampixelDrop(stack, 'Builds', { ...PROPS, bucketKmsKey: new Key(stack, 'Key') });
    expect(problemsOf(make).problems).toEqual([expect.stringMatching(/^bucketKmsKey: .* bucket only/)]);
  });

  it.each([
    ['routes[0].userId', { routes: [{ ...ROUTE, userId: Aws.ACCOUNT_ID }] }],
    ['routes[0].projectId', { routes: [{ ...ROUTE, projectId: Lazy.string({ produce: () => ROUTE.projectId }) }] }],
    ['routes[0].apiKeyParameter', { routes: [{ ...ROUTE, apiKeyParameter: Aws.STACK_NAME }] }],
    ['routes', { routes: Token.asList({ Ref: 'Routes' }) }],
    ['routes', { routes: Lazy.any({ produce: () => [ROUTE] }) }],
    ['name', { name: Aws.STACK_NAME }],
    ['prefix', { prefix: Aws.STACK_NAME }],
    ['intervalSeconds', { intervalSeconds: Token.asNumber({ Ref: 'Interval' }) }],
    ['alertEmails', { alertEmails: Token.asList({ Ref: 'Emails' }) }],
    ['deliveryPublicKeys[0]', { deliveryPublicKeys: [Aws.STACK_NAME] }],
    ['dashboard', { dashboard: Lazy.any({ produce: () => true }) }],
  ])('name %s, whose token is known too late', (path, props) => {
    expect(problemsOf(drop(props)).problems).toEqual([
      `${path}: is a token of CDK, known at deployment only. It is needed at synthesis: give the value itself`,
    ]);
  });

  const ELSEWHERE = 'us-east-1:123456789012';
  it.each([
    [
      'bucket',
      'account',
      (stack: Stack) => Bucket.fromBucketAttributes(stack, 'B', { bucketName: 'zips', account: '210987654321' }),
    ],
    [
      'bucket',
      'region',
      (stack: Stack) => Bucket.fromBucketAttributes(stack, 'B', { bucketName: 'zips', region: 'us-east-1' }),
    ],
    [
      'ledgerTable',
      'account',
      (stack: Stack) => Table.fromTableArn(stack, 'T', 'arn:aws:dynamodb:eu-central-1:210987654321:table/t'),
    ],
    ['alertTopic', 'region', (stack: Stack) => Topic.fromTopicArn(stack, 'T', `arn:aws:sns:${ELSEWHERE}:t`)],
    [
      'ledgerTable',
      'region',
      (stack: Stack) => Table.fromTableArn(stack, 'T', `arn:aws:dynamodb:${ELSEWHERE}:table/t`),
    ],
  ])('name a %s of another %s', (prop, part, existing) => {
    const stack = new Stack(studioApp(), 'Studio', { env: { account: '123456789012', region: 'eu-central-1' } });
    const make = () => new StreampixelDrop(stack, 'Builds', { ...PROPS, [prop]: existing(stack) });
    expect(problemsOf(make).problems).toEqual([
      expect.stringMatching(`^${prop}: is in ${part} .* Both have to be in one ${part}$`),
    ]);
  });
});

it('takes tokens where what they stand for is needed at deployment only', () => {
  const stack = new Stack(studioApp(), 'Studio');
  const email = new CfnParameter(stack, 'Email').valueAsString;
  const baseUrl = new CfnParameter(stack, 'BaseUrl').valueAsString;
  new StreampixelDrop(stack, 'Builds', {
    ...{ routes: [ROUTE], alertEmails: [email, 'builds@studio.example'], streampixelBaseUrl: baseUrl },
    bucket: Bucket.fromBucketName(stack, 'Existing', new CfnParameter(stack, 'Bucket').valueAsString),
    ledgerTable: Table.fromTableName(stack, 'Ledger', new CfnParameter(stack, 'Table').valueAsString),
  });
  const template = templateOf(stack);
  expect(ofType(template, 'AWS::SNS::Subscription').map(({ Properties }) => Properties.Endpoint)).toEqual([
    'builds@studio.example',
    { Ref: 'Email' },
  ]);
  expect(JSON.parse(flat(template.Outputs.BuildsSettings?.Value)).streampixelBaseUrl).toBe('<BaseUrl>');
  expect(template.Outputs.BuildsDropBucketName?.Value).toEqual({ Ref: 'Bucket' });
});

describe('an existing bucket', () => {
  const A = [{ ...ROUTE, prefix: 'builds/a/' }];
  const INTO_B = { ...PROPS, prefix: 'builds/b/', routes: [{ ...ROUTE, prefix: 'builds/b/' }] };
  // As an IBucket: with exactOptionalPropertyTypes CDK's own Bucket is none.
  const zips = (stack: Stack, props: BucketProps = {}) =>
    new Bucket(stack, 'Zips', {
      ...{ versioned: true, enforceSSL: true, serverAccessLogsPrefix: 'log/' },
      ...props,
    }) as IBucket;

  it('of the same stack gets the statements for CloudFront in its policy, and its key too', () => {
    const stack = new Stack(studioApp(), 'Studio');
    const bucketKmsKey = new Key(stack, 'Key', { enableKeyRotation: true });
    const bucket = zips(stack, { encryption: BucketEncryption.KMS, encryptionKey: bucketKmsKey });
    const drop = new StreampixelDrop(stack, 'Builds', { ...PROPS, ...CLOUDFRONT, bucket, bucketKmsKey });
    const template = templateOf(stack);
    const services = (document: Json) => document.Statement.map(({ Principal }: Json) => Principal.Service);
    const [policy] = ofType(template, 'AWS::S3::BucketPolicy');
    const [key] = ofType(template, 'AWS::KMS::Key');
    expect(services(policy.Properties.PolicyDocument)).toContain('cloudfront.amazonaws.com');
    expect(services(key.Properties.KeyPolicy)).toContain('cloudfront.amazonaws.com');
    expect(Object.keys(template.Outputs).filter((id) => id.endsWith('Policy'))).toEqual([]);
    expect(ofType(template, 'AWS::S3::Bucket')).toHaveLength(1);
    expect(drop.bucket).toBe(bucket);
    expect(JSON.stringify(ofType(template, 'AWS::IAM::Policy'))).toContain('"kms:Decrypt"');
  });

  it('is read with the key that CDK knows of it', () => {
    const stack = new Stack(studioApp(), 'Studio');
    const encryptionKey = new Key(stack, 'Key', { enableKeyRotation: true });
    const bucket = zips(stack, { encryption: BucketEncryption.KMS, encryptionKey });
    new StreampixelDrop(stack, 'Builds', { ...PROPS, bucket });
    const statements = ofType(templateOf(stack), 'AWS::IAM::Policy').flatMap(
      ({ Properties }) => Properties.PolicyDocument.Statement,
    );
    expect(statements).toContainEqual(
      expect.objectContaining({ Sid: 'DecryptBuilds', Resource: stack.resolve(encryptionKey.keyArn) }),
    );
  });

  it('of another stack is left alone, its statements are printed, and cdk-nag finds nothing', () => {
    const app = studioApp();
    const shared = new Stack(app, 'Shared');
    const stack = new Stack(app, 'Studio');
    new StreampixelDrop(stack, 'Builds', { ...PROPS, ...CLOUDFRONT, bucket: zips(shared), tagObjects: true });
    expect(flat(templateOf(stack).Outputs.BuildsDeliveryBucketPolicy?.Value)).toContain('cloudfront.amazonaws.com');
    expect(JSON.stringify(templateOf(shared).Resources)).not.toContain('cloudfront');
  });

  it('whose notifications CDK sets is refused: they would replace the one that announces builds', () => {
    const stack = new Stack(studioApp(), 'Studio');
    const bucket = zips(stack);
    new StreampixelDrop(stack, 'Builds', { ...PROPS, bucket });
    bucket.addObjectCreatedNotification(new SqsDestination(new Queue(stack, 'Queue', { enforceSSL: true })));
    expect(() => templateOf(stack)).toThrow('Set bucketEvents to eventbridge');
  });

  it.each([
    ['of the studio', (stack: Stack) => zips(stack, { eventBridgeEnabled: false })],
    [
      'with other notifications only',
      (stack: Stack) => {
        const bucket = zips(stack);
        bucket.addObjectCreatedNotification(new SqsDestination(new Queue(stack, 'Queue', { enforceSSL: true })));
        return bucket;
      },
    ],
    [
      'of another drop',
      (stack: Stack) => new StreampixelDrop(stack, 'First', { ...PROPS, prefix: 'builds/a/', routes: A }).bucket,
    ],
  ])('%s that does not send its events to EventBridge is refused with bucketEvents eventbridge', (_, bucketIn) => {
    const stack = new Stack(studioApp(), 'Studio');
    new StreampixelDrop(stack, 'Builds', { ...INTO_B, bucketEvents: 'eventbridge', bucket: bucketIn(stack) });
    expect(() => templateOf(stack)).toThrow(
      /\[Studio\/Builds\/DropBucket\] .* does not send its events to EventBridge/,
    );
  });

  it('of the drop takes no notifications of CDK, but with EventBridge', () => {
    const withNotification = (props: Partial<StreampixelDropProps>) => {
      const stack = new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'Studio');
      const { bucket } = new StreampixelDrop(stack, 'Builds', { ...PROPS, ...props });
      bucket.addObjectCreatedNotification(new SqsDestination(new Queue(stack, 'Queue')));
      return { bucket, stack };
    };
    expect(() => templateOf(withNotification({}).stack)).toThrow('Set bucketEvents to eventbridge');
    const { bucket, stack } = withNotification({ bucketEvents: 'eventbridge' });
    expect(() => templateOf(stack)).toThrow('Call its enableEventBridgeNotification()');
    bucket.enableEventBridgeNotification();
    expect(() => templateOf(stack)).not.toThrow();
  });

  it.each([
    ['as a property of CDK', (stack: Stack) => zips(stack, { eventBridgeEnabled: true })],
    [
      'as a property of the resource',
      (stack: Stack) => {
        const bucket = zips(stack);
        const property = 'NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled';
        (bucket.node.defaultChild as CfnBucket).addPropertyOverride(property, true);
        return bucket;
      },
    ],
    [
      'as that of another drop',
      (stack: Stack) => {
        const props = { ...PROPS, bucketEvents: 'eventbridge', prefix: 'builds/a/', routes: A } as const;
        return new StreampixelDrop(stack, 'First', props).bucket;
      },
    ],
  ])(
    'that sends its events to EventBridge, %s, is refused without bucketEvents eventbridge, and taken with it',
    (_, bucketIn) => {
      const withEvents = (bucketEvents: 'notification' | 'eventbridge') => {
        // Without cdk-nag, which has findings about the function of CDK.
        const stack = new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'Studio');
        new StreampixelDrop(stack, 'Builds', { ...INTO_B, bucketEvents, bucket: bucketIn(stack) });
        return messagesOf(stack);
      };
      expect(withEvents('eventbridge')).toEqual([]);
      expect(() => withEvents('notification')).toThrow('Set bucketEvents to eventbridge');
    },
  );

  it('of a rehearsal is not used, and build machines need not find builds without versions', () => {
    const stack = new Stack(studioApp(), 'Studio-Rehearsal');
    new StreampixelDrop(stack, 'Builds', { ...PROPS, rehearsal: true, bucket: zips(stack) });
    expect(statementsOf(templateOf(stack)).map(({ Sid }) => Sid)).not.toContain('FindBuildsWithoutVersion');
  });

  it('without versions comes with a warning', () => {
    const stack = new Stack(studioApp(), 'Studio');
    new StreampixelDrop(stack, 'Builds', { ...PROPS, bucket: zips(stack, { versioned: false }) });
    expect(messagesOf(stack)).toContainEqual(expect.stringMatching(/^warning: Studio\/Zips keeps no versions/));
  });

  it('under the KMS key of AWS is refused with CloudFront, which can not use it, and taken without', () => {
    const withKey = (delivery: Partial<StreampixelDropProps>) => {
      const stack = new Stack(studioApp(), 'Studio');
      const serverAccessLogsBucket = Bucket.fromBucketName(stack, 'Logs', 'logs');
      const bucket = zips(stack, { encryption: BucketEncryption.KMS_MANAGED, serverAccessLogsBucket });
      new StreampixelDrop(stack, 'Builds', { ...PROPS, ...delivery, bucket });
      return () => templateOf(stack);
    };
    expect(withKey(CLOUDFRONT)).toThrow(/\[Studio\/Builds\/Delivery\] the bucket is encrypted with AWS's own KMS key/);
    expect(withKey({})).not.toThrow();
  });

  it('is shared by drops with prefixes of their own, whose notifications are set one after another', () => {
    const stack = new Stack(studioApp(), 'Studio');
    const watching = (id: string, prefix: string, name = 'zips') =>
      new StreampixelDrop(stack, id, {
        ...{ ...PROPS, prefix, routes: [{ ...ROUTE, prefix }] },
        bucket: Bucket.fromBucketName(stack, `${id}Bucket`, name),
      });
    watching('Builds', 'builds/');
    watching('Nightly', 'nightly/');
    watching('Else', 'builds/', 'other');
    expect(problemsOf(() => watching('Late', 'builds/late/')).problems).toEqual([
      expect.stringMatching(/^prefix: Studio\/Builds watches keys under "builds\/" of the same bucket/),
    ]);
    stack.node.tryRemoveChild('Late');
    const elsewhere = new Stack(stack.node.scope as App, 'Elsewhere');
    const bucket = Bucket.fromBucketName(elsewhere, 'Zips', 'zips');
    expect(problemsOf(() => new StreampixelDrop(elsewhere, 'Builds', { ...PROPS, bucket })).problems).toContainEqual(
      expect.stringMatching(/^prefix: Studio\/Builds watches keys under/),
    );
    stack.node.scope?.node.tryRemoveChild('Elsewhere');
    const { Resources } = templateOf(stack);
    const notifications = Object.keys(Resources).filter((id) => Resources[id].Type === 'Custom::BucketNotification');
    const of = (drop: string) => notifications.find((id) => id.startsWith(drop)) ?? '';
    expect(Resources[of('Nightly')].DependsOn).toContain(of('Builds'));
    expect(Resources[of('Else')].DependsOn).not.toContain(of('Builds'));
  });
});

describe('an existing topic', () => {
  const TOPIC_ARN = 'arn:aws:sns:eu-central-1:123456789012:alerts';
  const withTopic = (makeTopic: (stack: Stack) => Topic) => {
    const stack = new Stack(studioApp(), 'Studio');
    const alertTopic = makeTopic(stack);
    for (const id of ['A', 'B']) new StreampixelDrop(stack, id, { routes: [ROUTE], alertTopic });
    const template = templateOf(stack);
    expect(ofType(template, 'AWS::SNS::Topic')).toHaveLength(1);
    return { policies: ofType(template, 'AWS::SNS::TopicPolicy'), messages: messagesOf(stack) };
  };

  it('that has a policy lets alarms publish', () => {
    const { messages, policies } = withTopic((stack) => new Topic(stack, 'Topic', { enforceSSL: true }));
    const { Statement } = policies[0].Properties.PolicyDocument;
    expect(Statement.map(({ Principal }: Json) => Principal.Service ?? Principal)).toEqual([
      '*',
      'cloudwatch.amazonaws.com',
    ]);
    expect(messages).toEqual([]);
  });

  it('that is encrypted with a key lets alarms and functions use it', () => {
    const stack = new Stack(studioApp(), 'Studio');
    const masterKey = new Key(stack, 'Key', { enableKeyRotation: true });
    const alertTopic = new Topic(stack, 'Topic', { enforceSSL: true, masterKey });
    for (const id of ['A', 'B']) new StreampixelDrop(stack, id, { routes: [ROUTE], alertTopic });
    const template = templateOf(stack);
    const [key] = ofType(template, 'AWS::KMS::Key');
    const services = key.Properties.KeyPolicy.Statement.map(({ Principal }: Json) => Principal.Service);
    expect(services).toEqual([undefined, 'cloudwatch.amazonaws.com']);
    const encrypting = ofType(template, 'AWS::IAM::Policy').filter(({ Properties }) =>
      Properties.PolicyDocument.Statement.some(({ Sid }: Json) => Sid === 'EncryptAlerts'),
    );
    const publishing = ofType(template, 'AWS::IAM::Policy').filter((policy) =>
      JSON.stringify(policy).includes('"sns:Publish"'),
    );
    expect(encrypting).toEqual(publishing);
    expect(encrypting.length).toBeGreaterThan(0);
  });

  it.each([
    ['that is not of the app', (stack: Stack) => Topic.fromTopicArn(stack, 'Topic', TOPIC_ARN)],
    [
      'under an alias',
      (stack: Stack) => {
        const masterKey = new Key(stack, 'Key', { enableKeyRotation: true }).addAlias('alias/alerts');
        return new Topic(stack, 'Topic', { enforceSSL: true, masterKey });
      },
    ],
  ])('%s, so that its key is not known, lets functions use any key for this topic', (_, topicIn) => {
    const stack = new Stack(studioApp(), 'Studio');
    const alertTopic = topicIn(stack);
    new StreampixelDrop(stack, 'Builds', { ...PROPS, alertTopic });
    const template = templateOf(stack);
    const publishing = statementsWith(template, 'sns:Publish');
    const encrypting = statementsOf(template).filter(({ Sid }) => Sid === 'EncryptAlerts');
    expect(encrypting).toHaveLength(publishing.length);
    for (const { Condition, Resource } of encrypting) {
      expect(flat(Resource)).toMatch(/:key\/\*$/);
      expect(flat(Condition.StringEquals['kms:ViaService'])).toMatch(/^sns\./);
      const context = Condition.StringEquals['kms:EncryptionContext:aws:sns:topicArn'];
      expect(context).toEqual(stack.resolve(alertTopic.topicArn));
    }
  });

  it('whose policy is a construct of its own lets alarms publish', () => {
    const stack = new Stack(studioApp(), 'Studio');
    const imported = Topic.fromTopicArn(stack, 'Topic', TOPIC_ARN);
    for (const [id, topic] of Object.entries({
      Imported: imported,
      Own: new Topic(stack, 'OwnTopic', { enforceSSL: true }),
    })) {
      const statement = new PolicyStatement({
        ...{
          actions: ['sns:Publish'],
          principals: [new ServicePrincipal('s3.amazonaws.com')],
          resources: [topic.topicArn],
        },
      });
      const policyDocument = new PolicyDocument({ statements: [statement] });
      new TopicPolicy(stack, `${id}Policy`, { topics: [topic], policyDocument });
      new StreampixelDrop(stack, id, { ...PROPS, alertTopic: topic });
    }
    const policies = ofType(templateOf(stack), 'AWS::SNS::TopicPolicy');
    expect(policies).toHaveLength(3);
    for (const { Properties } of policies) expect(JSON.stringify(Properties)).toContain('cloudwatch.amazonaws.com');
  });

  it('of another account is left alone, with a warning on what its policy needs', () => {
    const app = studioApp();
    const env = { account: '123456789012', region: 'eu-central-1' };
    const stack = new Stack(app, 'Studio', { env });
    const central = new Stack(app, 'Central', { env: { ...env, account: '210987654321' } });
    const topics: Record<string, ITopic> = {
      Imported: Topic.fromTopicArn(stack, 'Topic', TOPIC_ARN.replace(env.account, '210987654321')),
      OfApp: new Topic(central, 'Topic', { topicName: 'alerts', enforceSSL: true }),
    };
    for (const [id, alertTopic] of Object.entries(topics))
      new StreampixelDrop(stack, id, { routes: [ROUTE], alertTopic });
    const text = /^warning: alertTopic is of the account 210987654321: .* let the account 123456789012 and cloudwatch/;
    expect(messagesOf(stack)).toEqual([expect.stringMatching(text), expect.stringMatching(text)]);
    expect(JSON.stringify(ofType(templateOf(central), 'AWS::SNS::TopicPolicy'))).not.toContain('cloudwatch');
  });

  it('of another drop is not asked to send twice to one address', () => {
    const stack = new Stack(studioApp(), 'Studio');
    const { alertTopic } = new StreampixelDrop(stack, 'First', PROPS);
    const alertEmails = [...(PROPS.alertEmails ?? []), 'nightly@studio.example'];
    new StreampixelDrop(stack, 'Nightly', { ...PROPS, alertTopic, alertEmails });
    const endpoints = ofType(templateOf(stack), 'AWS::SNS::Subscription').map(({ Properties }) => Properties.Endpoint);
    expect(endpoints).toEqual(alertEmails);
  });

  it('whose key is of somewhere else is used with a word on what its policy needs', () => {
    const stack = new Stack(studioApp(), 'Studio');
    const masterKey = Key.fromKeyArn(stack, 'Key', 'arn:aws:kms:eu-central-1:123456789012:key/alerts');
    const alertTopic = new Topic(stack, 'Topic', { enforceSSL: true, masterKey });
    new StreampixelDrop(stack, 'Builds', { ...PROPS, alertTopic });
    expect(messagesOf(stack)).toEqual([expect.stringMatching(/^info: The KMS key of alertTopic .*kms:Decrypt/)]);
  });

  it('that has none keeps the default policy, which lets them', () => {
    const { policies } = withTopic((stack) => {
      const topic = new Topic(stack, 'Topic');
      Validations.of(topic).acknowledge({ id: 'AwsSolutions::AwsSolutions-SNS3', reason: 'a test' });
      return topic;
    });
    expect(policies).toEqual([]);
  });

  it('of somewhere else is left alone, with a word on what its policy needs', () => {
    const stack = new Stack(studioApp(), 'Studio');
    const alertTopic = Topic.fromTopicArn(stack, 'Topic', 'arn:aws:sns:eu-central-1:123456789012:alerts');
    new StreampixelDrop(stack, 'Builds', { ...PROPS, alertTopic });
    expect(ofType(templateOf(stack), 'AWS::SNS::TopicPolicy')).toEqual([]);
    expect(messagesOf(stack)).toEqual([
      expect.stringMatching(/^info: .*let cloudwatch\.amazonaws\.com do sns:Publish/),
    ]);
  });
});

describe('an existing ledger', () => {
  const { byState, byUploadId, partitionKey } = LEDGER_TABLE;
  const text = (name: string) => ({ name, type: AttributeType.STRING });
  const ledgerIn = (stack: Stack, props: Partial<TableProps> = {}) => {
    const table = new Table(stack, 'Table', {
      partitionKey: text(partitionKey),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      ...props,
    });
    const sortKey = { name: byState.sortKey, type: AttributeType.NUMBER };
    table.addGlobalSecondaryIndex({ indexName: byState.indexName, partitionKey: text(byState.partitionKey), sortKey });
    table.addGlobalSecondaryIndex({ indexName: byUploadId.indexName, partitionKey: text(byUploadId.partitionKey) });
    return table as ITable;
  };
  const keyIn = (stack: Stack) => new Key(stack, 'Key', { enableKeyRotation: true });
  /** Its statements in the template of the studio, with the policies that use the ledger at all. */
  const withLedger = (ledgerIn: (stack: Stack) => ITable) => {
    const stack = new Stack(studioApp(), 'Studio');
    new StreampixelDrop(stack, 'Builds', { ...PROPS, ledgerTable: ledgerIn(stack) });
    const { Resources } = templateOf(stack);
    const policies = Object.entries(Resources).filter(([, { Type }]) => /^AWS::IAM::(Managed)?Policy$/.test(Type));
    const having = (part: string) =>
      policies.filter(([, policy]) => JSON.stringify(policy).includes(part)).map(([id]) => id);
    const statements = statementsOf({ Resources, Outputs: {} }).filter(({ Sid }) => Sid === 'UseLedgerKey');
    return { using: having('"dynamodb:'), withKey: having('"UseLedgerKey"'), statements };
  };
  const shared = (stack: Stack) => new Stack(stack.node.root, 'Shared');

  it.each([
    ['of the same stack', (stack: Stack) => ledgerIn(stack, { encryptionKey: keyIn(stack) }), /^<Key\w+\.Arn>$/],
    [
      'of another stack',
      (stack: Stack) => {
        const other = shared(stack);
        return ledgerIn(other, { encryptionKey: keyIn(other) });
      },
      /Key/,
    ],
    [
      'of another app',
      (stack: Stack) => {
        const encryptionKey = Key.fromKeyArn(stack, 'Key', 'arn:aws:kms:eu-central-1:123456789012:key/ledger');
        return Table.fromTableAttributes(stack, 'Table', { tableName: 'ledger', encryptionKey });
      },
      /:key\/ledger$/,
    ],
  ])('%s that is encrypted with a key lets all that use it use the key, through DynamoDB', (_, ledger, key) => {
    const { statements, using, withKey } = withLedger(ledger);
    expect(withKey).toEqual(using);
    // submit-build, follow-builds, redrive-builds, and the policy of build machines.
    expect(statements).toHaveLength(4);
    for (const { Condition, Resource } of statements) {
      expect(flat(Resource)).toMatch(key);
      expect(Object.keys(Condition.StringEquals)).toEqual(['kms:ViaService']);
      expect(flat(Condition.StringEquals['kms:ViaService'])).toBe('dynamodb.<AWS::Region>.<AWS::URLSuffix>');
    }
    // Build machines only read.
    expect(statements.filter(({ Action }) => Action === 'kms:Decrypt')).toHaveLength(1);
  });

  it.each([
    ['that is not of the app', (stack: Stack) => Table.fromTableName(stack, 'Table', 'ledger'), 'ledger'],
    [
      'whose name is imported',
      (stack: Stack) => Table.fromTableName(stack, 'Table', Fn.importValue('Ledger')),
      { 'Fn::ImportValue': 'Ledger' },
    ],
    [
      'under an alias',
      (stack: Stack) => ledgerIn(stack, { encryptionKey: keyIn(stack).addAlias('alias/ledger') }),
      { Ref: expect.stringMatching(/^Table/) },
    ],
  ])('%s, so that its key is not known, lets them use any key for this table', (_, ledger, tableName) => {
    const { statements, using, withKey } = withLedger(ledger);
    expect(withKey).toEqual(using);
    for (const { Condition, Resource } of statements) {
      expect(flat(Resource)).toBe('arn:<AWS::Partition>:kms:<AWS::Region>:<AWS::AccountId>:key/*');
      expect(Condition.StringEquals).toEqual({
        'kms:ViaService': expect.anything(),
        'kms:EncryptionContext:aws:dynamodb:tableName': tableName,
        'kms:EncryptionContext:aws:dynamodb:subscriberId': { Ref: 'AWS::AccountId' },
      });
    }
  });

  it('of the app without a key of its own needs no permission for one', () => {
    expect(withLedger((stack) => ledgerIn(stack)).withKey).toEqual([]);
    expect(withLedger((stack) => new StreampixelDrop(stack, 'First', PROPS).ledger).withKey).toEqual([]);
  });

  it.each([
    ['the key pk \\(S\\)', (stack: Stack) => ledgerIn(stack, { partitionKey: text('id') })],
    ['the key pk \\(S\\)', (stack: Stack) => ledgerIn(stack, { sortKey: text('sk') })],
    [
      'the index by-state .* state \\(S\\), updatedAt \\(N\\), the index by-upload-id',
      (stack: Stack) => {
        const table = new Table(stack, 'Table', { partitionKey: text(partitionKey) });
        const keys = { partitionKey: text(byState.partitionKey), sortKey: text(byState.sortKey) };
        table.addGlobalSecondaryIndex({ indexName: byState.indexName, ...keys });
        table.addGlobalSecondaryIndex({
          indexName: byUploadId.indexName,
          partitionKey: text(byUploadId.partitionKey),
          projectionType: ProjectionType.KEYS_ONLY,
        });
        return table as ITable;
      },
    ],
  ])('is refused where CDK knows that it lacks %s', (lacking, ledger) => {
    expect(() => withLedger(ledger)).toThrow(
      new RegExp(`\\[Studio/Builds/Ledger\\] the table Studio/Table is not the ledger of a drop: it lacks ${lacking}`),
    );
  });
});
