import { describe, expect, it } from 'vitest';
import { fingerprintOf, newPrivateKey, publicHalfOf } from '../../functions/adapters/delivery-key.ts';
import { readEnvironment } from '../../functions/submit-build/environment.ts';
import { OUTPUTS } from '../../infra/outputs/outputs.ts';
import { STUDIO, type Stack, synthesized } from './synthesized.ts';

const [FIRST, SECOND] = [publicHalfOf(newPrivateKey()), publicHalfOf(newPrivateKey())] as const;
const CLOUDFRONT = { ...STUDIO, delivery: 'cloudfront', deliveryPublicKeys: [FIRST] };
const KMS_KEY = 'arn:aws:kms:eu-central-1:123456789012:key/0f0f-1';

const s3 = synthesized();
const own = synthesized(CLOUDFRONT);
const existing = synthesized({ ...CLOUDFRONT, bucketName: 'studio-builds', bucketKmsKeyArn: KMS_KEY });

const configOf = ({ only }: Stack) => only('AWS::CloudFront::Distribution').Properties.DistributionConfig;
const arnOf = ({ only }: Stack) =>
  `arn:<AWS::Partition>:cloudfront::<AWS::AccountId>:distribution/<${only('AWS::CloudFront::Distribution').id}>`;
const submitBuild = ({ ofType }: Stack) => {
  const found = ofType('AWS::Lambda::Function').find(({ id }) => id.startsWith('SubmitBuild'));
  if (found === undefined) throw new Error('no submit-build');
  return found;
};
const fileUrlsOf = (given: Stack) => readEnvironment(submitBuild(given).Properties.Environment.Variables).fileUrls;
const cloudFrontParts = ({ resources }: Stack) => resources.filter(({ Type }) => Type.startsWith('AWS::CloudFront::'));
const permissions = ({ ofType }: Stack): { Sid: string; Resource: unknown }[] =>
  ofType('AWS::IAM::Policy')
    .filter(({ id }) => id.startsWith('SubmitBuild'))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement);

/** What lets CloudFront read builds, and only this distribution. */
const grantsFor = (given: Stack, bucketArn: string) => {
  const allow = (Action: string | string[], Resource: string) => ({
    Effect: 'Allow',
    Principal: { Service: 'cloudfront.amazonaws.com' },
    Action,
    Resource,
    Condition: { StringEquals: { 'AWS:SourceArn': arnOf(given) } },
  });
  return [allow(['s3:GetObject', 's3:GetObjectVersion'], `${bucketArn}/builds/*`), allow('s3:ListBucket', bucketArn)];
};

describe('delivery by s3', () => {
  it('needs nothing of CloudFront', () => {
    expect(cloudFrontParts(s3)).toEqual([]);
    expect(fileUrlsOf(s3)).toEqual({ delivery: 's3' });
    expect(permissions(s3).map(({ Sid }) => Sid)).not.toContain('ReadDeliveryKey');
    expect(Object.keys(s3.outputs)).not.toContain(OUTPUTS.distribution);
  });

  it('keeps the distribution for as long as there is a public key: URLs that were given out still work', () => {
    const after = synthesized({ ...CLOUDFRONT, delivery: 's3' });
    expect(cloudFrontParts(after)).toEqual(cloudFrontParts(own));
    expect(after.outputs[OUTPUTS.distribution]).toEqual(own.outputs[OUTPUTS.distribution]);
    expect(fileUrlsOf(after)).toEqual({ delivery: 's3' });
    // Workers of the former kind run for some seconds more.
    expect(permissions(after).map(({ Sid }) => Sid)).toContain('ReadDeliveryKey');
    expect(permissions(own).map(({ Sid }) => Sid)).toContain('ReadBuilds');
  });
});

describe.each([
  ['its own bucket', own, 'streampixeldrop-<AWS::AccountId>-<AWS::Region>'],
  ['an existing bucket', existing, 'studio-builds'],
])('the distribution, with %s', (_, given, bucketName) => {
  const { DefaultCacheBehavior: behaviour, Origins, ...config } = configOf(given);

  it('serves signed URLs only, over HTTPS only, of this bucket only', () => {
    const keyGroup = given.only('AWS::CloudFront::KeyGroup');
    expect(behaviour).toMatchObject({
      TrustedKeyGroups: [`<${keyGroup.id}>`],
      ViewerProtocolPolicy: 'https-only',
      AllowedMethods: ['GET', 'HEAD'],
      Compress: false,
    });
    // Another behaviour could serve without a signature.
    expect(config.CacheBehaviors).toBeUndefined();
    expect(behaviour).not.toHaveProperty('FunctionAssociations');
    expect(behaviour).not.toHaveProperty('LambdaFunctionAssociations');
    expect(Origins).toHaveLength(1);
    expect(Origins[0].DomainName).toBe(`${bucketName}.s3.<AWS::Region>.<AWS::URLSuffix>`);
  });

  it('asks S3 with a signature of its own', () => {
    const control = given.only('AWS::CloudFront::OriginAccessControl');
    expect(Origins[0]).toMatchObject({
      OriginAccessControlId: `<${control.id}.Id>`,
      S3OriginConfig: { OriginAccessIdentity: '' },
    });
    expect(control.Properties.OriginAccessControlConfig).toMatchObject({
      OriginAccessControlOriginType: 's3',
      SigningBehavior: 'always',
      SigningProtocol: 'sigv4',
    });
  });

  it('forwards the version, and nothing else of the request', () => {
    const policy = given.only('AWS::CloudFront::OriginRequestPolicy');
    expect(behaviour.OriginRequestPolicyId).toBe(`<${policy.id}>`);
    expect(policy.Properties.OriginRequestPolicyConfig).toMatchObject({
      QueryStringsConfig: { QueryStringBehavior: 'whitelist', QueryStrings: ['versionId'] },
      HeadersConfig: { HeaderBehavior: 'none' },
      CookiesConfig: { CookieBehavior: 'none' },
    });
  });

  it('caches nothing, no errors either, and stores no log with signatures', () => {
    // The managed policy CachingDisabled.
    expect(behaviour.CachePolicyId).toBe('4135ea2d-6df8-44a3-9df3-4b5a84be39ad');
    const cached = [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504];
    expect(config.CustomErrorResponses).toEqual(cached.map((ErrorCode) => ({ ErrorCode, ErrorCachingMinTTL: 0 })));
    expect(config).not.toHaveProperty('Logging');
  });

  it('has names that are the stack’s own in every region of the account', () => {
    const names = [
      given.only('AWS::CloudFront::KeyGroup').Properties.KeyGroupConfig.Name,
      given.only('AWS::CloudFront::OriginAccessControl').Properties.OriginAccessControlConfig.Name,
      given.only('AWS::CloudFront::OriginRequestPolicy').Properties.OriginRequestPolicyConfig.Name,
    ];
    for (const name of names) expect(name).toBe('StreampixelDrop-<AWS::Region>');
  });

  it('is known to the function that signs, by its domain and the ids of its keys', () => {
    const distribution = given.only('AWS::CloudFront::Distribution');
    const key = given.only('AWS::CloudFront::PublicKey');
    expect(fileUrlsOf(given)).toEqual({
      delivery: 'cloudfront',
      domain: `<${distribution.id}.DomainName>`,
      keyParameter: '/streampixel-drop/delivery-key',
      keyIds: { [fingerprintOf(FIRST)]: `<${key.id}>` },
    });
    expect(JSON.parse(given.outputs[OUTPUTS.distribution]?.Value ?? '')).toEqual({
      domain: `<${distribution.id}.DomainName>`,
      keyIds: { [fingerprintOf(FIRST)]: `<${key.id}>` },
    });
    const parameter = 'arn:<AWS::Partition>:ssm:<AWS::Region>:<AWS::AccountId>:parameter/streampixel-drop/delivery-key';
    expect(permissions(given).find(({ Sid }) => Sid === 'ReadDeliveryKey')?.Resource).toBe(parameter);
  });
});

describe('what lets CloudFront read', () => {
  it('is in the policy of the stack’s own bucket, before the function needs it', () => {
    const policy = own.only('AWS::S3::BucketPolicy');
    const bucketArn = 'arn:<AWS::Partition>:s3:::streampixeldrop-<AWS::AccountId>-<AWS::Region>';
    expect(policy.Properties.PolicyDocument.Statement.slice(1)).toEqual(grantsFor(own, bucketArn));
    expect(submitBuild(own).DependsOn).toContain(policy.id);
    expect(own.outputs).not.toHaveProperty(OUTPUTS.deliveryBucketPolicy);
  });

  it('is an output for an existing bucket and its KMS key, whose policies belong to their owner', () => {
    expect(existing.ofType('AWS::S3::BucketPolicy')).toEqual([]);
    const statements = (id: string) => JSON.parse(existing.outputs[id]?.Value ?? '');
    expect(statements(OUTPUTS.deliveryBucketPolicy)).toEqual(
      grantsFor(existing, 'arn:<AWS::Partition>:s3:::studio-builds'),
    );
    expect(statements(OUTPUTS.deliveryKmsKeyPolicy)).toEqual([
      expect.objectContaining({
        Action: 'kms:Decrypt',
        Principal: { Service: 'cloudfront.amazonaws.com' },
        Condition: { StringEquals: { 'AWS:SourceArn': arnOf(existing) } },
      }),
    ]);
    expect(existing.messages.join()).not.toMatch(/imported bucket/);
  });
});

describe('the public keys', () => {
  it('are resources of their own, so that a rotation changes none', () => {
    const both = synthesized({ ...CLOUDFRONT, deliveryPublicKeys: [SECOND, FIRST] });
    const [before, after] = [own, both].map((given) => given.ofType('AWS::CloudFront::PublicKey'));
    expect(after).toHaveLength(2);
    expect(after).toEqual(expect.arrayContaining(before ?? []));
    const ids = both.only('AWS::CloudFront::KeyGroup').Properties.KeyGroupConfig.Items;
    expect(ids).toEqual(after?.map(({ id }) => `<${id}>`));
  });

  it('are encoded as CloudFront takes them', () => {
    const { PublicKeyConfig } = own.only('AWS::CloudFront::PublicKey').Properties;
    expect(PublicKeyConfig.EncodedKey).toBe(`-----BEGIN PUBLIC KEY-----\n${FIRST}\n-----END PUBLIC KEY-----\n`);
  });
});

it.each(['PriceClass_100', 'PriceClass_200', 'PriceClass_All'])(
  'the price class is that of the settings: %s',
  (name) => {
    expect(configOf(synthesized({ ...CLOUDFRONT, deliveryPriceClass: name })).PriceClass).toBe(name);
  },
);

describe('a long lifetime', () => {
  it('is no reason to warn: no session ends a signature of CloudFront', () => {
    const week = synthesized({ ...CLOUDFRONT, fileUrlLifetimeSeconds: 7 * 24 * 3600 });
    expect(week.messages).toEqual([]);
    const names = week.ofType('AWS::CloudWatch::Alarm').map(({ Properties }) => Properties.AlarmName);
    expect(names.join()).not.toContain('fileUrls may expire early');
    expect(names).toContain('StreampixelDrop Medium: A download URL expired before its build was finished');
  });
});
