import { createPublicKey } from 'node:crypto';
import type { DistributionSpec } from './cloudfront.ts';
import type { Identity } from './intrinsics.ts';

/** The resources of a type, with every reference in them resolved. */
export type ResourcesOfType = <Properties>(type: string) => (Identity & { readonly properties: Properties })[];

/**
 * The distribution of a template, with what it refers to.
 *
 * @returns `undefined` where there is none
 */
export function distributionOf(ofType: ResourcesOfType): DistributionSpec | undefined {
  const [distribution] = ofType<DistributionProperties>('AWS::CloudFront::Distribution');
  if (distribution === undefined) return undefined;
  const { DefaultCacheBehavior, Origins } = distribution.properties.DistributionConfig;
  const { AllowedMethods, OriginRequestPolicyId, TrustedKeyGroups } = DefaultCacheBehavior;
  // `<bucket>.s3.<region>.amazonaws.com`
  const bucket = Origins[0]?.DomainName.split('.s3.')[0] ?? '';
  const policy = ofType<OriginRequestProperties>('AWS::CloudFront::OriginRequestPolicy').find(
    ({ ref }) => ref === OriginRequestPolicyId,
  );
  const keyIds = ofType<KeyGroupProperties>('AWS::CloudFront::KeyGroup')
    .filter(({ ref }) => TrustedKeyGroups.includes(ref))
    .flatMap(({ properties }) => properties.KeyGroupConfig.Items);
  const publicKeys = ofType<PublicKeyProperties>('AWS::CloudFront::PublicKey').filter(({ ref }) =>
    keyIds.includes(ref),
  );
  const policies = ofType<BucketPolicyProperties>('AWS::S3::BucketPolicy').filter(
    ({ properties }) => properties.Bucket === bucket,
  );
  const statements = policies.flatMap(({ properties }) => properties.PolicyDocument.Statement);

  function allows({ Action, Condition, Effect, Principal, Resource }: Statement, action: string, key: string): boolean {
    const source = Condition?.StringEquals?.['AWS:SourceArn'] ?? '';
    const objects = [Resource].flat().filter((arn) => arn.endsWith('*'));
    return (
      Effect === 'Allow' &&
      Principal.Service === 'cloudfront.amazonaws.com' &&
      source.endsWith(`:distribution/${distribution?.ref}`) &&
      [Action].flat().includes(action) &&
      objects.some((arn) => `arn:aws:s3:::${bucket}/${key}`.startsWith(arn.slice(0, -1)))
    );
  }
  return {
    bucket,
    allowedMethods: AllowedMethods,
    forwardedQuery: policy?.properties.OriginRequestPolicyConfig.QueryStringsConfig.QueryStrings ?? [],
    publicKeys: new Map(
      publicKeys.map(({ ref, properties }) => [ref, createPublicKey(properties.PublicKeyConfig.EncodedKey)]),
    ),
    // An existing bucket's policy is not in the template: it is taken to have what it needs.
    mayRead: (action, key) => policies.length === 0 || statements.some((statement) => allows(statement, action, key)),
  };
}

interface DistributionProperties {
  readonly DistributionConfig: {
    readonly DefaultCacheBehavior: {
      readonly AllowedMethods: readonly string[];
      readonly OriginRequestPolicyId: string;
      readonly TrustedKeyGroups: readonly string[];
    };
    readonly Origins: readonly { readonly DomainName: string }[];
  };
}

interface OriginRequestProperties {
  readonly OriginRequestPolicyConfig: { readonly QueryStringsConfig: { readonly QueryStrings?: readonly string[] } };
}

interface KeyGroupProperties {
  readonly KeyGroupConfig: { readonly Items: readonly string[] };
}

interface PublicKeyProperties {
  readonly PublicKeyConfig: { readonly EncodedKey: string };
}

interface BucketPolicyProperties {
  readonly Bucket: string;
  readonly PolicyDocument: { readonly Statement: readonly Statement[] };
}

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Principal: { readonly Service?: string };
  readonly Condition?: { readonly StringEquals?: Readonly<Record<string, string>> };
}
