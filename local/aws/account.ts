import { userInfo } from 'node:os';

/** The region of everything local. */
export const LOCAL_REGION = 'us-east-1';

/** The account that everything local belongs to, as in other emulators. */
export const LOCAL_ACCOUNT_ID = '000000000000';

/** For `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`: AWS tools refuse to work without any. */
export const LOCAL_CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' } as const;

/** Who everything local is done by: who runs it. */
export const LOCAL_USER = userName();

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run as a user that its system does not know.
    return 'local';
  }
}

/** Default port of the AWS endpoint: the usual one of AWS emulators. */
export const DEFAULT_PORT = 4566;
