/** One line of the doctor's report. */
export interface Finding {
  /** Where it is not the name of the whole check. */
  readonly check?: string;
  /** `skipped`: can't be checked here. */
  readonly status: 'ok' | 'warn' | 'fail' | 'skipped';
  readonly text: string;
  /** What to do about it; a line or two. */
  readonly remedy?: string;
}

export const ok = (text: string): Finding => ({ status: 'ok', text });
export const warn = (text: string, remedy: string): Finding => ({ status: 'warn', text, remedy });
export const fail = (text: string, remedy: string): Finding => ({ status: 'fail', text, remedy });
