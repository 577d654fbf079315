import { afterEach, describe, expect, it } from 'vitest';
import { newPrivateKey, publicHalfOf } from '../../functions/adapters/delivery-key.ts';
import { startDistribution } from '../../local/aws/cloudfront.ts';
import type { Template } from '../../local/aws/intrinsics.ts';
import { deploymentOf } from '../../local/aws/template.ts';
import { appOf, STUDIO } from '../infra/synthesized.ts';

const PUBLIC_KEY = publicHalfOf(newPrivateKey());
const CLOUDFRONT = { ...STUDIO, delivery: 'cloudfront', deliveryPublicKeys: [PUBLIC_KEY] };
const PLACE = { region: 'eu-west-3', endpoint: 'http://127.0.0.1:4566', distributionDomain: '127.0.0.1:4567' };

function templateWith(settings: Record<string, unknown>): Template {
  const [stack] = appOf(settings).synth().stacks;
  return JSON.parse(JSON.stringify(stack?.template));
}
const deployed = (template: Template) => deploymentOf(template, 'StreampixelDrop', '/assets', PLACE);

describe('the distribution that the local stack reads from the template', () => {
  const template = templateWith(CLOUDFRONT);

  it('is the one of the stack, with the keys of its group', () => {
    const { distribution, functions } = deployed(template);
    expect(distribution).toMatchObject({
      bucket: 'streampixeldrop-000000000000-eu-west-3',
      allowedMethods: ['GET', 'HEAD'],
      forwardedQuery: ['versionId'],
    });
    const [[id = '', key] = []] = [...(distribution?.publicKeys ?? [])];
    expect(key?.export({ format: 'der', type: 'spki' }).toString('base64')).toBe(PUBLIC_KEY);
    const fileUrls = functions.map(({ environment }) => environment.FILE_URLS).find((value) => value !== undefined);
    expect(JSON.parse(fileUrls ?? '')).toMatchObject({ domain: '127.0.0.1:4567', keyIds: expect.any(Object) });
    expect(Object.values(JSON.parse(fileUrls ?? '').keyIds)).toEqual([id]);
  });

  it('is not there without a key', () => {
    expect(deployed(templateWith(STUDIO)).distribution).toBeUndefined();
  });

  it('may read what the policy of the bucket allows it, and no more', () => {
    const mayRead = deployed(template).distribution?.mayRead;
    expect(mayRead?.('s3:GetObject', 'builds/a.zip')).toBe(true);
    expect(mayRead?.('s3:GetObjectVersion', 'builds/a.zip')).toBe(true);
    expect(mayRead?.('s3:GetObjectVersion', 'other/a.zip')).toBe(false);
    expect(mayRead?.('s3:PutObject', 'builds/a.zip')).toBe(false);
  });

  it('may read nothing where the policy names another distribution', () => {
    const text = JSON.stringify(template).replaceAll(':distribution/', ':distribution/other-');
    expect(deployed(JSON.parse(text)).distribution?.mayRead('s3:GetObject', 'builds/a.zip')).toBe(false);
  });

  it('may read an existing bucket, whose policy is not in the template', () => {
    const { distribution } = deployed(templateWith({ ...CLOUDFRONT, bucketName: 'studio-builds' }));
    expect([distribution?.bucket, distribution?.mayRead('s3:GetObject', 'a.zip')]).toEqual(['studio-builds', true]);
  });
});

describe('a distribution on this machine', () => {
  let served: Awaited<ReturnType<typeof startDistribution>> | undefined;
  afterEach(() => served?.close());

  async function answerTo(method: string, path: string, spec: 'none' | 'no keys' = 'no keys') {
    served = await startDistribution(async (_, response) => void response.end());
    const publicKeys = new Map();
    const rest = { bucket: 'drop', allowedMethods: ['GET', 'HEAD'], forwardedQuery: [], mayRead: () => true };
    served.deploy(spec === 'none' ? undefined : { ...rest, publicKeys });
    const answer = await fetch(`http://${served.domain}${path}`, { method });
    return [answer.status, answer.headers.get('server'), /<Code>(\w+)</.exec(await answer.text())?.[1]];
  }

  it.each([
    ['GET', '/a.zip', 'MissingKey'],
    ['GET', '/a.zip?Key-Pair-Id=&Signature=x&Expires=1', 'MissingKey'],
    ['GET', '/a.zip?Key-Pair-Id=K1&Signature=x&Expires=1', 'InvalidKey'],
    ['PUT', '/a.zip', 'BadRequest'],
    ['GET', '/?list-type=2', 'MissingKey'],
  ])('refuses %s %s as %s', async (method, path, code) => {
    expect(await answerTo(method, path)).toEqual([403, 'CloudFront', code]);
  });

  it('is no distribution before it is deployed', async () => {
    expect(await answerTo('GET', '/a.zip', 'none')).toEqual([403, 'CloudFront', 'BadRequest']);
  });
});
