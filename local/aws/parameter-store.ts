import type { NewEvent } from './event-bus.ts';
import { JsonProtocolError, type JsonService } from './json-service.ts';

/** A parameter of SSM, as far as the pipeline uses it. */
interface Parameter {
  readonly type: 'String' | 'StringList' | 'SecureString';
  readonly description: string | undefined;
  readonly value: string;
  /** Rises by one with each overwrite. */
  readonly version: number;
  readonly modifiedAt: Date;
}

/**
 * SSM's Parameter Store in memory: no npm package emulates it.
 *
 * @param emit called with each change as SSM tells EventBridge of it
 */
export function createParameterStore(region: string, accountId: string, emit: (event: NewEvent) => void): JsonService {
  const parameters = new Map<string, Parameter>();

  function arnOf(name: string): string {
    return `arn:aws:ssm:${region}:${accountId}:parameter${name.startsWith('/') ? '' : '/'}${name}`;
  }

  function tell(operation: 'Create' | 'Update' | 'Delete', name: string, { type, description }: Parameter): void {
    emit({
      source: 'aws.ssm',
      detailType: 'Parameter Store Change',
      resources: [arnOf(name)],
      detail: { operation, name, type, ...(description === undefined ? {} : { description }) },
    });
  }

  /** A name, its ARN, or either with `:<version>` behind. */
  function find(wanted: unknown): [string, Parameter] | undefined {
    const [, name = '', version] =
      /^(?:arn:aws:ssm:[^:]*:[^:]*:parameter(?=\/))?([^:]*)(?::(\d+))?$/.exec(String(wanted)) ?? [];
    const parameter = parameters.get(name);
    // Past versions are not kept: nothing in the pipeline asks for one.
    if (parameter === undefined || (version !== undefined && Number(version) !== parameter.version)) return undefined;
    return [name, parameter];
  }

  function describe([name, { type, value, version, modifiedAt }]: [string, Parameter], decrypted: unknown): object {
    return {
      Name: name,
      Type: type,
      // What SSM gives out undecrypted is ciphertext; a caller that forgot WithDecryption must not get by here either.
      Value: type === 'SecureString' && decrypted !== true ? Buffer.from(`kms:${version}`).toString('base64') : value,
      Version: version,
      LastModifiedDate: modifiedAt.getTime() / 1000,
      ARN: arnOf(name),
      DataType: 'text',
    };
  }

  return {
    serve(operation, input) {
      switch (operation) {
        case 'GetParameter': {
          const found = find(input.Name);
          // SSM's own message is empty, too.
          if (found === undefined) throw new JsonProtocolError('ParameterNotFound', '');
          return { Parameter: describe(found, input.WithDecryption) };
        }
        case 'GetParameters': {
          const names = input.Names as string[];
          const found = names.map(find).filter((entry) => entry !== undefined);
          return {
            Parameters: found.map((entry) => describe(entry, input.WithDecryption)),
            InvalidParameters: names.filter((name) => find(name) === undefined),
          };
        }
        case 'PutParameter': {
          const name = String(input.Name);
          const existing = parameters.get(name);
          if (existing !== undefined && input.Overwrite !== true) {
            const message =
              'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.';
            throw new JsonProtocolError('ParameterAlreadyExists', message);
          }
          const type = (input.Type ?? existing?.type) as Parameter['type'] | undefined;
          if (type === undefined) {
            throw new JsonProtocolError(
              'ValidationException',
              'A parameter type is required when you create a parameter.',
            );
          }
          const version = (existing?.version ?? 0) + 1;
          const description = (input.Description ?? existing?.description) as string | undefined;
          const parameter = { type, description, value: String(input.Value), version, modifiedAt: new Date() };
          parameters.set(name, parameter);
          tell(existing === undefined ? 'Create' : 'Update', name, parameter);
          return { Version: version, Tier: 'Standard' };
        }
        case 'DeleteParameter': {
          const name = String(input.Name);
          const parameter = parameters.get(name);
          if (parameter === undefined) throw new JsonProtocolError('ParameterNotFound', '');
          parameters.delete(name);
          tell('Delete', name, parameter);
          return {};
        }
        default:
          throw new JsonProtocolError(
            'UnknownOperationException',
            `The local stack does not have ${operation} of SSM.`,
          );
      }
    },
  };
}
