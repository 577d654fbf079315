import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Context } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

/** S3, CloudFormation's API, and the address that CloudFormation wants its answer at, on loopback. */
const server = http.createServer(async (request, response) => {
  const body = await text(request);
  const { method, url = '' } = request;
  if (url.startsWith('/elsewhere')) {
    response.writeHead(307, { location: '/answer' }).end();
  } else if (url.startsWith('/answer')) {
    answers.push({ ...JSON.parse(body), contentType: request.headers['content-type'] });
    response.end();
  } else if (method === 'POST') {
    response.end(
      `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>Drop</StackName><CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>${stackStatus}</StackStatus></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`,
    );
  } else if (s3Error !== undefined) {
    response.writeHead(403).end(`<Error><Code>${s3Error}</Code><Message>Access Denied</Message></Error>`);
  } else {
    if (method === 'PUT') notification = body;
    response.end(method === 'GET' ? notification : '');
  }
});
const EMPTY = '<NotificationConfiguration></NotificationConfiguration>';
let notification: string;
let stackStatus: string;
let s3Error: string | undefined;
let answers: Record<string, unknown>[];
let lines: string[];
let endpoint: string;
let handler: typeof import('../../functions/set-bucket-notification/handler.ts').handler;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const [name, value] of Object.entries({
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'secret',
  })) {
    vi.stubEnv(name, value);
  }
  ({ handler } = await import('../../functions/set-bucket-notification/handler.ts'));
});
afterAll(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  [notification, stackStatus, s3Error, answers, lines] = [EMPTY, 'CREATE_IN_PROGRESS', undefined, [], []];
  const print = vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
  return () => print.mockRestore();
});

async function deploy(RequestType: 'Create' | 'Update' | 'Delete', changes: Record<string, unknown> = {}) {
  const StackId = 'arn:aws:cloudformation:eu-central-1:123456789012:stack/Drop/1';
  const ResourceProperties = {
    ServiceToken: 'arn:aws:lambda:eu-central-1:123456789012:function:announce',
    BucketName: 'drop',
    QueueArn: 'arn:aws:sqs:eu-central-1:123456789012:Drop-builds',
    Prefix: '',
    Suffix: '.zip',
  };
  const event = {
    RequestType,
    StackId,
    RequestId: 'r-1',
    LogicalResourceId: 'Notification',
    ResponseURL: `${endpoint}/answer?X-Amz-Signature=c4nary`,
    ResourceProperties,
    ...(RequestType === 'Create' ? {} : { PhysicalResourceId: 'drop' }),
    ...changes,
  };
  await handler(event as never, { awsRequestId: 'i-1' } as Context);
  expect(answers).toEqual([expect.objectContaining({ StackId, RequestId: 'r-1', LogicalResourceId: 'Notification' })]);
  return answers[0];
}

describe('at a deployment', () => {
  it('the bucket announces builds, and CloudFormation gets the answer it can read', async () => {
    expect(await deploy('Create')).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId: 'drop' });
    expect(notification).toContain('Drop-builds');
    // The signature of the address is for a request without a content type.
    expect(answers[0]).not.toHaveProperty('contentType', expect.anything());
    expect(lines.join('')).not.toContain('c4nary');
  });

  it('an update changes what the bucket announces', async () => {
    await deploy('Update');
    expect(notification).toContain('Drop-builds');
  });

  it.each(['DELETE_IN_PROGRESS', 'ROLLBACK_IN_PROGRESS', 'UPDATE_COMPLETE_CLEANUP_IN_PROGRESS'])(
    'with the stack at %s the notification goes',
    async (status) => {
      await deploy('Create');
      [stackStatus, answers] = [status, []];
      expect(await deploy('Delete')).toMatchObject({ Status: 'SUCCESS' });
      expect(notification).not.toContain('Drop-builds');
    },
  );

  it.each(['UPDATE_ROLLBACK_IN_PROGRESS', 'UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS'])(
    'with the stack at %s it stays: the former template has the bucket announce to the same queue',
    async (status) => {
      await deploy('Create');
      [stackStatus, answers] = [status, []];
      expect(await deploy('Delete')).toMatchObject({ Status: 'SUCCESS' });
      expect(notification).toContain('Drop-builds');
    },
  );

  it('that S3 refuses, CloudFormation gets the reason, and can roll back what was never made', async () => {
    s3Error = 'AccessDenied';
    const refused = await deploy('Create');
    expect(refused).toMatchObject({ Status: 'FAILED', Reason: 'AccessDenied: Access Denied' });
    answers = [];
    const { PhysicalResourceId } = refused ?? {};
    expect(await deploy('Delete', { PhysicalResourceId })).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId });
  });

  it('that fails to change it, the resource stays the former one', async () => {
    s3Error = 'AccessDenied';
    expect(await deploy('Update', { PhysicalResourceId: 'former' })).toMatchObject({
      Status: 'FAILED',
      PhysicalResourceId: 'former',
    });
    expect(lines.join('')).toContain('"event":"notification-not-changed"');
  });

  it('the answer goes to no other address than CloudFormation’s', async () => {
    await expect(deploy('Create', { ResponseURL: `${endpoint}/elsewhere` })).rejects.toThrow('got no answer');
    expect(answers).toEqual([]);
    expect(lines.join('')).toContain('"event":"notification-changed"');
  });

  it('at which CloudFormation’s address does not answer well, Lambda tries again', async () => {
    s3Error = 'AccessDenied';
    await expect(deploy('Create', { ResponseURL: `${endpoint}/drop?X-Amz-Signature=c4nary` })).rejects.toThrow(
      'CloudFormation got no answer; the log has the cause.',
    );
    expect(lines.join('')).not.toContain('c4nary');
  });
});
