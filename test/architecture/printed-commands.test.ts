import { expect, it } from 'vitest';
import { createProgram } from '../../cli/program.ts';
import { filesLike, read } from '../docs/markdown.ts';

/** The one file that puts commands of the tool together. */
const MAKER = 'functions/domain/notify/operator-commands.ts';

it('a command of the tool is put together in one place only, or it could act on another stack', () => {
  const names = createProgram(() => {}).commands.map((command) => command.name());
  const written = new RegExp(`streampixel-drop (${names.join('|')})\\b|\\$\\{TOOL\\}`);
  const files = filesLike('{functions,infra,local,cli,scripts}/**/*.{ts,mjs}');
  const others = files.filter((file) => file !== MAKER && written.test(read(file)));
  expect(files).toContain(MAKER);
  expect(others).toEqual([]);
});
