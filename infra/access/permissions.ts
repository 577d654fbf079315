import { Aws } from 'aws-cdk-lib';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { EVENT_SOURCE } from '../../functions/domain/model/telemetry.ts';
import type { Permission } from '../lambda/worker-function.ts';
import type { WorkerQueue } from '../queues/worker-queue.ts';
import type { Resources } from '../resources.ts';
import type { Settings } from '../settings/schema.ts';
import type { LedgerTable } from '../storage/ledger-table.ts';
import { apiKeyPaths, isFolder } from './api-key-parameters.ts';
import { arn } from './arn.ts';

/** To read the API keys that the routes name. */
export function readApiKeys(settings: Settings): Permission[] {
  return readParameters('ApiKeys', apiKeyPaths(settings));
}

/**
 * To read secrets from SSM SecureStrings, under any KMS key.
 *
 * @param paths names, or folders, which end with `/`: all that is in them
 */
export function readParameters(what: string, paths: readonly string[]): Permission[] {
  // The slash that separates type and name in the ARN is the name's first.
  const arnOf = (path: string) => arn('ssm', `parameter${path}`);
  const names = paths.filter((path) => !isFolder(path)).map(arnOf);
  const folders = paths.filter(isFolder).map((folder) => `${arnOf(folder)}*`);
  const parameterArns = [...names, ...folders];
  const viaSsm = { 'kms:ViaService': `ssm.${Aws.REGION}.${Aws.URL_SUFFIX}` };
  const forParameters = { 'kms:EncryptionContext:PARAMETER_ARN': parameterArns };
  return [
    // Not what grantRead gives: GetParameterHistory would show former values.
    ...(names.length === 0 ? [] : [{ sid: `Read${what}`, actions: ['ssm:GetParameter'], resources: names }]),
    ...(folders.length === 0
      ? []
      : [
          {
            sid: `Read${what}InFolders`,
            actions: ['ssm:GetParameter'],
            resources: folders,
            why: 'There are more API keys than a policy has room for by name. These folders hold them, and no other secret of the stack.',
          },
        ]),
    {
      sid: `Decrypt${what}`,
      actions: ['kms:Decrypt'],
      resources: [arn('kms', 'key/*')],
      conditions:
        folders.length === 0
          ? { StringEquals: { ...viaSsm, ...forParameters } }
          : { StringEquals: viaSsm, StringLike: forParameters },
      why:
        'For a secret under a customer managed KMS key, which the stack does not know. The conditions leave what SSM decrypts ' +
        "for these parameters. (Under the default key aws/ssm it is not used: that key's policy lets the whole account decrypt through SSM.)",
    },
  ];
}

/** To publish to a topic, also to one that is encrypted with a key of its own. */
export function sendAlerts({ masterKey, topicArn }: ITopic): Permission[] {
  return [
    { sid: 'SendAlerts', actions: ['sns:Publish'], resources: [topicArn] },
    ...(masterKey === undefined
      ? []
      : [
          {
            sid: 'EncryptAlerts',
            // SNS asks whether the publisher may use the key.
            actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
            resources: [masterKey.keyArn],
            conditions: { StringEquals: { 'kms:ViaService': `sns.${Aws.REGION}.${Aws.URL_SUFFIX}` } },
          },
        ]),
  ];
}

/** To notify people and pipelines. */
export function sendNotifications(topic: ITopic): Permission[] {
  return [
    ...sendAlerts(topic),
    {
      sid: 'EmitEvents',
      actions: ['events:PutEvents'],
      resources: [arn('events', 'event-bus/default')],
      conditions: {
        // One call may carry events of several sources: each has to be ours, and there has to be one.
        'ForAllValues:StringEquals': { 'events:source': EVENT_SOURCE },
        Null: { 'events:source': 'false' },
      },
    },
  ];
}

/** To be started with a queue's messages, and to hide those that have to wait. */
export function consumeMessages({ queue }: WorkerQueue): Permission {
  return {
    sid: 'ConsumeMessages',
    actions: ['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'],
    resources: [queue.queueArn],
  };
}

/** To read and write the ledger's items. */
export function keepLedger({ table }: LedgerTable): Permission {
  const actions = ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'];
  return { sid: 'KeepLedger', actions, resources: [table.tableArn] };
}

/**
 * To use the key of an existing ledger: DynamoDB asks KMS whether its caller may. Source: "AWS KMS key permissions" in "DynamoDB
 * encryption at rest", and what CDK grants with a table of its own.
 */
export function useLedgerKey({ table: { encryptionKey } }: LedgerTable, to: 'read' | 'write'): Permission[] {
  if (encryptionKey === undefined) return [];
  const write = ['kms:Encrypt', 'kms:GenerateDataKey', 'kms:ReEncryptFrom', 'kms:ReEncryptTo'];
  return [
    {
      sid: 'UseLedgerKey',
      actions: ['kms:Decrypt', 'kms:DescribeKey', ...(to === 'write' ? write : [])],
      resources: [encryptionKey.keyArn],
      conditions: { StringEquals: { 'kms:ViaService': `dynamodb.${Aws.REGION}.${Aws.URL_SUFFIX}` } },
    },
  ];
}

/** To act on the objects under the watched prefix. */
export function onBuilds({ bucket, settings }: Resources, sid: string, actions: string[]): Permission {
  const why = 'The person who drops a build chooses its key: only the watched prefix is known.';
  return { sid, actions, resources: [`${bucket.bucketArn}/${settings.prefix}*`], why };
}
