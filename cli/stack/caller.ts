import { text } from 'node:stream/consumers';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { partition } from '@aws-sdk/util-endpoints';
import { Sha256 } from '@smithy/core/checksum';
import { HttpRequest } from '@smithy/core/protocols';
import { SignatureV4 } from '@smithy/signature-v4';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { LONGEST_NAME, personName } from '../../functions/domain/model/person.ts';

/** Longest wait for the name, in ms: it is for the history only. */
const PATIENCE_MS = 5_000;
const FORM = 'Action=GetCallerIdentity&Version=2011-06-15';

/**
 * The name of the person whose AWS credentials the tool uses, by STS, which answers everybody. Signed here, because the SDK's client
 * of STS would be one more dependency for one call.
 *
 * @param config of a client of the stack: its credentials, region and connection
 * @param endpoint where it is not AWS's own
 * @returns `undefined` where STS does not answer, or the caller is no person: the history then has no name
 */
export async function callerName(
  { credentials, region: regionOf, requestHandler }: SQSClient['config'],
  endpoint: string | undefined,
): Promise<string | undefined> {
  try {
    const region = await regionOf();
    const url = new URL(endpoint ?? `https://sts.${region}.${partition(region).dnsSuffix}`);
    const request = new HttpRequest({
      method: 'POST',
      protocol: url.protocol,
      hostname: url.hostname,
      ...present({ port: url.port === '' ? undefined : Number(url.port) }),
      path: '/',
      headers: {
        host: url.host,
        'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
        'content-length': String(FORM.length),
      },
      body: FORM,
    });
    const signer = new SignatureV4({ service: 'sts', region, credentials, sha256: Sha256 });
    const signed = await signer.sign(request);
    const abortSignal = AbortSignal.timeout(PATIENCE_MS);
    const { response } = await requestHandler.handle(new HttpRequest(signed), { abortSignal });
    const [, arn = ''] = /<Arn>([^<]+)<\/Arn>/.exec(await text(response.body)) ?? [];
    return nameInArn(arn);
  } catch {
    return undefined;
  }
}

/** Roles of IAM Identity Center, whose sessions have the names of people. */
const IDENTITY_CENTER_ROLE = /^AWSReservedSSO_/;

/** A short name in the ARN of a caller, such as `alice`, or `Role/session`; without the account. */
export function nameInArn(arn: string): string | undefined {
  const [kind = '', ...path] = arn.split(':').slice(5).join(':').split('/');
  const last = path.at(-1) ?? '';
  const [role = ''] = path;
  switch (kind) {
    case 'root':
      return kind;
    case 'user':
    case 'federated-user':
      return personName(last);
    case 'assumed-role': {
      const full = `${role}/${last}`;
      return personName(IDENTITY_CENTER_ROLE.test(role) || full.length > LONGEST_NAME ? last : full);
    }
    default:
      return undefined;
  }
}
