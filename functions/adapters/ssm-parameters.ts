import { GetParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import { answerOf } from './aws-errors.ts';

/** A parameter of SSM, as far as it is used. */
export interface Parameter {
  readonly Value?: string | undefined;
  readonly Type?: string | undefined;
  /** Rises by one with each overwrite. */
  readonly Version?: number | undefined;
}

/**
 * Reads one parameter of SSM, decrypted.
 *
 * @throws Error named by SSM's code, such as `ParameterNotFound`, with nothing of the parameter in it
 */
export type GetParameter = (name: string) => Promise<Parameter | undefined>;

export function createGetParameter(client: SSMClient): GetParameter {
  return async (name) => {
    const command = new GetParameterCommand({ Name: name, WithDecryption: true });
    return (await answerOf('SSM', client.send(command))).Parameter;
  };
}
