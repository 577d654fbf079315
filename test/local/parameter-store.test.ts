import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteParameterCommand, GetParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BusEvent } from '../../local/aws/event-bus.ts';
import { type Gateway, startGateway } from '../../local/aws/gateway.ts';

let gateway: Gateway;
let ssm: SSMClient;
const changes: BusEvent[] = [];
const directory = mkdtempSync(join(tmpdir(), 'parameter-store-'));

beforeAll(async () => {
  gateway = await startGateway({
    port: 0,
    region: 'us-east-1',
    objectsDirectory: directory,
    credentials: [],
    onObjectCreated: () => {},
    onPublished: () => {},
    onBusEvent: (event) => void changes.push(event),
  });
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  ssm = new SSMClient({ endpoint: gateway.endpoint, region: 'us-east-1', credentials });
});
afterAll(async () => {
  ssm.destroy();
  await gateway.close();
  rmSync(directory, { recursive: true });
});

const put = (Name: string, Value: string, options: object = {}) =>
  ssm.send(new PutParameterCommand({ Name, Value, Type: 'SecureString', ...options }));
const get = async (Name: string, WithDecryption = true) =>
  (await ssm.send(new GetParameterCommand({ Name, WithDecryption }))).Parameter;

describe('the local parameter store, by the SDK', () => {
  it('returns a SecureString decrypted, and raises its version with each overwrite', async () => {
    await put('/drop/key', 'one');
    expect(await get('/drop/key')).toMatchObject({ Type: 'SecureString', Value: 'one', Version: 1 });
    await put('/drop/key', 'two', { Overwrite: true });
    expect(await get('/drop/key')).toMatchObject({
      Value: 'two',
      Version: 2,
      ARN: 'arn:aws:ssm:us-east-1:000000000000:parameter/drop/key',
    });
  });

  it('does not return the value where decryption is not asked for', async () => {
    await put('/drop/sealed', 'the-key');
    expect((await get('/drop/sealed', false))?.Value).not.toContain('the-key');
  });

  it('overwrites only on request, and keeps the type', async () => {
    await put('/drop/typed', 'one');
    await expect(put('/drop/typed', 'two')).rejects.toMatchObject({ name: 'ParameterAlreadyExists' });
    await put('/drop/typed', 'two', { Overwrite: true, Type: undefined });
    expect(await get('/drop/typed')).toMatchObject({ Type: 'SecureString', Value: 'two' });
  });

  it('sends EventBridge an event for each change as SSM does, without the value', async () => {
    await put('/drop/changed', 'the-key');
    await put('/drop/changed', 'the-new-key', { Overwrite: true });
    await ssm.send(new DeleteParameterCommand({ Name: '/drop/changed' }));
    const sent = changes.filter(({ detail }) => detail.name === '/drop/changed');
    const detail = { name: '/drop/changed', type: 'SecureString' };
    expect(sent.map((event) => event.detail)).toEqual([
      { ...detail, operation: 'Create' },
      { ...detail, operation: 'Update' },
      { ...detail, operation: 'Delete' },
    ]);
    expect(sent[0]).toMatchObject({
      source: 'aws.ssm',
      'detail-type': 'Parameter Store Change',
      resources: ['arn:aws:ssm:us-east-1:000000000000:parameter/drop/changed'],
    });
    expect(JSON.stringify(sent)).not.toMatch(/the-(new-)?key/);
  });

  it('fails for a parameter that is not there as SSM does', async () => {
    await expect(get('/drop/nothing')).rejects.toMatchObject({ name: 'ParameterNotFound' });
  });
});
