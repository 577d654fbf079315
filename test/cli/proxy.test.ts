import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutParameterCommand } from '@aws-sdk/client-ssm';
import { describe, expect, it, type TestContext, vi } from 'vitest';
import { createAgents } from '../../cli/stack/proxy.ts';
import { fingerprintOf, newPrivateKey, publicHalfOf } from '../../functions/adapters/delivery-key.ts';
import { exchange } from '../../functions/adapters/http-exchange.ts';
import { OUTPUTS } from '../../infra/outputs/outputs.ts';
import { LOCAL_CREDENTIALS, LOCAL_REGION } from '../../local/aws/account.ts';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import { startScriptedServer } from '../support/scripted-server.ts';
import { openQuietStack } from './quiet-stack.ts';
import { startBetween } from './s3-between.ts';
import { PATIENCE, startTool } from './tool.ts';

vi.setConfig(PATIENCE);

const PASSWORD = 'c4nary-password';
/** Without the machine's own proxy. */
const PLAIN = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/_proxy$/i.test(name)));

describe('the tool', () => {
  /** A stack that is only there by way of a proxy, and a build. */
  async function prepare(onTestFinished: TestContext['onTestFinished']) {
    const stack = await openQuietStack(onTestFinished);
    stack.gateway.createBucket({ name: OUTPUTS.dropBucketName, notifications: [], eventPatterns: [] });
    const proxy = await startBetween(onTestFinished, stack.port, () => 'pass');
    const directory = await mkdtemp(join(tmpdir(), 'streampixel-drop-test-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const path = join(directory, 'Game.zip');
    await writeFile(path, await makeSampleBuild());
    const env = {
      ...PLAIN,
      AWS_ENDPOINT_URL: 'http://aws.example:8080',
      AWS_REGION: LOCAL_REGION,
      AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
    };
    return { stack, proxy, path, env, address: `http://user:${PASSWORD}@127.0.0.1:${proxy.port}` };
  }

  it.for(['HTTP_PROXY', 'http_proxy'])(
    'gets to AWS by way of %s, and signs what a proxy can read',
    async (name, { onTestFinished }) => {
      const { address, env, path, proxy } = await prepare(onTestFinished);
      const runs = [];
      for (const args of [['push', path], ['status'], ['dlq', 'list']]) {
        runs.push(await startTool(undefined, args, '', { ...env, [name]: address }).ended);
      }
      expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
      expect(JSON.stringify(runs)).not.toContain(PASSWORD);
      const [part] = proxy.of('UploadPart');
      expect(part?.headers['proxy-authorization']).toBeDefined();
      // Not TLS, and not this machine: the payload is in the signature.
      expect(part?.headers['x-amz-content-sha256']).toMatch(/^[0-9a-f]{64}$/);
    },
  );

  it('goes around it to the embedded stack', async ({ onTestFinished }) => {
    const { env, stack } = await prepare(onTestFinished);
    const dead = 'http://127.0.0.1:1';
    const { code } = await startTool(stack.port, ['status'], '', { ...env, HTTP_PROXY: dead, HTTPS_PROXY: dead }).ended;
    expect(code).toBe(0);
  });

  it('gets to CloudFront by way of it', async ({ onTestFinished }) => {
    const { env, stack } = await prepare(onTestFinished);
    const proxy = await connectProxy(onTestFinished, (socket) => socket.end('HTTP/1.1 407 No\r\n\r\n'));
    const [key, Name] = [newPrivateKey(), '/drop/delivery-key'];
    await stack.ssm.send(new PutParameterCommand({ Name, Value: key.reveal(), Type: 'SecureString' }));
    const keyIds = { [fingerprintOf(publicHalfOf(key))]: 'K1' };
    stack.deploy(
      { delivery: 'cloudfront', deliveryKeyParameter: Name, fileUrlLifetimeSeconds: 86_400 },
      { [OUTPUTS.distribution]: JSON.stringify({ domain: 'distribution.example', keyIds }) },
    );
    await startTool(stack.port, ['doctor'], '', { ...env, HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` }).ended;
    expect(proxy.asked).toContain('distribution.example:443');
  });

  it.for([
    ['a proxy that refuses', (port: number) => `http://user:${PASSWORD}@127.0.0.1:${port}`, 'ProxyRefused'],
    ['a proxy of another kind', () => `socks5://user:${PASSWORD}@127.0.0.1:1`, 'Usage'],
    ['an address that is none', () => `http://user:${PASSWORD}@:x`, 'Usage'],
  ] as const)('names %s without its password', async ([_, addressAt, code], { onTestFinished }) => {
    const { env } = await prepare(onTestFinished);
    const refusing = await connectProxy(onTestFinished, (socket) => socket.end('HTTP/1.1 407 No\r\n\r\n'));
    const { stdout, stderr } = await startTool(undefined, ['status', '--json'], '', {
      ...env,
      AWS_ENDPOINT_URL: 'https://aws.example',
      HTTPS_PROXY: addressAt(refusing.port),
    }).ended;
    expect(JSON.parse(stdout).error.code).toBe(code);
    expect(stderr).toContain('HTTPS_PROXY');
    expect(stdout + stderr).not.toContain(PASSWORD);
  });
});

async function connectProxy(onTestFinished: TestContext['onTestFinished'], serve: (socket: net.Socket) => void) {
  const asked: (string | undefined)[] = [];
  const server = http.createServer().on('connect', ({ url }, socket) => {
    asked.push(url);
    serve(socket as net.Socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as net.AddressInfo).port, asked };
}

describe('agents', () => {
  it.for([
    ['aws.example', 's3.aws.example', false],
    ['.aws.example', 's3.aws.example', false],
    ['other.example, aws.example', 'aws.example', false],
    ['*', 'aws.example', false],
    ['aws.example', 'notaws.example', true],
    ['', 'aws.example', true],
    ['', '127.0.0.1', false],
    ['', 'localhost', false],
  ] as const)('with NO_PROXY=%s ask a proxy for %s: %s', async ([noProxy, host, isProxied], { onTestFinished }) => {
    for (const name of ['NO_PROXY', 'no_proxy']) {
      const proxy = await startScriptedServer({ status: 200 });
      onTestFinished(() => proxy.close());
      const { httpAgent } = createAgents({ HTTP_PROXY: proxy.url, [name]: noProxy });
      onTestFinished(() => httpAgent.destroy());
      await new Promise<void>((resolve) => {
        const lookup = (_: unknown, __: unknown, found: (error: Error) => void) => found(new Error('direct'));
        const done = () => resolve();
        http.get({ agent: httpAgent, host, port: 1, lookup } as http.RequestOptions, done).on('error', done);
      });
      expect(proxy.requests.length).toBe(isProxied ? 1 : 0);
    }
  });
});

describe('a call to Streampixel', () => {
  const request = { method: 'GET', headers: {}, maxBytes: 1_000 } as const;

  it('goes by way of the proxy', async ({ onTestFinished }) => {
    const proxy = await startScriptedServer({ status: 200, body: 'answer' });
    onTestFinished(() => proxy.close());
    const agents = createAgents({ http_proxy: proxy.url.replace('http://', '') });
    const deadline = Date.now() + 60_000;
    const answer = await exchange({ ...request, url: 'http://api.example/x', deadline }, { now: Date.now, agents });
    expect(answer).toMatchObject({ kind: 'answered', status: 200 });
    expect(proxy.requests[0]?.url).toBe('http://api.example/x');
  });

  it('is sent on a connection that is there already, as a tunnel is', async ({ onTestFinished }) => {
    const server = await startScriptedServer({ status: 200, body: 'answer' });
    onTestFinished(() => server.close());
    class Tunnel extends http.Agent {
      override createConnection(_: unknown, ready?: (error: Error | null, socket: net.Socket) => void): undefined {
        const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1', () => ready?.(null, socket));
      }
    }
    const agents = { ...createAgents({}), httpAgent: new Tunnel() };
    const deadline = Date.now() + 60_000;
    const answer = await exchange({ ...request, url: server.url, deadline }, { now: Date.now, agents });
    expect(answer).toMatchObject({ kind: 'answered', status: 200 });
  });

  it('that the proxy refuses was not sent', async ({ onTestFinished }) => {
    const proxy = await connectProxy(onTestFinished, (socket) => socket.end('HTTP/1.1 407 No\r\n\r\n'));
    const agents = createAgents({ HTTPS_PROXY: `http://user:${PASSWORD}@127.0.0.1:${proxy.port}` });
    const deadline = Date.now() + 60_000;
    const answer = await exchange({ ...request, url: 'https://api.example/x', deadline }, { now: Date.now, agents });
    expect(answer.kind).toBe('not-sent');
    expect(JSON.stringify(answer)).not.toContain(PASSWORD);
    expect(proxy.asked).toEqual(['api.example:443']);
  });
});
