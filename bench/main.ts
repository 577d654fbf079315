import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { withSection } from '../scripts/marked-section.ts';
import { burstSection } from './burst-section.ts';
import { performanceSections } from './performance-sections.ts';
import type { Measured, Section } from './section.ts';

const workDirectory = await mkdtemp(join(tmpdir(), 'streampixel-drop-bench-'));
process.on('exit', () => rmSync(workDirectory, { recursive: true, force: true }));

const SECTIONS: readonly Section[] = [burstSection, ...performanceSections(workDirectory)];

const ROOT = join(import.meta.dirname, '..');
const README = join(ROOT, 'README.md');

const options = new Command('npm run bench --')
  .description('Measures, and prints tables on stdout.')
  .option('--json', 'one JSON document on stdout, nothing else')
  .option('--write', 'put the tables into README.md and the pictures into docs/')
  .addOption(new Option('--only <section>', 'leave the others out').choices(SECTIONS.map(({ name }) => name)))
  .option('--seed <number>', 'of everything that is random', parseSeed, 1)
  .parse()
  .opts<{ json?: true; write?: true; only?: string; seed: number }>();

const results: [Section, Measured][] = [];
for (const section of SECTIONS) {
  if (options.only !== undefined && options.only !== section.name) continue;
  console.error(`measuring ${section.name} ...`);
  results.push([section, await section.measure(options.seed)]);
}

if (options.json) {
  console.log(JSON.stringify(Object.fromEntries(results.map(([{ name }, { json }]) => [name, json])), null, 2));
} else {
  for (const [, { table }] of results) console.log(`${table}\n`);
}

if (options.write) {
  let readme = await readFile(README, 'utf8');
  for (const [{ name }, { table, pictures }] of results) {
    const images = pictures.map(({ path, alt }) => `![${alt}](${path})`);
    readme = withSection(readme, `bench:${name}`, [table, ...images].join('\n\n'));
    for (const { path, svg } of pictures) {
      await mkdir(dirname(join(ROOT, path)), { recursive: true });
      await writeFile(join(ROOT, path), svg);
      console.error(`wrote ${path}`);
    }
  }
  await writeFile(README, readme);
  console.error('wrote the tables into README.md');
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (!Number.isInteger(seed)) throw new InvalidArgumentError('It has to be a whole number.');
  return seed;
}
