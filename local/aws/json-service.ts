/** A service of our own behind the gateway, for AWS's JSON protocols. */
export interface JsonService {
  /**
   * Answers one operation.
   *
   * @param operation such as `GetParameter`
   * @throws JsonProtocolError
   */
  serve(operation: string, input: Record<string, unknown>): unknown;
}

/** An error in the terms of the protocol: `code` is what SDKs turn into the error's name. */
export class JsonProtocolError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
