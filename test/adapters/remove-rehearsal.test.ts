import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Context } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

const [BUCKET, PATH] = ['studio-rehearsal', '/streampixel-drop-rehearsal/Studio-Rehearsal'];
const PAGE = 2;

let versions: string[];
let parameters: string[];
let fails: 'S3' | 'NoSuchBucket' | 'DeleteObjects' | 'SSM' | undefined;
let answers: Record<string, unknown>[];
let lines: string[];

/** S3 with pages of two, SSM, and the address that CloudFormation wants its answer at, on loopback. */
const server = http.createServer(async (request, response) => {
  const body = await text(request);
  const { method, url = '' } = request;
  const target = String(request.headers['x-amz-target'] ?? '');
  if (url.startsWith('/answer')) {
    answers.push(JSON.parse(body));
    response.end();
  } else if (target !== '') {
    if (fails === 'SSM') return response.writeHead(400).end('{"__type":"AccessDeniedException","message":"no"}');
    const input = JSON.parse(body);
    if (target.endsWith('GetParametersByPath')) {
      expect(input).toEqual({ Path: PATH, Recursive: true });
      const Parameters = parameters.slice(0, PAGE).map((Name) => ({ Name }));
      return response.end(JSON.stringify({ Parameters }));
    }
    parameters = parameters.filter((name) => !input.Names.includes(name));
    response.end('{}');
  } else if (fails === 'S3' || fails === 'NoSuchBucket') {
    const code = fails === 'S3' ? 'AccessDenied' : fails;
    response.writeHead(fails === 'S3' ? 403 : 404).end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);
  } else if (method === 'GET') {
    const page = versions.slice(0, PAGE).map((id) => {
      const tag = id.startsWith('marker') ? 'DeleteMarker' : 'Version';
      return `<${tag}><Key>a b.zip</Key><VersionId>${id}</VersionId></${tag}>`;
    });
    response.end(`<ListVersionsResult>${page.join('')}</ListVersionsResult>`);
  } else if (fails === 'DeleteObjects') {
    response.end('<DeleteResult><Error><Code>AccessDenied</Code></Error></DeleteResult>');
  } else {
    expect(body).toContain('<Key>a b.zip</Key>');
    versions = versions.filter((id) => !body.includes(`<VersionId>${id}</VersionId>`));
    response.end('<DeleteResult/>');
  }
  return response;
});
let endpoint: string;
let handler: typeof import('../../functions/remove-rehearsal/handler.ts').handler;

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
  ({ handler } = await import('../../functions/remove-rehearsal/handler.ts'));
});
afterAll(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  versions = ['v1', 'v2', 'marker1', 'v3', 'v4'];
  parameters = ['api-keys/1', 'stand-in', 'webhook-token'].map((name) => `${PATH}/${name}`);
  [fails, answers, lines] = [undefined, [], []];
  const print = vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
  return () => print.mockRestore();
});

async function run(RequestType: 'Create' | 'Update' | 'Delete') {
  const event = {
    RequestType,
    StackId: 'arn:aws:cloudformation:eu-central-1:123456789012:stack/Studio-Rehearsal/1',
    RequestId: 'r-1',
    LogicalResourceId: 'Leftovers',
    ResponseURL: `${endpoint}/answer?X-Amz-Signature=c4nary`,
    ResourceProperties: { ServiceToken: 'arn', BucketName: BUCKET, ParameterPath: PATH },
    ...(RequestType === 'Create' ? {} : { PhysicalResourceId: BUCKET }),
  };
  await handler(event as never, { awsRequestId: 'i-1' } as Context);
  expect(lines.join('')).not.toContain('c4nary');
  return answers;
}

describe('when the stack of a rehearsal is deleted', () => {
  it('every version and every parameter goes, page by page', async () => {
    expect(await run('Delete')).toMatchObject([{ Status: 'SUCCESS', PhysicalResourceId: BUCKET }]);
    expect([versions, parameters]).toEqual([[], []]);
    expect(lines.join('')).toContain('"objects":5,"parameters":3');
  });

  it('a bucket that is gone already is no problem', async () => {
    fails = 'NoSuchBucket';
    expect(await run('Delete')).toMatchObject([{ Status: 'SUCCESS' }]);
    expect(parameters).toEqual([]);
  });

  it.each(['S3', 'DeleteObjects', 'SSM'] as const)(
    'CloudFormation gets the reason where %s refuses',
    async (refusing) => {
      fails = refusing;
      expect(await run('Delete')).toMatchObject([
        { Status: 'FAILED', Reason: expect.stringContaining('AccessDenied') },
      ]);
    },
  );
});

it.each(['Create', 'Update'] as const)('at %s nothing is deleted', async (type) => {
  expect(await run(type)).toMatchObject([{ Status: 'SUCCESS', PhysicalResourceId: BUCKET }]);
  expect([versions.length, parameters.length]).toEqual([5, 3]);
});
