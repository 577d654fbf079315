import { Aws } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IConstruct } from 'constructs';
import type { Permission } from '../lambda/worker-function.ts';
import { arn } from './arn.ts';

/** Something that may be encrypted with a customer managed KMS key. */
interface Encrypted {
  readonly construct: IConstruct;
  /** What CDK knows of its key. */
  readonly key: IKey | undefined;
  /** How the service names the thing to KMS: the encryption context, by its names. */
  readonly context: Readonly<Record<string, string>>;
}

/** The condition that this service uses a key on behalf of the role, and the role does not use it itself. */
export function viaService(service: string): Record<string, string> {
  return { 'kms:ViaService': `${service}.${Aws.REGION}.${Aws.URL_SUFFIX}` };
}

/** Whether it stands for another key. KMS looks for permissions on the key itself, so that one on an alias permits nothing. */
export function isAlias(key: IKey): boolean {
  return 'aliasName' in key || key.keyArn.includes(':alias/');
}

/**
 * To have a service use the key of something that exists, without which AWS denies access to the thing itself.
 *
 * @param statement with the actions that the service needs
 * @returns nothing for what the app makes without a key of its own: a key of AWS's needs no permission
 */
export function useKeyOf(
  { construct, context, key }: Encrypted,
  service: string,
  statement: Pick<Permission, 'sid' | 'actions'>,
): Permission[] {
  if (key !== undefined && !isAlias(key)) {
    return [{ ...statement, resources: [key.keyArn], conditions: { StringEquals: viaService(service) } }];
  }
  if (key === undefined && construct.node.defaultChild !== undefined) return [];
  const named = Object.entries(context).map(([name, value]) => [`kms:EncryptionContext:${name}`, value]);
  return [
    {
      ...statement,
      resources: [arn('kms', 'key/*')],
      conditions: { StringEquals: { ...viaService(service), ...Object.fromEntries(named) } },
      why:
        `For what exists under a customer managed KMS key, which the stack does not know. The conditions leave what ${service} does ` +
        'with it for this one resource.',
    },
  ];
}
