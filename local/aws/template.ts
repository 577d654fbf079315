import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CreateTableCommandInput } from '@aws-sdk/client-dynamodb';
import { type EventPattern, readEventPattern } from './event-rules.ts';
import type { EventSourceSpec } from './event-source.ts';
import { type BucketSpec, LOCAL_ACCOUNT_ID } from './gateway.ts';
import { type HttpApiSpec, httpApiPath } from './http-api.ts';
import { type ApiResource, readHttpApi } from './http-api-template.ts';
import type { FunctionSpec } from './lambda-process.ts';
import type { NotificationSpec } from './s3-notifications.ts';

/** What the synthesized stack says is to exist, with every reference resolved to a name in the local account. */
export interface Deployment {
  readonly buckets: readonly BucketSpec[];
  readonly queues: readonly QueueSpec[];
  readonly tables: readonly CreateTableCommandInput[];
  readonly topicArns: readonly string[];
  /** Each with the function it feeds. */
  readonly eventSources: readonly (EventSourceSpec & { readonly function: FunctionSpec })[];
  /** Of the default bus. */
  readonly rules: readonly EventRule[];
  readonly httpApis: readonly HttpApiSpec[];
  /** Names of rules and schedules that AWS would run by time; nothing here does. */
  readonly schedules: readonly string[];
  readonly depthAlarms: readonly DepthAlarm[];
  readonly stackName: string;
  /** The stack's outputs by logical id, without those that refer to what has no counterpart here. */
  readonly outputs: Readonly<Record<string, string>>;
  /**
   * One of the stack's outputs.
   *
   * @throws Error where there is none of that id
   */
  output(logicalId: string): string;
}

export interface QueueSpec {
  readonly name: string;
  /** As SQS's `CreateQueue` takes them. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** A rule of EventBridge and what it sends its events to. */
export interface EventRule {
  readonly name: string;
  readonly pattern: EventPattern;
  readonly targets: readonly RuleTarget[];
}

export type RuleTarget =
  | {
      readonly kind: 'function';
      readonly function: FunctionSpec;
      /** Tries after one that failed, 0 to 2. */
      readonly retryAttempts: number;
    }
  | { readonly kind: 'queue'; readonly queueUrl: string };

/** An alarm on the number of messages that wait in a queue. */
export interface DepthAlarm {
  readonly name: string;
  readonly queueName: string;
  /** A state lasts this long at least, in ms. */
  readonly periodMs: number;
  isBreached(depth: number): boolean;
}

export interface Place {
  readonly region: string;
  /** Base of queue URLs. */
  readonly endpoint: string;
}

interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}

interface Template {
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Parameters?: Readonly<Record<string, { readonly Default?: unknown }>>;
  readonly Outputs?: Readonly<Record<string, { readonly Value: unknown }>>;
}

/**
 * Reads what the local stack serves from a cloud assembly, as `cdk deploy` would hand it to CloudFormation. What it has no
 * counterpart for (roles, policies, e-mail subscriptions) is passed over.
 *
 * @param assemblyDirectory what `cdk synth` wrote, with one stack in it
 * @throws Error that names the resource, where something that is served refers to what can't be
 */
export function readDeployment(assemblyDirectory: string, place: Place): Deployment {
  const artifacts = Object.entries(readJson(assemblyDirectory, 'manifest.json').artifacts as Record<string, Artifact>);
  const [stackName, stack] = artifacts.find(([, { type }]) => type === 'aws:cloudformation:stack') ?? [];
  const assets = artifacts.find(([, { type }]) => type === 'cdk:asset-manifest')?.[1];
  if (
    stackName === undefined ||
    stack?.properties.templateFile === undefined ||
    assets?.properties.file === undefined
  ) {
    throw new Error(`${assemblyDirectory} is not a cloud assembly with a stack and its assets.`);
  }
  const template = readJson(assemblyDirectory, stack.properties.templateFile) as unknown as Template;
  const { files } = readJson(assemblyDirectory, assets.properties.file) as unknown as AssetManifest;
  const codeDirectories = new Map(
    Object.values(files).flatMap(({ source, destinations }) =>
      Object.values(destinations).map(({ objectKey }) => [objectKey, join(assemblyDirectory, source.path)] as const),
    ),
  );
  return deploymentOf(template, stackName, codeDirectories, place);
}

interface Artifact {
  readonly type: string;
  readonly properties: { readonly templateFile?: string; readonly file?: string };
}

interface AssetManifest {
  readonly files: Readonly<
    Record<
      string,
      { readonly source: { path: string }; readonly destinations: Record<string, { readonly objectKey: string }> }
    >
  >;
}

function readJson(directory: string, file: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(directory, file), 'utf8'));
}

/**
 * The part of {@link readDeployment} behind the files.
 *
 * @param codeDirectories where the code lies that the template names by S3 key
 */
export function deploymentOf(
  template: Template,
  stackName: string,
  codeDirectories: ReadonlyMap<string, string>,
  place: Place,
): Deployment {
  const { resolve, describe } = createResolver(template, stackName, place);
  const resources = Object.entries(template.Resources);
  const ofType = (type: string) =>
    resources.filter(([, resource]) => resource.Type === type).map(([id, { Properties = {} }]) => ({ id, Properties }));

  function functionOf(nameOrArn: string): FunctionSpec {
    const found = ofType('AWS::Lambda::Function').find(({ id }) =>
      [describe(id).name, describe(id).arn].includes(nameOrArn),
    );
    if (found === undefined) throw new Error(`The template has no function ${nameOrArn}.`);
    // Not all of them: the role, for one, has no local counterpart.
    const { Code, Handler, Runtime, Timeout, MemorySize, Environment, LoggingConfig } = found.Properties;
    const properties = resolve({
      Code,
      Handler,
      Runtime,
      Timeout,
      MemorySize,
      Environment,
      LoggingConfig,
    }) as FunctionProperties;
    const codeDirectory = codeDirectories.get(properties.Code.S3Key ?? '');
    if (codeDirectory === undefined || !properties.Runtime?.startsWith('nodejs')) {
      throw new Error(`${found.id} can't run here: only bundled Node.js functions can.`);
    }
    const { name, arn } = describe(found.id);
    return {
      name,
      arn,
      codeDirectory,
      handler: properties.Handler,
      // CloudFormation's defaults.
      timeoutS: properties.Timeout ?? 3,
      memoryMb: properties.MemorySize ?? 128,
      environment: properties.Environment?.Variables ?? {},
      logGroup: properties.LoggingConfig?.LogGroup ?? `/aws/lambda/${name}`,
    };
  }

  function retryAttemptsOf(functionName: string): number {
    const configs = ofType('AWS::Lambda::EventInvokeConfig').map(
      ({ Properties }) => resolve(Properties) as unknown as EventInvokeConfigProperties,
    );
    // Lambda's default.
    return configs.find((config) => config.FunctionName === functionName)?.MaximumRetryAttempts ?? 2;
  }

  function ruleOf(id: string, properties: Readonly<Record<string, unknown>>): EventRule {
    const { EventPattern: pattern, EventBusName: bus, Targets: targets } = properties;
    const unserved = (what: string) => new Error(`The local stack can't serve the rule ${id}: ${what}.`);
    if (bus !== undefined && bus !== 'default') throw unserved('it is on a bus other than the default one');
    const { name } = describe(id);
    try {
      return {
        name,
        pattern: readEventPattern(resolve(pattern)),
        targets: ((targets ?? []) as Record<string, unknown>[]).map(({ Arn, Id, ...rest }) => {
          const [unknown] = Object.keys(rest);
          if (unknown !== undefined) throw new Error(`its target has ${unknown}`);
          return targetOf(String(resolve(Arn)));
        }),
      };
    } catch (error) {
      throw unserved(messageOf(error));
    }
  }

  function targetOf(arn: string): RuleTarget {
    const queue = ofType('AWS::SQS::Queue').find(({ id }) => describe(id).arn === arn);
    if (queue !== undefined) return { kind: 'queue', queueUrl: describe(queue.id).ref };
    const target = functionOf(arn);
    return { kind: 'function', function: target, retryAttempts: retryAttemptsOf(target.name) };
  }

  /** Resources of a type as a reader wants them that knows no intrinsic functions. */
  function resolved(type: string): ApiResource[] {
    // Access logs lead to what has no local counterpart.
    return ofType(type).map(({ id, Properties: { AccessLogSettings, ...properties } }) => ({
      ref: describe(id).ref,
      properties: resolve(properties) as Readonly<Record<string, unknown>>,
    }));
  }

  function httpApiOf(api: ApiResource): HttpApiSpec {
    const partsOf = (type: string) => resolved(type).filter(({ properties }) => properties.ApiId === api.ref);
    try {
      return readHttpApi({
        api,
        stages: partsOf('AWS::ApiGatewayV2::Stage'),
        routes: partsOf('AWS::ApiGatewayV2::Route'),
        integrations: partsOf('AWS::ApiGatewayV2::Integration'),
        functionOf,
      });
    } catch (error) {
      throw new Error(`The local stack can't serve the API ${api.ref}: ${messageOf(error)}.`);
    }
  }

  const rules = ofType('AWS::Events::Rule').filter(({ Properties }) => Properties.State !== 'DISABLED');

  function output(logicalId: string): string {
    const found = template.Outputs?.[logicalId];
    if (found === undefined) throw new Error(`The template has no output ${logicalId}.`);
    return String(resolve(found.Value));
  }

  return {
    stackName,
    queues: ofType('AWS::SQS::Queue').map(({ id, Properties }) => {
      const { QueueName, Tags, ...attributes } = resolve(Properties) as Record<string, unknown>;
      return {
        name: describe(id).name,
        attributes: Object.fromEntries(
          Object.entries(attributes).map(([name, value]) => [
            name,
            typeof value === 'object' ? JSON.stringify(value) : String(value),
          ]),
        ),
      };
    }),
    buckets: [
      ...ofType('AWS::S3::Bucket').map(({ id, Properties }) => ({
        name: describe(id).name,
        versioned: (Properties.VersioningConfiguration as { Status?: string } | undefined)?.Status === 'Enabled',
        notifications: bucketNotifications(resolve(Properties.NotificationConfiguration)),
      })),
      // A bucket that exists already is not in the template; CDK's custom resource is all that speaks of it.
      ...ofType('Custom::S3BucketNotifications').map(({ Properties }) => ({
        name: String(resolve(Properties.BucketName)),
        versioned: true,
        notifications: customNotifications(resolve(Properties.NotificationConfiguration)),
      })),
    ],
    tables: ofType('AWS::DynamoDB::Table').map(({ id, Properties }) => {
      const { AttributeDefinitions, KeySchema, GlobalSecondaryIndexes, BillingMode, ProvisionedThroughput } = resolve(
        Properties,
      ) as unknown as CreateTableCommandInput;
      return {
        TableName: describe(id).name,
        AttributeDefinitions,
        KeySchema,
        GlobalSecondaryIndexes,
        BillingMode,
        ProvisionedThroughput,
      };
    }),
    topicArns: ofType('AWS::SNS::Topic').map(({ id }) => describe(id).arn),
    eventSources: ofType('AWS::Lambda::EventSourceMapping').map(({ Properties }) => {
      const mapping = resolve(Properties) as unknown as EventSourceProperties;
      return {
        queueArn: mapping.EventSourceArn,
        queueUrl: queueUrl(place.endpoint, mapping.EventSourceArn.split(':').at(-1) ?? ''),
        batchSize: mapping.BatchSize ?? 10,
        // Without a bound Lambda starts with five.
        maximumConcurrency: mapping.ScalingConfig?.MaximumConcurrency ?? 5,
        reportBatchItemFailures: mapping.FunctionResponseTypes?.includes('ReportBatchItemFailures') ?? false,
        function: functionOf(mapping.FunctionName),
      };
    }),
    rules: rules
      .filter(({ Properties }) => Properties.EventPattern !== undefined)
      .map(({ id, Properties }) => ruleOf(id, Properties)),
    httpApis: resolved('AWS::ApiGatewayV2::Api').map(httpApiOf),
    schedules: [
      ...rules.filter(({ Properties }) => Properties.ScheduleExpression !== undefined),
      ...ofType('AWS::Scheduler::Schedule'),
    ].map(({ id }) => describe(id).name),
    depthAlarms: ofType('AWS::CloudWatch::Alarm')
      .filter(({ Properties }) => Properties.MetricName === 'ApproximateNumberOfMessagesVisible')
      // Not all of it: what alarms say refers to logs and dashboards, which have no counterpart here.
      .map(({ Properties: { AlarmName, Dimensions, Threshold, ComparisonOperator, Period } }) =>
        depthAlarm(
          resolve({ AlarmName, Dimensions, Threshold, ComparisonOperator, Period }) as unknown as AlarmProperties,
        ),
      ),
    outputs: Object.fromEntries(
      Object.keys(template.Outputs ?? {}).flatMap((logicalId) => {
        try {
          return [[logicalId, output(logicalId)]];
        } catch {
          return [];
        }
      }),
    ),
    output,
  };
}

interface FunctionProperties {
  readonly Code: { readonly S3Key?: string };
  readonly Handler: string;
  readonly Runtime?: string;
  readonly Timeout?: number;
  readonly MemorySize?: number;
  readonly Environment?: { readonly Variables?: Record<string, string> };
  readonly LoggingConfig?: { readonly LogGroup?: string };
}

interface EventSourceProperties {
  readonly EventSourceArn: string;
  readonly FunctionName: string;
  readonly BatchSize?: number;
  readonly ScalingConfig?: { readonly MaximumConcurrency?: number };
  readonly FunctionResponseTypes?: readonly string[];
}

interface EventInvokeConfigProperties {
  readonly FunctionName: string;
  readonly MaximumRetryAttempts?: number;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : `${error}`;
}

interface AlarmProperties {
  readonly AlarmName: string;
  readonly Dimensions: readonly { readonly Name: string; readonly Value: string }[];
  readonly Threshold: number;
  readonly ComparisonOperator: string;
  /** In s. */
  readonly Period: number;
}

interface FilterRule {
  readonly Name: string;
  readonly Value: string;
}

function bucketNotifications(configuration: unknown): NotificationSpec[] {
  const { QueueConfigurations: configurations = [] } = (configuration ?? {}) as {
    QueueConfigurations?: { Event: string; Queue: string; Filter?: { S3Key: { Rules: FilterRule[] } } }[];
  };
  return configurations.map(({ Event, Queue, Filter }, index) =>
    notification(`queue-${index}`, Queue, [Event], Filter?.S3Key.Rules),
  );
}

function customNotifications(configuration: unknown): NotificationSpec[] {
  const { QueueConfigurations: configurations = [] } = (configuration ?? {}) as {
    QueueConfigurations?: { Events: string[]; QueueArn: string; Filter?: { Key: { FilterRules: FilterRule[] } } }[];
  };
  return configurations.map(({ Events, QueueArn, Filter }, index) =>
    notification(`queue-${index}`, QueueArn, Events, Filter?.Key.FilterRules),
  );
}

function notification(
  id: string,
  queueArn: string,
  events: readonly string[],
  rules: readonly FilterRule[] = [],
): NotificationSpec {
  const value = (name: string) => rules.find((rule) => rule.Name.toLowerCase() === name)?.Value ?? '';
  return { id, queueArn, events, prefix: value('prefix'), suffix: value('suffix') };
}

const COMPARISONS: Readonly<Record<string, (depth: number, threshold: number) => boolean>> = {
  GreaterThanOrEqualToThreshold: (depth, threshold) => depth >= threshold,
  GreaterThanThreshold: (depth, threshold) => depth > threshold,
};

function depthAlarm({ AlarmName, Dimensions, Threshold, ComparisonOperator, Period }: AlarmProperties): DepthAlarm {
  const compare = COMPARISONS[ComparisonOperator];
  if (compare === undefined)
    throw new Error(`The alarm "${AlarmName}" compares by ${ComparisonOperator}: not known here.`);
  return {
    name: AlarmName,
    queueName: Dimensions.find(({ Name }) => Name === 'QueueName')?.Value ?? '',
    periodMs: Period * 1000,
    isBreached: (depth) => compare(depth, Threshold),
  };
}

/** What CloudFormation would know of a resource once it has made it. */
interface Made {
  /** Its physical name. */
  readonly name: string;
  /** @throws Error for what has none */
  readonly arn: string;
  /** What `Ref` gives. */
  readonly ref: string;
}

interface Kind {
  /** The property that names it. Absent where AWS gives the name. */
  readonly nameProperty?: string;
  readonly arn?: (name: string, region: string) => string;
  /** What `Ref` gives, where it is not the name. */
  readonly ref?: 'arn' | 'queueUrl';
}

const KINDS: Readonly<Record<string, Kind>> = {
  'AWS::S3::Bucket': { nameProperty: 'BucketName', arn: (name) => `arn:aws:s3:::${name}` },
  'AWS::SQS::Queue': {
    nameProperty: 'QueueName',
    arn: (name, region) => `arn:aws:sqs:${region}:${LOCAL_ACCOUNT_ID}:${name}`,
    ref: 'queueUrl',
  },
  'AWS::SNS::Topic': {
    nameProperty: 'TopicName',
    arn: (name, region) => `arn:aws:sns:${region}:${LOCAL_ACCOUNT_ID}:${name}`,
    ref: 'arn',
  },
  'AWS::DynamoDB::Table': {
    nameProperty: 'TableName',
    arn: (name, region) => `arn:aws:dynamodb:${region}:${LOCAL_ACCOUNT_ID}:table/${name}`,
  },
  'AWS::Lambda::Function': {
    nameProperty: 'FunctionName',
    arn: (name, region) => `arn:aws:lambda:${region}:${LOCAL_ACCOUNT_ID}:function:${name}`,
  },
  'AWS::Events::Rule': {
    nameProperty: 'Name',
    arn: (name, region) => `arn:aws:events:${region}:${LOCAL_ACCOUNT_ID}:rule/${name}`,
  },
  'AWS::Scheduler::Schedule': {
    nameProperty: 'Name',
    arn: (name, region) => `arn:aws:scheduler:${region}:${LOCAL_ACCOUNT_ID}:schedule/default/${name}`,
  },
  'AWS::Logs::LogGroup': {
    nameProperty: 'LogGroupName',
    arn: (name, region) => `arn:aws:logs:${region}:${LOCAL_ACCOUNT_ID}:log-group:${name}:*`,
  },
  'AWS::SQS::QueuePolicy': {},
  'AWS::ApiGatewayV2::Api': {},
  'AWS::ApiGatewayV2::Integration': {},
  'AWS::ApiGatewayV2::Route': {},
  'AWS::ApiGatewayV2::Stage': { nameProperty: 'StageName' },
};

function queueUrl(endpoint: string, queueName: string): string {
  return `${endpoint}/${LOCAL_ACCOUNT_ID}/${queueName}`;
}

/** Resolves CloudFormation's intrinsic functions, as far as the stack uses them. */
function createResolver(template: Template, stackName: string, { region, endpoint }: Place) {
  const pseudoParameters: Readonly<Record<string, string | undefined>> = {
    'AWS::AccountId': LOCAL_ACCOUNT_ID,
    'AWS::Region': region,
    'AWS::Partition': 'aws',
    'AWS::URLSuffix': 'amazonaws.com',
    'AWS::StackName': stackName,
    'AWS::NoValue': undefined,
  };

  function describe(logicalId: string): Made {
    const resource = template.Resources[logicalId];
    if (resource === undefined) throw new Error(`The template refers to ${logicalId}, which it does not have.`);
    const kind = KINDS[resource.Type];
    if (kind === undefined) throw new Error(`The local stack can't serve ${logicalId} (${resource.Type}).`);
    // CloudFormation makes a name of the same parts; buckets take no capitals.
    const generated = `${stackName}-${logicalId}`;
    const given = kind.nameProperty === undefined ? undefined : resolve(resource.Properties?.[kind.nameProperty]);
    const name = String(
      given ?? (resource.Type === 'AWS::S3::Bucket' ? generated.toLowerCase().slice(0, 63) : generated),
    );
    return {
      name,
      get arn() {
        if (kind.arn === undefined) throw new Error(`The local stack knows no ARN of ${logicalId} (${resource.Type}).`);
        return kind.arn(name, region);
      },
      get ref() {
        return kind.ref === 'arn' ? this.arn : kind.ref === 'queueUrl' ? queueUrl(endpoint, name) : name;
      },
    };
  }

  function ref(name: string): unknown {
    if (name in pseudoParameters) return pseudoParameters[name];
    const parameter = template.Parameters?.[name];
    return parameter === undefined ? describe(name).ref : parameter.Default;
  }

  function attribute(logicalId: string, name: string): string {
    const made = describe(logicalId);
    if (name === 'Arn' || name === 'TopicArn') return made.arn;
    if (name === 'ApiId') return made.ref;
    if (name === 'ApiEndpoint') return `${endpoint}${httpApiPath(made.ref)}`;
    if (name === 'QueueName' || name === 'TopicName') return made.name;
    throw new Error(`The local stack does not know the attribute ${name} of ${logicalId}.`);
  }

  function substitute(text: string, variables: Readonly<Record<string, unknown>>): string {
    return text.replaceAll(/\$\{([^}]+)\}/g, (_, name: string) => {
      if (name.startsWith('!')) return `\${${name.slice(1)}}`;
      if (name in variables) return String(resolve(variables[name]));
      const [logicalId = '', attributeName] = name.split('.');
      return String(attributeName === undefined ? ref(logicalId) : attribute(logicalId, attributeName));
    });
  }

  /** A value with every intrinsic function in it replaced by what it stands for. */
  function resolve(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(resolve).filter((item) => item !== undefined);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const [[name, argument] = ['', undefined]] = entries;
    if (entries.length === 1 && (name === 'Ref' || name.startsWith('Fn::'))) return intrinsic(name, argument);
    return Object.fromEntries(
      entries.map(([key, item]) => [key, resolve(item)] as const).filter(([, item]) => item !== undefined),
    );
  }

  function intrinsic(name: string, argument: unknown): unknown {
    switch (name) {
      case 'Ref':
        return ref(String(argument));
      case 'Fn::GetAtt': {
        const [logicalId = '', attributeName = ''] =
          typeof argument === 'string' ? argument.split('.') : (argument as string[]);
        return attribute(logicalId, attributeName);
      }
      case 'Fn::Join': {
        const [delimiter, parts] = argument as [string, unknown];
        return (resolve(parts) as unknown[]).join(delimiter);
      }
      case 'Fn::Sub': {
        const [text, variables] = (typeof argument === 'string' ? [argument, {}] : argument) as [
          string,
          Record<string, unknown>,
        ];
        return substitute(text, variables);
      }
      default:
        throw new Error(`The local stack does not know the intrinsic function ${name}.`);
    }
  }

  return { resolve, describe };
}
