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
import { useKeyOf, viaService } from './kms-key.ts';

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
  const viaSsm = viaService('ssm');
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
export function sendAlerts(topic: ITopic): Permission[] {
  const { masterKey: key, topicArn } = topic;
  return [
    { sid: 'SendAlerts', actions: ['sns:Publish'], resources: [topicArn] },
    ...useKeyOf({ construct: topic, key, context: { 'aws:sns:topicArn': topicArn } }, 'sns', {
      sid: 'EncryptAlerts',
      // SNS asks whether the publisher may use the key.
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
    }),
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
export function keepLedger(ledger: LedgerTable): Permission[] {
  const actions = ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'];
  return [{ sid: 'KeepLedger', actions, resources: [ledger.table.tableArn] }, ...useLedgerKey(ledger, 'write')];
}

/**
 * To have DynamoDB use the key of a ledger that is encrypted with one of its own.
 *
 * Source: "DynamoDB encryption at rest usage notes", without what it needs of the person who gives the table its key.
 */
export function useLedgerKey({ table }: LedgerTable, access: 'read' | 'write'): Permission[] {
  const context = { 'aws:dynamodb:tableName': table.tableName, 'aws:dynamodb:subscriberId': Aws.ACCOUNT_ID };
  const dataKeys = ['kms:Encrypt', 'kms:GenerateDataKey', 'kms:GenerateDataKeyWithoutPlaintext'];
  const toWrite = [...dataKeys, 'kms:ReEncryptFrom', 'kms:ReEncryptTo'];
  return useKeyOf({ construct: table, key: table.encryptionKey, context }, 'dynamodb', {
    sid: 'UseLedgerKey',
    actions: ['kms:Decrypt', ...(access === 'write' ? toWrite : [])],
  });
}

/** To act on the objects under the watched prefix. */
export function onBuilds({ bucket, settings }: Resources, sid: string, actions: string[]): Permission {
  const why = 'The person who drops a build chooses its key: only the watched prefix is known.';
  return { sid, actions, resources: [`${bucket.bucketArn}/${settings.prefix}*`], why };
}
