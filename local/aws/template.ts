import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { CreateTableCommandInput } from '@aws-sdk/client-dynamodb';
import * as v from 'valibot';
import type { BucketNotification } from '../../functions/set-bucket-notification/bucket-notification.ts';
import { distributionOf } from './distribution.ts';
import { type EventPattern, readEventPattern } from './event-rules.ts';
import type { HttpApiSpec } from './http-api.ts';
import { createResolver, type Identity, type Place, type Template } from './intrinsics.ts';
import type { FunctionSpec } from './lambda-process.ts';
import type { BucketSpec } from './s3-buckets.ts';

/** The parts of a stack that the local stack emulates, with every reference resolved to a name in the local account. */
export type Deployment = ReturnType<typeof deploymentOf>;

/** A rule of EventBridge and where it sends its events. */
export interface EventRule {
  readonly pattern: EventPattern;
  readonly targets: readonly RuleTarget[];
}

export type RuleTarget =
  | {
      readonly kind: 'function';
      readonly function: FunctionSpec;
      /** Attempts after one that failed, 0 to 2. */
      readonly retryAttempts: number;
    }
  | { readonly kind: 'queue'; readonly queueUrl: string };

/** An alarm on the number of messages that wait in a queue. */
export interface DepthAlarm {
  readonly name: string;
  readonly queueName: string;
  /** Messages that make it fire. */
  readonly threshold: number;
  /** A state lasts this long at least, in ms. */
  readonly periodMs: number;
}

/**
 * Reads the stack of a cloud assembly, as `cdk deploy` would hand it to CloudFormation. Resources that the local stack does
 * not emulate (roles, policies, e-mail subscriptions) are left out.
 *
 * @param assemblyDirectory what `cdk synth` wrote, with one stack in it
 * @throws Error that names the resource, where an emulated one refers to another that is not
 */
export function readDeployment(assemblyDirectory: string, place: Place): Deployment {
  const file = readdirSync(assemblyDirectory).find((name) => name.endsWith(TEMPLATE_SUFFIX)) ?? '';
  const template: Template = JSON.parse(readFileSync(join(assemblyDirectory, file), 'utf8'));
  return deploymentOf(template, basename(file, TEMPLATE_SUFFIX), assemblyDirectory, place);
}

const TEMPLATE_SUFFIX = '.template.json';

/** @param assemblyDirectory with the code that the template names by its S3 key */
export function deploymentOf(template: Template, stackName: string, assemblyDirectory: string, place: Place) {
  const { resolve, identityOf } = createResolver(template, stackName, place);

  function ofType<Properties = object>(type: string): (Identity & { readonly properties: Properties })[] {
    const resources = Object.entries(template.Resources).filter(([, resource]) => resource.Type === type);
    return resources.map(([id, { Properties = {} }]) => ({
      ...identityOf(id),
      properties: resolve(Properties) as Properties,
    }));
  }

  const functions = ofType<FunctionProperties>('AWS::Lambda::Function').map(
    ({ name, arn, properties }): FunctionSpec => ({
      name,
      arn,
      codeDirectory: join(assemblyDirectory, `asset.${basename(properties.Code.S3Key, '.zip')}`),
      handler: properties.Handler,
      timeoutS: properties.Timeout,
      memoryMb: properties.MemorySize,
      environment: properties.Environment?.Variables ?? {},
      logGroup: properties.LoggingConfig.LogGroup,
    }),
  );

  function functionOf(nameOrArn: string | undefined): FunctionSpec {
    const found = functions.find(({ name, arn }) => nameOrArn === name || nameOrArn === arn);
    if (found === undefined) throw new Error(`The template has no function ${nameOrArn}.`);
    return found;
  }

  const queues = ofType<{ QueueName?: string }>('AWS::SQS::Queue');
  const queueOf = (queueArn: string) => queues.find(({ arn }) => arn === queueArn);

  // A delivery that fails is reported here, so nothing gets into the dead-letter queue of a target.
  function targetOf({ Arn, Id, DeadLetterConfig, ...rest }: RuleTargetProperties): RuleTarget {
    const [unknown] = Object.keys(rest);
    if (unknown !== undefined) throw new Error(`The local stack does not know ${unknown} of a rule's target.`);
    const queue = queueOf(Arn);
    if (queue !== undefined) return { kind: 'queue', queueUrl: queue.ref };
    const spec = functionOf(Arn);
    const configs = ofType<{ FunctionName: string; MaximumRetryAttempts?: number }>('AWS::Lambda::EventInvokeConfig');
    const config = configs.find(({ properties }) => properties.FunctionName === spec.name);
    // Lambda's default.
    return { kind: 'function', function: spec, retryAttempts: config?.properties.MaximumRetryAttempts ?? 2 };
  }

  function httpApiOf({ ref: id }: Identity): HttpApiSpec {
    const [stage] = ofType<StageProperties>('AWS::ApiGatewayV2::Stage').filter(
      ({ properties }) => properties.ApiId === id,
    );
    const routes = ofType<{ ApiId: string; RouteKey: string; Target: string }>('AWS::ApiGatewayV2::Route').filter(
      ({ properties }) => properties.ApiId === id,
    );
    const integrations = ofType<{ IntegrationUri: string }>('AWS::ApiGatewayV2::Integration');
    const { ThrottlingRateLimit, ThrottlingBurstLimit } = stage?.properties.DefaultRouteSettings ?? {};
    return {
      id,
      // The defaults of an account.
      throttle: { ratePerS: ThrottlingRateLimit ?? 10_000, burst: ThrottlingBurstLimit ?? 5_000 },
      routes: routes.map(({ properties: { RouteKey, Target } }) => {
        const integration = integrations.find(({ ref }) => Target === `integrations/${ref}`);
        return { key: RouteKey, function: functionOf(integration?.properties.IntegrationUri) };
      }),
    };
  }

  const rules = ofType<RuleProperties>('AWS::Events::Rule').flatMap(
    ({ properties: { EventPattern, Targets } }): EventRule[] =>
      EventPattern === undefined ? [] : [{ pattern: readEventPattern(EventPattern), targets: Targets.map(targetOf) }],
  );

  function buckets(): BucketSpec[] {
    const notifications = ofType<BucketNotification>('Custom::BucketNotification').map(({ properties }) => properties);
    const patterns = rules.flatMap(({ pattern }) => {
      const { success, output } = v.safeParse(objectCreatedPattern, pattern);
      return success ? [{ bucket: output.detail.bucket.name[0], pattern }] : [];
    });
    // One that exists already is not in the template: its notification names it, or the rule for its events. So do those of the
    // stack's own bucket.
    const names = [...notifications.map(({ BucketName }) => BucketName), ...patterns.map(({ bucket }) => bucket)];
    return [...new Set(names)].map((name) => ({
      name,
      notifications: notifications
        .filter(({ BucketName }) => BucketName === name)
        .map(({ QueueArn, Prefix, Suffix }) => ({ queueArn: QueueArn, prefix: Prefix, suffix: Suffix })),
      eventPatterns: patterns.filter(({ bucket }) => bucket === name).map(({ pattern }) => pattern),
    }));
  }
  const outputs = Object.entries(template.Outputs ?? {}).map(
    ([id, { Value }]) => [id, String(resolve(Value))] as const,
  );

  return {
    template,
    stackName,
    functions,
    queues: queues.map(({ name, properties: { QueueName, ...attributes } }) => ({
      name,
      /** As SQS's `CreateQueue` takes them. */
      attributes: Object.fromEntries(
        Object.entries(attributes).map(([attribute, value]) => [
          attribute,
          typeof value === 'object' ? JSON.stringify(value) : String(value),
        ]),
      ),
    })),
    buckets: buckets(),
    tables: ofType<CreateTableCommandInput>('AWS::DynamoDB::Table').map(
      ({ name, properties }): CreateTableCommandInput => {
        const { AttributeDefinitions, KeySchema, GlobalSecondaryIndexes, BillingMode } = properties;
        return { TableName: name, AttributeDefinitions, KeySchema, GlobalSecondaryIndexes, BillingMode };
      },
    ),
    topics: ofType('AWS::SNS::Topic').map(({ arn }) => ({
      arn,
      /** Those that get its messages, as SNS sends them by default. */
      queueArns: ofType<SubscriptionProperties>('AWS::SNS::Subscription').flatMap(({ properties }) =>
        properties.Protocol === 'sqs' && properties.TopicArn === arn ? properties.Endpoint : [],
      ),
    })),
    /** Each with the function that it invokes. */
    eventSources: ofType<EventSourceProperties>('AWS::Lambda::EventSourceMapping').map(({ properties }) => ({
      queueArn: properties.EventSourceArn,
      queueUrl: queueOf(properties.EventSourceArn)?.ref ?? '',
      batchSize: properties.BatchSize,
      maximumConcurrency: properties.ScalingConfig.MaximumConcurrency,
      function: functionOf(properties.FunctionName),
    })),
    /** Of the default bus, without those on a schedule. */
    rules,
    httpApis: ofType('AWS::ApiGatewayV2::Api').map(httpApiOf),
    distribution: distributionOf(ofType),
    depthAlarms: ofType<AlarmProperties>('AWS::CloudWatch::Alarm')
      .filter(({ properties }) => properties.MetricName === 'ApproximateNumberOfMessagesVisible')
      .map(
        ({ properties: { AlarmName, Dimensions, Threshold, Period } }): DepthAlarm => ({
          name: AlarmName,
          queueName: Dimensions.find(({ Name }) => Name === 'QueueName')?.Value ?? '',
          threshold: Threshold,
          periodMs: Period * 1000,
        }),
      ),
    /** By logical id. */
    outputs: Object.fromEntries(outputs),
    /** @throws Error where there is no such output */
    output(logicalId: string): string {
      const [, value] = outputs.find(([id]) => id === logicalId) ?? [];
      if (value === undefined) throw new Error(`The template has no output ${logicalId}.`);
      return value;
    },
  };
}

/** The rule for the events of one bucket. */
const objectCreatedPattern = v.object({
  source: v.tuple([v.literal('aws.s3')]),
  detail: v.object({ bucket: v.object({ name: v.tuple([v.string()]) }) }),
});

interface FunctionProperties {
  readonly Code: { readonly S3Key: string };
  readonly Handler: string;
  readonly Timeout: number;
  readonly MemorySize: number;
  readonly Environment?: { readonly Variables: Readonly<Record<string, string>> };
  readonly LoggingConfig: { readonly LogGroup: string };
}

interface EventSourceProperties {
  readonly EventSourceArn: string;
  readonly FunctionName: string;
  readonly BatchSize: number;
  readonly ScalingConfig: { readonly MaximumConcurrency: number };
}

interface SubscriptionProperties {
  readonly Protocol: string;
  readonly TopicArn: string;
  readonly Endpoint: string;
}

interface RuleProperties {
  readonly EventPattern?: unknown;
  readonly Targets: readonly RuleTargetProperties[];
}

interface RuleTargetProperties {
  readonly Arn: string;
  readonly Id: string;
  readonly DeadLetterConfig?: unknown;
}

interface StageProperties {
  readonly ApiId: string;
  readonly DefaultRouteSettings?: { readonly ThrottlingRateLimit?: number; readonly ThrottlingBurstLimit?: number };
}

interface AlarmProperties {
  readonly AlarmName: string;
  readonly MetricName: string;
  readonly Dimensions: readonly { readonly Name: string; readonly Value: string }[];
  readonly Threshold: number;
  /** In s. */
  readonly Period: number;
}
