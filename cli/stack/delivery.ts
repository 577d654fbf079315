import { HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { SSMClient } from '@aws-sdk/client-ssm';
import { deliverByCloudFront } from '../../functions/adapters/cloudfront-signer.ts';
import {
  createDeliveryKeys,
  fingerprintOf,
  newPrivateKey,
  privateKeysIn,
  publicHalfOf,
} from '../../functions/adapters/delivery-key.ts';
import { exchange } from '../../functions/adapters/http-exchange.ts';
import { createSsmApiKeys } from '../../functions/adapters/ssm-api-keys.ts';
import { createGetParameter } from '../../functions/adapters/ssm-parameters.ts';
import type { UrlSigner } from '../../functions/adapters/url-signer.ts';
import type { Build } from '../../functions/domain/model/build.ts';
import type { Inspection } from '../../functions/domain/model/inspection.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { Secret } from '../../functions/domain/model/secret.ts';
import { type DeployedDistribution, OUTPUTS } from '../../infra/outputs/outputs.ts';
import { printable } from '../console.ts';
import { type Finding, fail, ok, warn } from '../finding.ts';
import { OperatorError } from '../operator-error.ts';
import { span } from '../units.ts';
import { readParameter, writeSecureString } from './parameters.ts';
import type { Stack } from './stack.ts';

/** Longest that CloudFront may take to answer, in ms. */
const TIMEOUT_MS = 15_000;
/** How long the URL of a probe is signed for, in s. */
const PROBE_LIFETIME_S = 60;
/** More than any error of CloudFront or S3 has, in bytes. */
const ANSWER_LIMIT = 4_096;

/** The stack's distribution, if it has one. */
export function distributionOf({ optionalOutput }: Stack): DeployedDistribution | undefined {
  const output = optionalOutput(OUTPUTS.distribution);
  return output === undefined ? undefined : JSON.parse(output);
}

/** The private keys that are stored, the newest first. */
export interface StoredKeys {
  readonly privateKeys: readonly Secret[];
  /** Of the SSM parameter. */
  readonly version: number;
}

/**
 * @returns `undefined` where there is no such parameter
 * @throws OperatorError where it holds something else than private keys: it is not overwritten
 */
export async function readDeliveryKeys(ssm: SSMClient, name: string): Promise<StoredKeys | undefined> {
  const parameter = await readParameter(ssm, name);
  if (parameter === undefined) return undefined;
  const privateKeys = privateKeysIn(new Secret(parameter.Value ?? ''));
  if (parameter.Type !== 'SecureString' || privateKeys.length === 0) {
    const message = `${name} is not a SecureString with a private key.`;
    throw new OperatorError(
      'NoDeliveryKey',
      message,
      `Delete it, then run this again: aws ssm delete-parameter --name ${name}`,
    );
  }
  return { privateKeys, version: parameter.Version ?? 0 };
}

/** @returns the new version */
export function writeDeliveryKeys(
  ssm: SSMClient,
  name: string,
  keys: readonly Secret[],
  overwrite = true,
): Promise<number> {
  return writeSecureString(ssm, name, keys.map((key) => key.reveal()).join(''), overwrite);
}

/**
 * Makes the key where there is none.
 *
 * @returns the stored keys, and whether this call has made one
 */
export async function ensureDeliveryKey(
  ssm: SSMClient,
  name: string,
): Promise<StoredKeys & { readonly isNew: boolean }> {
  const stored = await readDeliveryKeys(ssm, name);
  if (stored !== undefined) return { ...stored, isNew: false };
  const privateKeys = [newPrivateKey()];
  try {
    return { privateKeys, version: await writeDeliveryKeys(ssm, name, privateKeys, false), isNew: true };
  } catch (error) {
    // Another run has made one in the meantime: use that.
    if (!(error instanceof Error && error.name === 'ParameterAlreadyExists')) throw error;
    return ensureDeliveryKey(ssm, name);
  }
}

/** Whether the distribution takes signatures of the key. */
export function isDeployed(privateKey: Secret, distribution: DeployedDistribution | undefined): boolean {
  return distribution?.keyIds[fingerprintOf(publicHalfOf(privateKey))] !== undefined;
}

/** Whether builds can be downloaded as the settings say: proved by a ranged GET through the distribution. */
export async function checkDelivery(stack: Stack): Promise<readonly Finding[]> {
  const { clients, commands, settings } = stack;
  const { delivery = 's3', deliveryKeyParameter = '', fileUrlLifetimeSeconds = 0 } = settings;
  const distribution = distributionOf(stack);
  if (distribution === undefined) {
    return [ok(`presigned URLs of the bucket, signed for ${span(fileUrlLifetimeSeconds * 1000)}`)];
  }
  const clock = { now: Date.now };
  const parameters = createSsmApiKeys(createGetParameter(clients.ssm), clock, { warn() {} });
  const keys = createDeliveryKeys(parameters, deliveryKeyParameter, distribution.keyIds);
  const read = await keys.read();
  if (read.kind === 'unavailable') return [fail(read.detail, 'Try again later.')];
  if (read.kind === 'missing') {
    return [
      fail(read.detail, `${commands.createDeliveryKey()}; it prints what to put into ${commands.settingsPlace()}`),
    ];
  }
  const stored = await readDeliveryKeys(clients.ssm, deliveryKeyParameter);
  const build = await anyBuild(stack);
  const { domain } = distribution;
  const { inspect } = deliverByCloudFront({ domain, keys, clock }, (signer) => probe(signer, stack));
  const inspection = await inspect(build ?? missingBuild(stack), 'readable', Date.now() + TIMEOUT_MS);
  const findings = [foundBy(inspection, stack, build)];
  if (stored !== undefined && stored.privateKeys.length > 1) {
    const next = stored.privateKeys.every((key) => isDeployed(key, distribution))
      ? commands.finishDeliveryKeyRotation()
      : `${commands.rotateDeliveryKey()}; it prints what to put into ${commands.settingsPlace()}`;
    findings.push(warn('two private keys are stored: a rotation is in progress', next));
  }
  if (delivery === 's3') findings.push(ok('the distribution is not in use: delivery is s3'));
  return findings;
}

function foundBy(inspection: Inspection, stack: Stack, build: Build | undefined): Finding {
  const { commands, optionalOutput, settings } = stack;
  const { fileUrlLifetimeSeconds = 0 } = settings;
  if (inspection.kind === 'ready') {
    const what = build === undefined ? 'the bucket, which has no build yet' : printable(build.key);
    return ok(`CloudFront reaches ${what}; URLs are signed for ${span(fileUrlLifetimeSeconds * 1000)}`);
  }
  if (inspection.kind === 'unavailable') return fail(inspection.detail, `Try again later: ${commands.doctor()}`);
  const statements = [OUTPUTS.deliveryBucketPolicy, OUTPUTS.deliveryKmsKeyPolicy].flatMap((id) => {
    const statement = optionalOutput(id);
    return statement === undefined || !inspection.detail.includes(id) ? [] : [statement];
  });
  return fail(
    printable(inspection.detail),
    statements.length === 0 ? `Deploy again: ${commands.deploy()}` : `Add to the policy:\n${statements.join('\n')}`,
  );
}

/** Fetches the first bytes, whatever they are. S3 answers 404 for an object that is not there, so that says as much of the access. */
function probe(signer: UrlSigner, { agents }: Pick<Stack, 'agents'>) {
  return {
    presign: (build: Build) => signer.sign(build, build.versionId, PROBE_LIFETIME_S),
    async inspect(build: Build, _: unknown, deadline: number): Promise<Inspection> {
      const url = await signer.sign(build, build.versionId, PROBE_LIFETIME_S);
      const headers = { range: 'bytes=0-3' };
      const request = { method: 'GET', url: url.reveal(), headers, deadline, maxBytes: ANSWER_LIMIT } as const;
      const answer = await exchange(request, { now: Date.now, agents });
      signer.examine(url, answer);
      if (answer.kind !== 'answered') return { kind: 'unavailable', detail: answer.detail };
      const { status } = answer;
      // 416: the object is empty.
      if (status < 300 || status === 404 || status === 416) return { kind: 'ready' };
      return { kind: 'refused', reason: 'BuildUnreadable', detail: `S3 answered CloudFront ${status}`, status };
    },
  };
}

async function anyBuild({ bucket, clients, region, settings }: Stack): Promise<Build | undefined> {
  const { Contents = [] } = await clients.s3.send(
    new ListObjectsV2Command({ Bucket: bucket, Prefix: settings.prefix }),
  );
  const key = Contents.find(({ Key }) => Key?.endsWith('.zip'))?.Key;
  if (key === undefined) return undefined;
  // To read a version is a permission of its own.
  const { VersionId: versionId } = await clients.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
  return { bucket, key, region, droppedAt: 0, ...present({ versionId }) };
}

function missingBuild({ bucket, region, settings }: Stack): Build {
  return { bucket, key: `${settings.prefix}streampixel-drop-doctor.zip`, region, droppedAt: 0 };
}
