import { LOCAL_ACCOUNT_ID } from '../../local/aws/account.ts';
import type { Call } from './s3-between.ts';

/** What AWS would check a call against. */
export interface AuthorizedCall {
  readonly action: string;
  readonly resource: string;
  /** DynamoDB's condition key `dynamodb:LeadingKeys`. */
  readonly leadingKeys?: readonly string[];
}

interface Statement {
  readonly Sid: string;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** A policy's document without references. */
export interface PolicyDocument {
  readonly Statement: readonly Statement[];
}

/** What a call needs to be allowed to do. Source: "Actions, resources, and condition keys for AWS services". */
export function authorizationOf({ body, headers, method, url }: Call): AuthorizedCall {
  const [, region, service] = /Credential=[^/]+\/\d+\/([^/]+)\/([^/]+)\//.exec(String(headers.authorization)) ?? [];
  const arn = (type: string) => `arn:aws:${service}:${region}:${LOCAL_ACCOUNT_ID}:${type}`;
  const text = Buffer.concat([...body]).toString('latin1');
  switch (service) {
    case 'cloudformation': {
      const form = new URLSearchParams(text);
      // Without a name the embedded stack is alone at its port.
      const stack = form.get('StackName') ?? 'StreampixelDrop';
      return { action: `cloudformation:${form.get('Action')}`, resource: arn(`stack/${stack}/0f-id`) };
    }
    case 'dynamodb': {
      const { ExpressionAttributeValues = {}, IndexName, Key, TableName } = JSON.parse(text);
      const table = arn(`table/${TableName}`);
      return {
        action: `dynamodb:${String(headers['x-amz-target']).split('.')[1]}`,
        resource: IndexName === undefined ? table : `${table}/index/${IndexName}`,
        leadingKeys: [Key?.pk.S ?? ExpressionAttributeValues[':state']?.S],
      };
    }
    case 's3':
      return s3AuthorizationOf(method, url);
    default:
      throw new Error(`No authorization is known for ${service}: ${method} ${url}`);
  }
}

function s3AuthorizationOf(method: string, url: string): AuthorizedCall {
  const { pathname, searchParams } = new URL(url, 'http://s3');
  const [, bucket, ...key] = pathname.split('/').map(decodeURIComponent);
  const ofBucket = `arn:aws:s3:::${bucket}`;
  const ofObject = `${ofBucket}/${key.join('/')}`;
  const [hasUploads, hasUpload] = [searchParams.has('uploads'), searchParams.has('uploadId')];
  if (method === 'HEAD' && key.length > 0) return { action: 's3:GetObject', resource: ofObject };
  if (method === 'POST' && (hasUploads || hasUpload)) return { action: 's3:PutObject', resource: ofObject };
  if (method === 'PUT' && hasUpload) return { action: 's3:PutObject', resource: ofObject };
  if (method === 'GET' && hasUpload) return { action: 's3:ListMultipartUploadParts', resource: ofObject };
  if (method === 'GET' && hasUploads) return { action: 's3:ListBucketMultipartUploads', resource: ofBucket };
  throw new Error(`No authorization is known for ${method} ${url}`);
}

/** What of the policy allows the call: the statement's id with the action, and with the pattern of the condition. */
export function allowedBy({ Statement }: PolicyDocument, call: AuthorizedCall): readonly string[] {
  return Statement.flatMap(({ Action, Condition = {}, Resource, Sid }) => {
    const isMeant =
      listed(Action).includes(call.action) && listed(Resource).some((pattern) => isLike(pattern, call.resource));
    if (!isMeant) return [];
    const patterns = Object.entries(Condition).flatMap(([operator, keys]) => {
      const { 'dynamodb:LeadingKeys': allowed = [], ...others } = keys;
      if (operator !== 'ForAllValues:StringLike' || Object.keys(others).length > 0) {
        throw new Error(`The condition ${operator} of ${Sid} is not known here.`);
      }
      return (call.leadingKeys ?? []).map((key) => listed(allowed).find((pattern) => isLike(pattern, key)));
    });
    if (patterns.includes(undefined)) return [];
    return [`${Sid} ${call.action}`, ...patterns.map((pattern) => `${Sid} ${pattern}`)];
  });
}

/** Everything that the policy allows, named as {@link allowedBy} does. */
export function allThatIsAllowed({ Statement }: PolicyDocument): readonly string[] {
  return Statement.flatMap(({ Action, Condition = {}, Sid }) => {
    const patterns = Object.values(Condition).flatMap((keys) => Object.values(keys).flatMap(listed));
    return [...listed(Action), ...patterns].map((each) => `${Sid} ${each}`);
  });
}

function listed(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value;
}

/** IAM's wildcards: `*` for any text, `?` for one character. */
function isLike(pattern: string, text: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(text);
}
