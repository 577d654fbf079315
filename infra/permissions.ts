import { Arn, ArnFormat, Aws, type Stack } from 'aws-cdk-lib';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { EVENT_SOURCE } from '../functions/domain/model/telemetry.ts';
import type { Settings } from './config.ts';
import { apiKeyParameters } from './key-changes.ts';

/** One statement of a function's role, for one purpose. */
export interface Permission {
  readonly sid: string;
  readonly actions: string[];
  readonly resources: string[];
  readonly conditions?: Record<string, Record<string, string | string[]>>;
  /** Where a resource is a wildcard: the reason, for cdk-nag and for whoever reviews the role. */
  readonly why?: string;
}

/** To read the API keys that the routes name. */
export function readApiKeys(stack: Stack, settings: Settings): Permission[] {
  return readParameters(stack, 'ApiKeys', apiKeyParameters(settings));
}

/** To read secrets from SSM SecureStrings, under whatever KMS key they are encrypted. */
export function readParameters(stack: Stack, what: string, names: readonly string[]): Permission[] {
  const parameterArns = names.map((name) =>
    // The slash that separates name and type in the ARN is the name's first.
    Arn.format({ service: 'ssm', resource: `parameter${name}`, arnFormat: ArnFormat.NO_RESOURCE_NAME }, stack),
  );
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
      resources: [Arn.format({ service: 'kms', resource: 'key', resourceName: '*' }, stack)],
      conditions: {
        StringEquals: {
          'kms:ViaService': `ssm.${Aws.REGION}.${Aws.URL_SUFFIX}`,
          'kms:EncryptionContext:PARAMETER_ARN': parameterArns,
        },
      },
      why:
        'For a secret under a customer managed KMS key, of which the stack is not told. The conditions leave what SSM decrypts ' +
        "for these parameters. (Under the default key aws/ssm it is not used: that key's policy lets the whole account decrypt through SSM.)",
    },
  ];
}

/** To tell people and pipelines. */
export function tellOf(stack: Stack, topic: ITopic): Permission[] {
  return [
    {
      sid: 'SendAlerts',
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
    },
    {
      sid: 'EmitEvents',
      actions: ['events:PutEvents'],
      resources: [Arn.format({ service: 'events', resource: 'event-bus', resourceName: 'default' }, stack)],
      conditions: { StringEquals: { 'events:source': EVENT_SOURCE } },
    },
  ];
}
