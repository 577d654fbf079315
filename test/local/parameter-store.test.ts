import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DeleteParameterCommand,
  GetParameterCommand,
  GetParametersCommand,
  PutParameterCommand,
  SSMClient,
} from '@aws-sdk/client-ssm';
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
  it('gives a SecureString out decrypted, and raises its version with each overwrite', async () => {
    await put('/drop/key', 'one');
    expect(await get('/drop/key')).toMatchObject({ Type: 'SecureString', Value: 'one', Version: 1 });
    await put('/drop/key', 'two', { Overwrite: true });
    expect(await get('/drop/key')).toMatchObject({
      Value: 'two',
      Version: 2,
      ARN: 'arn:aws:ssm:us-east-1:000000000000:parameter/drop/key',
    });
  });

  it('keeps the value to itself where nobody asked for decryption', async () => {
    await put('/drop/sealed', 'the-key');
    expect((await get('/drop/sealed', false))?.Value).not.toContain('the-key');
  });

  it('overwrites only if told so, and keeps the type', async () => {
    await put('/drop/typed', 'one');
    await expect(put('/drop/typed', 'two')).rejects.toMatchObject({ name: 'ParameterAlreadyExists' });
    await put('/drop/typed', 'two', { Overwrite: true, Type: undefined });
    expect(await get('/drop/typed')).toMatchObject({ Type: 'SecureString', Value: 'two' });
  });

  it('finds a parameter by its ARN and by its current version', async () => {
    await put('/drop/named', 'x');
    expect(await get('arn:aws:ssm:us-east-1:000000000000:parameter/drop/named')).toMatchObject({ Value: 'x' });
    expect(await get('/drop/named:1')).toMatchObject({ Value: 'x' });
    await expect(get('/drop/named:2')).rejects.toMatchObject({ name: 'ParameterNotFound' });
  });

  it('says which of several it does not have', async () => {
    await put('/drop/one', '1');
    const { Parameters, InvalidParameters } = await ssm.send(
      new GetParametersCommand({ Names: ['/drop/one', '/drop/none'], WithDecryption: true }),
    );
    expect(Parameters).toMatchObject([{ Name: '/drop/one', Value: '1' }]);
    expect(InvalidParameters).toEqual(['/drop/none']);
  });

  it('tells EventBridge of each change as SSM does, and of no value', async () => {
    await put('/drop/told', 'the-key', { Description: 'of the studio' });
    await put('/drop/told', 'the-new-key', { Overwrite: true });
    await ssm.send(new DeleteParameterCommand({ Name: '/drop/told' }));
    const told = changes.filter(({ detail }) => detail.name === '/drop/told');
    const detail = { name: '/drop/told', type: 'SecureString', description: 'of the studio' };
    expect(told.map((event) => event.detail)).toEqual([
      { ...detail, operation: 'Create' },
      { ...detail, operation: 'Update' },
      { ...detail, operation: 'Delete' },
    ]);
    expect(told[0]).toMatchObject({
      source: 'aws.ssm',
      'detail-type': 'Parameter Store Change',
      resources: ['arn:aws:ssm:us-east-1:000000000000:parameter/drop/told'],
    });
    expect(JSON.stringify(told)).not.toMatch(/the-(new-)?key/);
  });

  it('fails for a parameter that is not there as SSM does', async () => {
    await expect(get('/drop/nothing')).rejects.toMatchObject({ name: 'ParameterNotFound' });
  });
});
