/** What to say of a name that is not known, with the known one that it may be a slip of. */
export function unknownName(name: string, what: string, known: readonly string[]): string {
  const nearest = known.reduce((best, candidate) =>
    editDistance(name, candidate) < editDistance(name, best) ? candidate : best,
  );
  // Names that differ in more than a third of their letters are alike by chance.
  const hint =
    editDistance(name, nearest) <= nearest.length / 3 ? `Did you mean ${nearest}?` : `There are: ${known.join(', ')}`;
  return `is not ${what}. ${hint}`;
}

/** Levenshtein distance. A difference in case does not count: it is a likely slip. */
function editDistance(from: string, to: string): number {
  const [a, b] = [from.toLowerCase(), to.toLowerCase()];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const [diagonal = 0, above = 0, left = 0] = [row[j - 1], row[j], next[j - 1]];
      next.push(Math.min(above + 1, left + 1, diagonal + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
