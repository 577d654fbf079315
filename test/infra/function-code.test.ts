import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Aws, Stack } from 'aws-cdk-lib';
import { Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { afterAll, describe, expect, it } from 'vitest';
import type { Route } from '../../functions/domain/model/route.ts';
import { functionCode, writeBundles } from '../../infra/lambda/function-code.ts';
import { ROUTE } from './synthesized.ts';

const root = mkdtempSync(join(tmpdir(), 'streampixel-drop-code-'));
afterAll(() => rmSync(root, { recursive: true }));

/** @returns the assets of functions with these codes in one stack: what is in them, by the directory that the hash names */
function assetsOf(...codes: readonly (readonly [name: string, routes?: readonly Route[]])[]) {
  const outdir = mkdtempSync(join(root, 'app-'));
  const stack = new Stack(new App({ outdir }), 'Stack');
  for (const [index, [name, routes]] of codes.entries()) {
    new LambdaFunction(stack, `Function${index}`, {
      code: functionCode(name, routes),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
    });
  }
  const { template } = (stack.node.root as App).synth().getStackByName('Stack');
  return codes.map((_, index) => {
    const [, resource] = Object.entries<{ Properties: { Code: { S3Key: string } } }>(template.Resources).find(
      ([id]) => id.startsWith(`Function${index}`) && !id.includes('Role'),
    ) ?? ['', undefined];
    const hash = resource?.Properties.Code.S3Key.replace('.zip', '') ?? '';
    const directory = join(outdir, `asset.${hash}`);
    const files = readdirSync(directory).sort();
    return { hash, files, read: (file: string) => readFileSync(join(directory, file), 'utf8') };
  });
}

const OTHER = { ...ROUTE, prefix: 'demo/' };

// Bundling takes a second, and more on a busy machine.
describe('the code of a function', () => {
  it('is the same asset in each run, and another one once the routes change', () => {
    const [first] = assetsOf(['redrive-builds', [ROUTE]]);
    const [again] = assetsOf(['redrive-builds', [{ ...ROUTE }]]);
    const [changed] = assetsOf(['redrive-builds', [ROUTE, OTHER]]);
    expect(again?.hash).toBe(first?.hash);
    expect(changed?.hash).not.toBe(first?.hash);
    expect(JSON.parse(changed?.read('routes.json') ?? '')).toEqual([ROUTE, OTHER]);
    expect(changed?.read('index.mjs')).toBe(first?.read('index.mjs'));
  });

  it('has the routes of its own stack, where several drops of one app have other ones', () => {
    const [one, other] = assetsOf(['redrive-builds', [ROUTE]], ['redrive-builds', [OTHER]]);
    expect(JSON.parse(one?.read('routes.json') ?? '')).toEqual([ROUTE]);
    expect(JSON.parse(other?.read('routes.json') ?? '')).toEqual([OTHER]);
  });

  it('has no routes where the function needs none', () => {
    const [code] = assetsOf(['remind-of-dead-letters']);
    expect(code?.files).toEqual(['index.mjs']);
  });

  it.each(['prefix', 'apiKeyParameter'] as const)('refuses a %s that only the deployment knows', (field) => {
    const routes = [OTHER, { ...ROUTE, [field]: `/${Aws.STACK_NAME}/x` }];
    expect(() => functionCode('submit-build', routes)).toThrow(
      new RegExp(`^routes\\[1\\]\\.${field}: is known at deployment only \\(a CDK token\\)`),
    );
  });

  it('is written for the package byte by byte as it is deployed from a clone', () => {
    const directory = mkdtempSync(join(root, 'bundles-'));
    writeBundles(directory);
    const handlers = readdirSync(join(import.meta.dirname, '../../functions'), { recursive: true }).filter((file) =>
      String(file).endsWith('handler.ts'),
    );
    expect(
      readdirSync(directory)
        .map((name) => join(name, 'handler.ts'))
        .sort(),
    ).toEqual(handlers.filter((file) => file !== 'lambda-handler.ts').sort());
    const [deployed] = assetsOf(['submit-build', [ROUTE]]);
    expect(readFileSync(join(directory, 'submit-build', 'index.mjs'), 'utf8')).toBe(deployed?.read('index.mjs'));
  });
});
