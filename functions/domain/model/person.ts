/** Longest name of a person that is kept, in characters. The longest name of an IAM user, role or session has as many. */
export const LONGEST_NAME = 64;

/** A person's name, fit for histories and terminals: one line, printable, limited. `undefined` where nothing is left of it. */
export function personName(text: string): string | undefined {
  const name = text.replaceAll(/[\p{C}\p{Z}]+/gu, ' ').trim();
  return [...name].slice(0, LONGEST_NAME).join('').trim() || undefined;
}
