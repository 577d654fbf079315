/** An error for the client, with AWS's own code: SDKs use it as the error's name. */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}
