import { expect, it } from 'vitest';
import { withSection } from '../../scripts/marked-section.ts';
import { exitCodesTable } from '../../scripts/write-exit-codes.ts';
import { read } from './markdown.ts';

it('the exit codes of docs/ci.md are those of the code: `npm run docs` writes them', () => {
  const page = read('docs/ci.md');
  expect(page).toBe(withSection(page, 'exit-codes', exitCodesTable()));
});
