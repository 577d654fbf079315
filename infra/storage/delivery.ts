import { Annotations, Aws, Duration, Stack, Token } from 'aws-cdk-lib';
import {
  AllowedMethods,
  CachePolicy,
  Distribution,
  KeyGroup,
  OriginRequestPolicy,
  OriginRequestQueryStringBehavior,
  PriceClass,
  PublicKey,
  S3OriginAccessControl,
  ViewerProtocolPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import { S3BucketOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Bucket, type BucketPolicy } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { fingerprintOf } from '../../functions/adapters/delivery-key.ts';
import { acknowledge } from '../acknowledge.ts';
import type { DropOutputs } from '../outputs/drop-outputs.ts';
import { OUTPUTS } from '../outputs/outputs.ts';
import { propertiesOf } from '../properties-of.ts';
import type { Settings } from '../settings/schema.ts';
import type { DropBucket } from './drop-bucket.ts';

const PRICE_CLASSES = {
  PriceClass_100: PriceClass.PRICE_CLASS_100,
  PriceClass_200: PriceClass.PRICE_CLASS_200,
  PriceClass_All: PriceClass.PRICE_CLASS_ALL,
} as const satisfies Record<Settings['deliveryPriceClass'], PriceClass>;

/** The errors that CloudFront keeps for 10 s by default. Source: "How CloudFront processes HTTP 4xx and 5xx status codes". */
const CACHED_ERRORS = [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504];

/**
 * The distribution that Streampixel downloads builds from, with URLs that are signed for one object and version each. It is there
 * while `deliveryPublicKeys` has a key, also with delivery `s3`: URLs that were given out before the change work to their end.
 */
export class Delivery extends Construct {
  readonly domain: string;
  /** CloudFront's ids of the public keys, by their fingerprints. */
  readonly keyIds: Readonly<Record<string, string>>;
  /** What lets the distribution read the stack's own bucket. */
  readonly bucketPolicy: BucketPolicy | undefined;
  private readonly arn: string;
  private readonly outputs: DropOutputs;

  constructor(scope: Construct, id: string, settings: Settings, bucket: DropBucket, outputs: DropOutputs) {
    super(scope, id);
    this.outputs = outputs;
    // Such names are unique in an account, over all its regions.
    const name = `${settings.stackName}-${Aws.REGION}`;
    // CloudFront does not change a key: each has a resource of its own, so a rotation adds one and removes one.
    const publicKeys = settings.deliveryPublicKeys.map((publicHalf) => {
      const fingerprint = fingerprintOf(publicHalf);
      const encodedKey = `-----BEGIN PUBLIC KEY-----\n${publicHalf}\n-----END PUBLIC KEY-----\n`;
      const key = new PublicKey(this, `PublicKey${fingerprint}`, {
        publicKeyName: `${name}-${fingerprint}`,
        encodedKey,
      });
      return [fingerprint, key] as const;
    });
    this.keyIds = Object.fromEntries(publicKeys.map(([fingerprint, { publicKeyId }]) => [fingerprint, publicKeyId]));
    const keyGroup = new KeyGroup(this, 'KeyGroup', { keyGroupName: name, items: publicKeys.map(([, key]) => key) });
    const distribution = new Distribution(this, 'Distribution', {
      comment: `${settings.stackName}: builds for Streampixel, by signed URLs only`,
      priceClass: PRICE_CLASSES[settings.deliveryPriceClass],
      defaultBehavior: {
        // The policy that lets it read is below: the same for a bucket of the stack's and for another.
        origin: S3BucketOrigin.withOriginAccessControl(Bucket.fromBucketName(this, 'Origin', bucket.bucketName), {
          originAccessControl: new S3OriginAccessControl(this, 'AccessControl', { originAccessControlName: name }),
        }),
        trustedKeyGroups: [keyGroup],
        viewerProtocolPolicy: ViewerProtocolPolicy.HTTPS_ONLY,
        allowedMethods: AllowedMethods.ALLOW_GET_HEAD,
        // A build is downloaded once or twice. A cache would serve it after it is deleted from the bucket.
        cachePolicy: CachePolicy.CACHING_DISABLED,
        // CloudFront drops queries by default, and would serve the current version in place of the one that is signed.
        originRequestPolicy: new OriginRequestPolicy(this, 'ForwardVersion', {
          originRequestPolicyName: name,
          queryStringBehavior: OriginRequestQueryStringBehavior.allowList('versionId'),
        }),
        // Zips don't get smaller, and a range of a compressed answer would be another.
        compress: false,
      },
      errorResponses: CACHED_ERRORS.map((httpStatus) => ({ httpStatus, ttl: Duration.seconds(0) })),
    });
    Annotations.of(distribution).acknowledgeWarning(
      '@aws-cdk/aws-cloudfront-origins:updateImportedBucketPolicyOac',
      'The stack adds the statement to its own bucket, and prints it for an existing one.',
    );
    acknowledgeFindings(distribution);
    this.domain = distribution.distributionDomainName;
    this.arn = `arn:${Aws.PARTITION}:cloudfront::${Aws.ACCOUNT_ID}:distribution/${distribution.distributionId}`;
    this.bucketPolicy = this.grantReads(settings.prefix, bucket);
    if (settings.delivery === 'cloudfront') this.refuseKeyOfAws(bucket);
    const { domain, keyIds } = this;
    const description = 'The distribution for downloads, and the ids of its public keys';
    this.output(OUTPUTS.distribution, description, { domain, keyIds });
  }

  private grantReads(prefix: string, bucket: DropBucket): BucketPolicy | undefined {
    const statements = [
      this.allow(['s3:GetObject', 's3:GetObjectVersion'], `${bucket.bucketArn}/${prefix}*`),
      // Without it S3 answers 403 for a key that does not exist, and a missing build would pass for an unreadable one. Nothing can
      // be listed: the distribution forwards no query but versionId, and no URL without a key is ever signed.
      this.allow(['s3:ListBucket'], bucket.bucketArn),
    ];
    const bucketPolicy = bucket.addToPolicy(statements);
    if (bucketPolicy === undefined) {
      this.output(
        OUTPUTS.deliveryBucketPolicy,
        `Add these statements to the policy of the bucket ${shown(bucket.bucketName)}, or CloudFront can't read builds`,
        jsonOf(statements),
      );
    }
    if (bucket.kmsKey !== undefined) this.grantDecryption(bucket.kmsKey);
    return bucketPolicy;
  }

  private grantDecryption(key: IKey): void {
    if (Stack.of(key) === Stack.of(this)) {
      // Any distribution of the account: key, bucket and distribution would each need another one first.
      const ofAccount = `arn:${Aws.PARTITION}:cloudfront::${Aws.ACCOUNT_ID}:distribution/*`;
      if (
        key.addToResourcePolicy(this.allow(['kms:Decrypt'], '*', { ArnLike: { 'AWS:SourceArn': ofAccount } }))
          .statementAdded
      ) {
        return;
      }
    }
    this.output(
      OUTPUTS.deliveryKmsKeyPolicy,
      `Add this statement to the policy of the key ${shown(key.keyArn)}, or CloudFront can't decrypt builds`,
      jsonOf([this.allow(['kms:Decrypt'], '*')]),
    );
  }

  /** The policy of AWS's own key admits only principals of the account, which CloudFront is not, and can't be changed. */
  private refuseKeyOfAws({ bucket }: DropBucket): void {
    this.node.addValidation({
      validate: () => {
        const [rule] = propertiesOf(bucket)?.BucketEncryption?.ServerSideEncryptionConfiguration ?? [];
        const { KMSMasterKeyID, SSEAlgorithm = '' } = rule?.ServerSideEncryptionByDefault ?? {};
        return SSEAlgorithm.startsWith('aws:kms') && [undefined, 'alias/aws/s3'].includes(KMSMasterKeyID)
          ? [
              "the bucket is encrypted with AWS's own KMS key aws/s3, with which CloudFront can't decrypt builds. Encrypt it with a key of " +
                'your own or without KMS, or set delivery to s3',
            ]
          : [];
      },
    });
  }

  /** For this distribution only: any account may point one of its own at the bucket. */
  private allow(
    actions: string[],
    resource: string,
    conditions: Record<string, unknown> = { StringEquals: { 'AWS:SourceArn': this.arn } },
  ): PolicyStatement {
    return new PolicyStatement({
      principals: [new ServicePrincipal('cloudfront.amazonaws.com')],
      actions,
      resources: [resource],
      conditions,
    });
  }

  private output(id: string, description: string, value: object): void {
    this.outputs.add(id, description, Stack.of(this).toJsonString(value));
  }
}

/** An output's description takes no references. */
function shown(name: string): string {
  return Token.isUnresolved(name) ? 'of the builds' : name;
}

function jsonOf(statements: readonly PolicyStatement[]): object {
  return statements.map((statement) => statement.toStatementJson());
}

function acknowledgeFindings(distribution: Distribution): void {
  const reasons = {
    'AwsSolutions-CFR1': 'Streampixel does not say from which countries it downloads.',
    'AwsSolutions-CFR2':
      'Without a signature CloudFront answers 403 by itself, so a firewall would have nothing to keep away.',
    'AwsSolutions-CFR3':
      'An access log records the query of each URL, and so its signature: the log would be a store of credentials.',
    'AwsSolutions-CFR4':
      "CloudFront's own domain has CloudFront's own certificate, whose minimum can't be set. The function that checks a URL uses " +
      'TLS 1.2 or newer, and so does S3. A certificate of our own would need a domain of the studio.',
  };
  for (const [id, reason] of Object.entries(reasons)) {
    acknowledge(distribution, id, reason);
  }
}
