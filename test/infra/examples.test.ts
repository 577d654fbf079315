import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples');
const SOURCE = join(import.meta.dirname, 'source-of-package.mjs');

describe('the examples', () => {
  it.each([
    ['own-app', 'app.ts', ['ProductionBuilds', 'StagingBuilds'], ['Demo', 'Game']],
    ['own-app-js', 'app.js', ['Studio'], ['Builds']],
  ])('%s synthesizes, and cdk-nag finds nothing', (example, app, stacks, drops) => {
    const outdir = mkdtempSync(join(tmpdir(), 'streampixel-drop-example-'));
    onTestFinished(() => rmSync(outdir, { recursive: true }));
    const { status, stderr } = spawnSync(process.execPath, ['--import', SOURCE, app], {
      cwd: join(EXAMPLES, example),
      encoding: 'utf8',
      env: {
        PATH: process.env.PATH,
        AWS_EC2_METADATA_DISABLED: 'true',
        CDK_OUTDIR: outdir,
        // Without the functions' code, which takes seconds.
        CDK_CONTEXT_JSON: JSON.stringify({ 'aws:cdk:bundling-stacks': [] }),
      },
    });
    expect({ status, stderr }).toMatchObject({ status: 0, stderr: expect.not.stringContaining('ERROR') });
    const templates = globSync('**/*.template.json', { cwd: outdir }).sort();
    expect(
      templates.map((file) => file.replace(/^.*[\\/]|[0-9A-F]{8}\.template\.json$|\.template\.json$/g, '')),
    ).toEqual(stacks);
    for (const file of templates) {
      const { Outputs } = JSON.parse(readFileSync(join(outdir, file), 'utf8'));
      const names = Object.keys(Outputs).filter((id) => id.endsWith('Settings'));
      expect(names.sort()).toEqual(drops.map((drop) => `${drop}Settings`));
    }
  });

  it('install the tarball of this version', () => {
    const { version } = JSON.parse(readFileSync(join(EXAMPLES, '..', 'package.json'), 'utf8'));
    for (const file of globSync('*/{package.json,README.md}', { cwd: EXAMPLES })) {
      expect(readFileSync(join(EXAMPLES, file), 'utf8')).toContain(`streampixel-drop-${version}.tgz`);
    }
  });
});
