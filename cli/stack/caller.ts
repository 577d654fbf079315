import { GetCallerIdentityCommand, type STSClient } from '@aws-sdk/client-sts';
import { LONGEST_NAME, personName } from '../../functions/domain/model/person.ts';

/** Longest wait for the name, in ms: it is for the history only. */
const PATIENCE_MS = 5_000;

/**
 * The name of the person whose AWS credentials the tool uses, by STS, which answers everybody.
 *
 * @returns `undefined` where STS does not answer, or the caller is no person: the history then has no name
 */
export async function callerName(sts: STSClient): Promise<string | undefined> {
  try {
    const abortSignal = AbortSignal.timeout(PATIENCE_MS);
    const { Arn = '' } = await sts.send(new GetCallerIdentityCommand({}), { abortSignal });
    return nameInArn(Arn);
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
