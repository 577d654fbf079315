/** One word for a shell. Whoever drops a build chooses its key, and what people are told to run must run nothing of theirs. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
