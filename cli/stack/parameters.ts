import { GetParameterCommand, type Parameter, PutParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';

/** @returns `undefined` where there is no such parameter */
export async function readParameter(ssm: SSMClient, Name: string): Promise<Parameter | undefined> {
  try {
    return (await ssm.send(new GetParameterCommand({ Name, WithDecryption: true }))).Parameter;
  } catch (error) {
    if (error instanceof Error && error.name === 'ParameterNotFound') return undefined;
    throw error;
  }
}

/** @returns the new version */
export async function writeSecureString(
  ssm: SSMClient,
  Name: string,
  Value: string,
  Overwrite = true,
): Promise<number> {
  const command = new PutParameterCommand({ Name, Value, Type: 'SecureString', Overwrite });
  return (await ssm.send(command)).Version ?? 0;
}
