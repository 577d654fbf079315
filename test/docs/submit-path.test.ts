import { expect, it } from 'vitest';
import { filesLike, read } from './markdown.ts';

const [, section = ''] = read('docs/architecture.md').split('### To read in order');
const [toTheCall = '', ends = ''] = section.split('Where a visit ends');
/** The files of a table, with the rounded number of lines that it gives each. */
const filesIn = (table: string) =>
  [...table.matchAll(/^\| \[[^\]]+\]\(\.\.\/([^)]+)\) \| (\d+) \|/gm)].map(([, file = '', lines]) => ({
    file,
    said: Number(lines),
    lines: read(file).trimEnd().split('\n').length,
  }));

it('the path from the handler to the call of upload-file is short enough to be read at once', () => {
  const sum = filesIn(toTheCall).reduce((lines, each) => lines + each.lines, 0);
  expect(sum).toBeGreaterThan(1_000);
  expect(sum).toBeLessThan(1_500);
});

it('all files of the submission are in the tables, with about as many lines as these say', () => {
  const listed = [...filesIn(toTheCall), ...filesIn(ends)];
  const files = filesLike('functions/domain/submit/*.ts');
  expect(files.filter((file) => !listed.some((each) => each.file === file.replaceAll('\\', '/')))).toEqual([]);
  expect(listed.filter(({ lines, said }) => Math.abs(lines - said) > 20)).toEqual([]);
});
