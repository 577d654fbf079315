import type { DeleteParameterRequest, GetParameterRequest, Parameter, PutParameterRequest } from '@aws-sdk/client-ssm';
import { LOCAL_ACCOUNT_ID } from './account.ts';
import { AwsError } from './aws-error.ts';
import type { NewEvent } from './event-bus.ts';
import type { JsonOperations } from './json-service.ts';

interface StoredParameter {
  readonly type: NonNullable<Parameter['Type']>;
  readonly value: string;
  /** One more with each overwrite. */
  readonly version: number;
  /** ms since the epoch. */
  readonly modifiedAt: number;
}

/**
 * SSM's Parameter Store in memory, with the latest version of each parameter only.
 *
 * @param emit gets the events that SSM sends to EventBridge when a parameter changes
 */
export function createParameterStore(region: string, emit: (event: NewEvent) => void): JsonOperations {
  const parameters = new Map<string, StoredParameter>();
  const arnOf = (name: string) => `arn:aws:ssm:${region}:${LOCAL_ACCOUNT_ID}:parameter${name}`;

  function find(name: string): StoredParameter {
    const parameter = parameters.get(name);
    // SSM's message is empty, too.
    if (parameter === undefined) throw new AwsError(400, 'ParameterNotFound', '');
    return parameter;
  }

  function emitChange(operation: 'Create' | 'Update' | 'Delete', name: string, { type }: StoredParameter): void {
    const detail = { operation, name, type };
    emit({ source: 'aws.ssm', detailType: 'Parameter Store Change', resources: [arnOf(name)], detail });
  }

  return {
    GetParameter({ Name = '', WithDecryption = false }: GetParameterRequest) {
      const { type, value, version, modifiedAt } = find(Name);
      // Without decryption SSM returns ciphertext: a caller that forgot to ask for it must not succeed here either.
      const isReadable = type !== 'SecureString' || WithDecryption;
      return {
        Parameter: {
          Name,
          Type: type,
          Value: isReadable ? value : Buffer.from(`kms:${version}`).toString('base64'),
          Version: version,
          LastModifiedDate: modifiedAt / 1000,
          ARN: arnOf(Name),
        },
      };
    },
    PutParameter({ Name = '', Value = '', Type, Overwrite = false }: PutParameterRequest) {
      const existing = parameters.get(Name);
      if (existing !== undefined && !Overwrite) {
        throw new AwsError(
          400,
          'ParameterAlreadyExists',
          'The parameter already exists. To replace it, set Overwrite.',
        );
      }
      const type = Type ?? existing?.type;
      if (type === undefined) throw new AwsError(400, 'ValidationException', 'A new parameter needs a type.');
      const parameter = { type, value: Value, version: (existing?.version ?? 0) + 1, modifiedAt: Date.now() };
      parameters.set(Name, parameter);
      emitChange(existing === undefined ? 'Create' : 'Update', Name, parameter);
      return { Version: parameter.version, Tier: 'Standard' };
    },
    DeleteParameter({ Name = '' }: DeleteParameterRequest) {
      const parameter = find(Name);
      parameters.delete(Name);
      emitChange('Delete', Name, parameter);
    },
  };
}
