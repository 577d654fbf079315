/** What the process ends with. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Something that the operator can fix: what is wrong, and what to do. */
export class OperatorError extends Error {
  override name = 'OperatorError';
  /** A stable name for scripts. */
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

/** The command line makes no sense. */
export function usageError(message: string, remedy: string): OperatorError {
  return new OperatorError('Usage', message, remedy, EXIT.usage);
}
