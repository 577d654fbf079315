import { rmSync } from 'node:fs';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { withSection } from '../scripts/marked-section.ts';
import { type Measured, sectionsIn } from './sections.ts';

const workDirectory = await mkdtemp(join(tmpdir(), 'streampixel-drop-bench-'));
process.on('exit', () => rmSync(workDirectory, { recursive: true, force: true }));

const sections = sectionsIn(workDirectory);
const docs = join(import.meta.dirname, '..', 'docs');

const options = new Command('npm run bench --')
  .description('Measures, and prints tables on stdout.')
  .option('--json', 'one JSON document on stdout, nothing else')
  .option('--write', 'put the tables into docs/performance.md and the pictures beside it')
  .addOption(new Option('--only <section>', 'leave the others out').choices(sections.map(({ name }) => name)))
  .option('--seed <number>', 'of everything that is random', parseSeed, 1)
  .parse()
  .opts<{ json?: true; write?: true; only?: string; seed: number }>();

const results: [name: string, measured: Measured][] = [];
for (const { name, measure } of sections) {
  if (options.only !== undefined && options.only !== name) continue;
  console.error(`measuring ${name} ...`);
  results.push([name, await measure(options.seed)]);
}

if (options.json) {
  console.log(JSON.stringify(Object.fromEntries(results.map(([name, { json }]) => [name, json])), null, 2));
} else {
  for (const [, { markdown }] of results) console.log(`${markdown}\n`);
}

if (options.write) {
  const page = join(docs, 'performance.md');
  let text = await readFile(page, 'utf8');
  for (const [name, { markdown, pictures = {} }] of results) {
    text = withSection(text, `bench:${name}`, markdown);
    for (const [file, svg] of Object.entries(pictures)) await writeFile(join(docs, file), svg);
  }
  await writeFile(page, text);
  console.error('wrote the tables into docs/performance.md');
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (!Number.isInteger(seed)) throw new InvalidArgumentError('It has to be a whole number.');
  return seed;
}
