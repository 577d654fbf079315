/** What the process ends with. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Something that the operator can mend: what is wrong, and what to do. */
export class OperatorError extends Error {
  override name = 'OperatorError';
  /** Stable name of the trouble, for scripts. */
  readonly code: string;
  readonly remedy: string;
  readonly exitCode: number;

  constructor(code: string, message: string, remedy: string, exitCode: number = EXIT.failed) {
    super(message);
    this.code = code;
    this.remedy = remedy;
    this.exitCode = exitCode;
  }
}

/** The command line asks for something that makes no sense here. */
export function usageError(message: string, remedy: string): OperatorError {
  return new OperatorError('Usage', message, remedy, EXIT.usage);
}
