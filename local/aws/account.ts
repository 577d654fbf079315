/** Everything local is in this region; it is nowhere. */
export const LOCAL_REGION = 'us-east-1';

/** What people put into `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`; the AWS tools insist on something. */
export const LOCAL_CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' } as const;

/** Where the AWS endpoint is unless told otherwise: the customary port of AWS emulators. */
export const DEFAULT_PORT = 4566;
