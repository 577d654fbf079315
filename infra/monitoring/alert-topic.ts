import { Annotations, Aspects, Aws } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { arn } from '../access/arn.ts';

/** The topic that people subscribe to: it gets each alert and each alarm. */
export class AlertTopic extends Construct {
  readonly topic: ITopic;

  constructor(scope: Construct, id: string, emails: readonly string[], existing?: ITopic) {
    super(scope, id);
    this.topic = existing ?? this.createTopic();
    if (existing !== undefined) {
      this.letAlarmsPublish(existing);
      this.letAlarmsEncrypt(existing);
    }
    for (const email of emails) this.topic.addSubscription(new EmailSubscription(email));
  }

  private createTopic(): Topic {
    const topic = new Topic(this, 'Topic', { displayName: 'streampixel-drop', enforceSSL: true });
    topic.addToResourcePolicy(allowAlarms(topic));
    return topic;
  }

  private letAlarmsPublish(existing: ITopic): void {
    if (existing.node.defaultChild === undefined) {
      Annotations.of(this).addInfo(
        'alertTopic is not of this app: if it has a policy of its own, that has to let cloudwatch.amazonaws.com do sns:Publish, or the ' +
          'alarms send nothing. (A topic without one has a default policy that lets them.)',
      );
      return;
    }
    // When everything else is in place, since only a topic that has a policy by then needs the statement: with it another one
    // would get a policy in place of the default one.
    Aspects.of(this).add({
      visit: (node) => {
        if (node === this && existing.node.tryFindChild('Policy')) existing.addToResourcePolicy(allowAlarms(existing));
      },
    });
  }

  /** Under a key of the studio's own: alarms publish as CloudWatch, which no policy of a role permits anything. */
  private letAlarmsEncrypt({ masterKey }: ITopic): void {
    if (masterKey === undefined) return;
    // Source: "Notifying users on alarm changes", where the topic is encrypted.
    const { statementAdded } = masterKey.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AllowAlarms',
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        resources: ['*'],
      }),
    );
    if (statementAdded) return;
    Annotations.of(this).addInfo(
      'The KMS key of alertTopic is not of this app: its policy has to let cloudwatch.amazonaws.com do kms:Decrypt and ' +
        'kms:GenerateDataKey*, or the alarms send nothing.',
    );
  }
}

/** A topic with a policy of its own loses the default one, under which alarms of the account may publish. */
function allowAlarms(topic: ITopic): PolicyStatement {
  return new PolicyStatement({
    sid: 'AllowAlarms',
    principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
    actions: ['sns:Publish'],
    resources: [topic.topicArn],
    conditions: {
      ArnLike: { 'aws:SourceArn': arn('cloudwatch', 'alarm:*') },
      StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
    },
  });
}
