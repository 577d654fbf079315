import { inspect } from 'node:util';
import { SSMClient } from '@aws-sdk/client-ssm';
import { afterEach, describe, expect, it } from 'vitest';
import { createGetParameter } from '../../functions/adapters/ssm-parameters.ts';
import { type Reply, type ScriptedServer, startScriptedServer } from '../support/scripted-server.ts';

const NAME = '/streampixel-drop/api-key';
const FOUND: Reply = {
  status: 200,
  body: JSON.stringify({ Parameter: { Name: NAME, Type: 'SecureString', Value: 'the-key', Version: 3 } }),
};
const refusal = (status: number, code: string): Reply => ({ status, body: JSON.stringify({ __type: code }) });

let server: ScriptedServer;
afterEach(() => server.close());

async function given(...replies: Reply[]) {
  server = await startScriptedServer(...replies);
  const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret', sessionToken: 'session' };
  return createGetParameter(new SSMClient({ credentials, region: 'eu-central-1', endpoint: server.url }));
}

describe('a parameter of SSM', () => {
  it('is read decrypted, by a signed call', async () => {
    const getParameter = await given(FOUND);

    expect(await getParameter(NAME)).toMatchObject({ Type: 'SecureString', Value: 'the-key', Version: 3 });

    const [request] = server.requests;
    expect(JSON.parse(request?.body ?? '')).toEqual({ Name: NAME, WithDecryption: true });
    expect(request?.headers).toMatchObject({
      'x-amz-target': 'AmazonSSM.GetParameter',
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-security-token': 'session',
      authorization: expect.stringContaining('/eu-central-1/ssm/aws4_request'),
    });
  });

  it.each(['ParameterNotFound', 'com.amazonaws.ssm#ParameterNotFound', 'AccessDeniedException'])(
    'that is refused as %s is an error of that name, after one try',
    async (code) => {
      const getParameter = await given(refusal(400, code));
      await expect(getParameter(NAME)).rejects.toMatchObject({ name: code.replace(/.*#/, '') });
      expect(server.requests).toHaveLength(1);
    },
  );

  it.each<[string, Reply]>([
    ['is throttled', refusal(400, 'ThrottlingException')],
    ['finds SSM in trouble', refusal(500, 'InternalServerError')],
    ['is reset', 'reset'],
    ['breaks off', { cutOff: '{"Parameter":{"Value":"the-' }],
  ])('is asked for again when the call %s', async (_, trouble) => {
    const getParameter = await given(trouble, FOUND);
    expect(await getParameter(NAME)).toMatchObject({ Value: 'the-key' });
  });

  it('is given up after three tries', async () => {
    const getParameter = await given(refusal(400, 'ThrottlingException'));
    await expect(getParameter(NAME)).rejects.toMatchObject({ name: 'ThrottlingException' });
    expect(server.requests).toHaveLength(3);
  });

  it.each<[string, Reply]>([
    ['is no JSON', { status: 200, body: '{"Parameter":{"Value":"c4nary" oops' }],
    ['is the key itself', { status: 200, body: 'c4nary' }],
    ['is a refusal that quotes it', { status: 400, body: '{"__type":"ValidationException","message":"bad c4nary"}' }],
    ['is a refusal that is no JSON', { status: 400, body: 'c4nary' }],
    ['breaks off inside it', { cutOff: '{"Parameter":{"Value":"c4nary' }],
  ])('does not get into the error where the answer %s', async (_, reply) => {
    const getParameter = await given(reply);
    const error: unknown = await getParameter(NAME).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('c4nary');
  });
});
