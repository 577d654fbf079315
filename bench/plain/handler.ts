/**
 * The worker as one would write it first, for comparison: the same job with the packages and the settings that the tutorials
 * have. No pacing and no states: a build is written down once, and what fails is thrown.
 */
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { DynamoDBClient, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import middy from '@middy/core';
import type { S3Event, SQSEvent, SQSRecord } from 'aws-lambda';
import type { Route } from '../../functions/domain/model/route.ts';
import { ENV } from '../../functions/submit-build/environment.ts';

const logger = new Logger({ serviceName: 'submit-build' });
const metrics = new Metrics({ namespace: 'StreampixelDrop', serviceName: 'submit-build' });
const dynamoDb = new DynamoDBClient({});
const s3 = new S3Client({ forcePathStyle: true });
const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });
const ssm = new SSMClient({});

const routes = JSON.parse(process.env.ROUTES ?? '[]') as Route[];
let apiKey: string | undefined;

async function readApiKey(name: string): Promise<string> {
  const { Parameter } = await ssm.send(new GetParameterCommand({ Name: name, WithDecryption: true }));
  if (Parameter?.Value === undefined) throw new Error(`${name} is empty`);
  return Parameter.Value;
}

async function submit(record: SQSRecord): Promise<void> {
  for (const { s3: dropped } of (JSON.parse(record.body) as S3Event).Records) {
    const key = decodeURIComponent(dropped.object.key.replaceAll('+', ' '));
    const route = routes.find(({ prefix }) => key.startsWith(prefix));
    if (route === undefined) throw new Error(`no route for ${key}`);
    const item = { TableName: process.env[ENV.ledgerTable], Key: { pk: { S: key } } };
    const { pk } = item.Key;
    await dynamoDb.send(
      new PutItemCommand({ TableName: item.TableName, Item: { pk }, ConditionExpression: 'attribute_not_exists(pk)' }),
    );
    const object = { Bucket: dropped.bucket.name, Key: key, VersionId: dropped.object.versionId };
    const { Body } = await s3.send(new GetObjectCommand({ ...object, Range: 'bytes=0-3' }));
    const magic = await Body?.transformToString('latin1');
    const body = { userId: route.userId, projectId: route.projectId, autoRelease: route.autoRelease };
    if (magic !== 'PK\x03\x04') {
      const deadLetter = { QueueUrl: process.env[ENV.deadLetterQueueUrl], MessageBody: record.body };
      await sqs.send(new SendMessageCommand(deadLetter));
      continue;
    }
    apiKey ??= await readApiKey(route.apiKeyParameter);
    const fileUrl = await getSignedUrl(s3, new GetObjectCommand(object), { expiresIn: 21_600 });
    const answer = await fetch(`${process.env[ENV.streampixelBaseUrl]}/projects/upload-file`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, apiKey, fileUrl }),
    });
    if (!answer.ok) throw new Error(`upload-file answered ${answer.status}`);
    const { uploadId } = (await answer.json()) as { uploadId: string };
    await dynamoDb.send(
      new UpdateItemCommand({
        ...item,
        UpdateExpression: 'SET uploadId = :id',
        ExpressionAttributeValues: { ':id': { S: uploadId } },
      }),
    );
    logger.info('submitted', { key, uploadId });
    metrics.addMetric('Builds', MetricUnit.Count, 1);
  }
}

export const handler = middy<SQSEvent, { batchItemFailures: [] }>().handler(async (event) => {
  await Promise.all(event.Records.map(submit));
  metrics.publishStoredMetrics();
  return { batchItemFailures: [] };
});
