import { LOCAL_ACCOUNT_ID } from './account.ts';
import { httpApiPath } from './http-api.ts';

export interface Template {
  readonly Resources: Readonly<
    Record<string, { readonly Type: string; readonly Properties?: Readonly<Record<string, unknown>> }>
  >;
  readonly Outputs?: Readonly<Record<string, { readonly Value: unknown }>>;
}

/** Where a template is deployed. */
export interface Place {
  readonly region: string;
  /** Base of queue URLs and of the URLs of HTTP APIs. */
  readonly endpoint: string;
  /** Domain of its distribution, with the port. */
  readonly distributionDomain?: string;
}

/** A resource as CloudFormation knows it once it exists. */
export interface Identity {
  readonly name: string;
  readonly arn: string;
  /** Value of `Ref`. */
  readonly ref: string;
}

/** Resolves CloudFormation's intrinsic functions, as far as the project's template uses them. */
export function createResolver(template: Template, stackName: string, { region, endpoint, distributionDomain }: Place) {
  const account = `${region}:${LOCAL_ACCOUNT_ID}`;
  /** By the resource's type: the property that names it, and what comes before the name in its ARN. */
  const types: Readonly<Record<string, readonly [nameProperty: string, arnPrefix: string]>> = {
    'AWS::S3::Bucket': ['BucketName', 'arn:aws:s3:::'],
    'AWS::SQS::Queue': ['QueueName', `arn:aws:sqs:${account}:`],
    'AWS::SNS::Topic': ['TopicName', `arn:aws:sns:${account}:`],
    'AWS::DynamoDB::Table': ['TableName', `arn:aws:dynamodb:${account}:table/`],
    'AWS::Lambda::Function': ['FunctionName', `arn:aws:lambda:${account}:function:`],
    'AWS::Logs::LogGroup': ['LogGroupName', `arn:aws:logs:${account}:log-group:`],
  };
  const pseudoParameters: Readonly<Record<string, string>> = {
    'AWS::AccountId': LOCAL_ACCOUNT_ID,
    'AWS::Region': region,
    'AWS::Partition': 'aws',
    'AWS::URLSuffix': 'amazonaws.com',
    'AWS::StackName': stackName,
  };

  function identityOf(logicalId: string): Identity {
    const { Type = '', Properties = {} } = template.Resources[logicalId] ?? {};
    const [nameProperty = '', arnPrefix = 'arn:aws:not-emulated:'] = types[Type] ?? [];
    const name = String(resolve(Properties[nameProperty]) ?? `${stackName}-${logicalId}`);
    const arn = `${arnPrefix}${name}`;
    if (Type === 'AWS::SQS::Queue') return { name, arn, ref: `${endpoint}/${LOCAL_ACCOUNT_ID}/${name}` };
    return { name, arn, ref: Type === 'AWS::SNS::Topic' ? arn : name };
  }

  function attribute(logicalId: string, attributeName: string): string {
    const { name, arn } = identityOf(logicalId);
    if (attributeName === 'Arn') return arn;
    if (attributeName === 'QueueName' || attributeName === 'TopicName') return name;
    if (attributeName === 'DomainName' && distributionDomain !== undefined) return distributionDomain;
    if (attributeName === 'ApiEndpoint') return `${endpoint}${httpApiPath(name)}`;
    return `(not emulated: ${attributeName} of ${logicalId})`;
  }

  /**
   * A value with every intrinsic function in it replaced by its result; one that the local stack does not know by a text
   * that says so.
   */
  function resolve(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(resolve);
    if (typeof value !== 'object' || value === null) return value;
    const [[intrinsic, argument] = ['', undefined]] = Object.entries(value);
    if (intrinsic === 'Ref') return pseudoParameters[String(argument)] ?? identityOf(String(argument)).ref;
    if (intrinsic === 'Fn::GetAtt') return attribute(...(argument as [string, string]));
    if (intrinsic === 'Fn::Join') {
      const [delimiter, parts] = argument as [string, unknown[]];
      return parts.map(resolve).join(delimiter);
    }
    if (intrinsic.startsWith('Fn::')) return `(not emulated: ${intrinsic})`;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolve(item)]));
  }

  return { identityOf, resolve };
}
