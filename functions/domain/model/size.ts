/** A size for people, in decimal units as S3's console shows them. The board's page has the same in page/text.js: browsers read no TypeScript. */
export function bytes(count: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  // Rounded first: 999,999 bytes are 1.0 MB, not 1000.0 kB.
  const power = units.findIndex((_, index) => index === units.length - 1 || count < 999.95 * 1_000 ** index);
  return `${power === 0 ? Math.round(count) : (count / 1_000 ** power).toFixed(1)} ${units[power]}`;
}
