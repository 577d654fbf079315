import { Annotations, Aspects, Aws } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { arn } from './arn.ts';

/** The topic that people subscribe to: it gets each alert and each alarm. */
export class AlertTopic extends Construct {
  readonly topic: ITopic;

  constructor(scope: Construct, id: string, emails: readonly string[], existing?: ITopic) {
    super(scope, id);
    this.topic = existing ?? this.createTopic();
    if (existing !== undefined) this.letAlarmsPublish(existing);
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
