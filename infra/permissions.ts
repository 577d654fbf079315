import { Aws } from 'aws-cdk-lib';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { EVENT_SOURCE } from '../functions/domain/model/telemetry.ts';
import type { Settings } from './settings/schema.ts';

/** One statement of a function's role, for one purpose. */
export interface Permission {
  readonly sid: string;
  readonly actions: string[];
  readonly resources: string[];
  readonly conditions?: Record<string, Record<string, string | string[]>>;
  /** Where a resource is a wildcard: the reason, for cdk-nag and for the person who reviews the role. */
  readonly why?: string;
}

/** The distinct parameters that the routes name, in their order. */
export function apiKeyParameters({ routes }: Pick<Settings, 'routes'>): string[] {
  return [...new Set(routes.map(({ apiKeyParameter }) => apiKeyParameter))];
}

/** To read the API keys that the routes name. */
export function readApiKeys(settings: Settings): Permission[] {
  return readParameters('ApiKeys', apiKeyParameters(settings));
}

/** To read secrets from SSM SecureStrings, under any KMS key. */
export function readParameters(what: string, names: readonly string[]): Permission[] {
  // The slash that separates type and name in the ARN is the name's first.
  const parameterArns = names.map((name) => arn('ssm', `parameter${name}`));
  return [
    {
      sid: `Read${what}`,
      // Not what grantRead gives: GetParameterHistory would show former values.
      actions: ['ssm:GetParameter'],
      resources: parameterArns,
    },
    {
      sid: `Decrypt${what}`,
      actions: ['kms:Decrypt'],
      resources: [arn('kms', 'key/*')],
      conditions: {
        StringEquals: {
          'kms:ViaService': `ssm.${Aws.REGION}.${Aws.URL_SUFFIX}`,
          'kms:EncryptionContext:PARAMETER_ARN': parameterArns,
        },
      },
      why:
        'For a secret under a customer managed KMS key, which the stack does not know. The conditions leave what SSM decrypts ' +
        "for these parameters. (Under the default key aws/ssm it is not used: that key's policy lets the whole account decrypt through SSM.)",
    },
  ];
}

/** To notify people and pipelines. */
export function sendNotifications(topic: ITopic): Permission[] {
  return [
    { sid: 'SendAlerts', actions: ['sns:Publish'], resources: [topic.topicArn] },
    {
      sid: 'EmitEvents',
      actions: ['events:PutEvents'],
      resources: [arn('events', 'event-bus/default')],
      conditions: { StringEquals: { 'events:source': EVENT_SOURCE } },
    },
  ];
}

function arn(service: string, resource: string): string {
  return `arn:${Aws.PARTITION}:${service}:${Aws.REGION}:${Aws.ACCOUNT_ID}:${resource}`;
}
