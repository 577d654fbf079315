import { Annotations, Aspects, Aws, Stack, Token } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type CfnTopicPolicy, type ITopic, Topic, TopicPolicy } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { arn } from '../access/arn.ts';

/** The topic that people subscribe to: it gets each alert and each alarm. */
export class AlertTopic extends Construct {
  readonly topic: ITopic;

  constructor(scope: Construct, id: string, emails: readonly string[], existing?: ITopic) {
    super(scope, id);
    this.topic = existing ?? this.createTopic();
    if (existing !== undefined) this.letAlarmsUse(existing);
    for (const email of emails) {
      // The topic may be that of another drop, which has the address already.
      if (this.topic.node.tryFindChild(email) === undefined) this.topic.addSubscription(new EmailSubscription(email));
    }
  }

  private createTopic(): Topic {
    const topic = new Topic(this, 'Topic', { displayName: 'streampixel-drop', enforceSSL: true });
    topic.addToResourcePolicy(allowAlarms(topic));
    return topic;
  }

  private letAlarmsUse(existing: ITopic): void {
    const [own, its] = [Stack.of(this).account, existing.env.account];
    if (own === its || [own, its].some(Token.isUnresolved)) {
      this.letAlarmsPublish(existing);
      this.letAlarmsEncrypt(existing);
      return;
    }
    // By default a topic lets only its own account publish.
    Annotations.of(this).addWarningV2(
      'streampixel-drop:topic-of-another-account',
      `alertTopic is of the account ${its}: its policy has to let the account ${own} and cloudwatch.amazonaws.com do sns:Publish, and that ` +
        'of its KMS key, if it has one, kms:Decrypt and kms:GenerateDataKey*. Otherwise no alert and no alarm arrives.',
    );
  }

  private letAlarmsPublish(existing: ITopic): void {
    // When everything else is in place, since only a topic that has a policy by then needs the statement: with it another one
    // would get a policy in place of the default one.
    Aspects.of(this).add({
      visit: (node) => {
        if (node !== this) return;
        for (const { document } of policiesOf(existing)) document.addStatements(allowAlarms(existing));
      },
    });
    if (existing.node.defaultChild !== undefined) return;
    const forKey =
      existing.masterKey === undefined
        ? ' The same goes for kms:Decrypt and kms:GenerateDataKey* in the policy of its KMS key, if it is encrypted with one.'
        : '';
    Annotations.of(this).addInfo(
      'alertTopic is not of this app: if it has a policy of its own, that has to let cloudwatch.amazonaws.com do sns:Publish, or the ' +
        `alarms send nothing. (A topic without one has a default policy that lets those of its account.)${forKey}`,
    );
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

/** The policies that the app gives a topic: CDK's own child of it, or constructs of their own. */
function policiesOf(topic: ITopic): readonly TopicPolicy[] {
  const stack = Stack.of(topic);
  const arnOf = (value: string) => JSON.stringify(stack.resolve(value));
  return stack.node
    .findAll()
    .filter((each): each is TopicPolicy => each instanceof TopicPolicy)
    .filter(({ node }) => (node.defaultChild as CfnTopicPolicy).topics.map(arnOf).includes(arnOf(topic.topicArn)));
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
