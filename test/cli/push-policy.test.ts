import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ListMultipartUploadsCommand, ListPartsCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it, type TestContext, vi } from 'vitest';
import { partSizeFor } from '../../cli/upload/multipart-upload.ts';
import { buildId } from '../../functions/domain/model/build.ts';
import { LOCAL_REGION } from '../../local/aws/account.ts';
import { createResolver, type Template } from '../../local/aws/intrinsics.ts';
import { makeSampleBuild } from '../../local/start/sample-build.ts';
import { appOf } from '../infra/synthesized.ts';
import { aBuild } from '../support/world.ts';
import { allowedBy, allThatIsAllowed, authorizationOf, type PolicyDocument } from './authorized-call.ts';
import { anEntry } from './entries.ts';
import { openFaulty } from './faulty-stack.ts';
import { routesFor, useOperatedStack } from './operated-stack.ts';
import { BUCKET, openQuietStack } from './quiet-stack.ts';
import { type Call, startBetween } from './s3-between.ts';
import { EVENTUALLY, PATIENCE, startTool } from './tool.ts';

vi.setConfig(PATIENCE);

const ROUTES = routesFor('live', 'silent').map((route) =>
  route.prefix === 'live/' ? { ...route, autoRelease: true } : route,
);
const [LIVE, SILENT] = ROUTES;
const use = useOperatedStack(
  ROUTES,
  ROUTES.filter((route) => route === LIVE),
);

/** The policy that the stack with these settings gives to build machines, as it is deployed on the embedded stack. */
function policyOf(settings: Record<string, unknown>): PolicyDocument {
  const [{ template, stackName } = { template: { Resources: {} }, stackName: '' }] = appOf(settings).synth().stacks;
  const policies = Object.values((template as Template).Resources).filter(
    ({ Type }) => Type === 'AWS::IAM::ManagedPolicy',
  );
  if (policies.length !== 1) throw new Error(`${policies.length} managed policies`);
  const { resolve } = createResolver(template, stackName, { region: LOCAL_REGION, endpoint: '' });
  return resolve(policies[0]?.Properties?.PolicyDocument) as PolicyDocument;
}

/** @returns what of the policy the calls need; fails at a call that it does not allow */
function needed(policy: PolicyDocument, calls: readonly Call[]): readonly string[] {
  return calls.flatMap((call) => {
    const authorization = authorizationOf(call);
    const by = allowedBy(policy, authorization);
    expect(by, `the policy does not allow ${JSON.stringify(authorization)}`).not.toEqual([]);
    return by;
  });
}

const cleanups: (() => unknown)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});
const atEnd = ((cleanup: () => unknown) => void cleanups.push(cleanup)) as TestContext['onTestFinished'];

let directory = '';
let zip = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'streampixel-drop-test-'));
  atEnd(() => rm(directory, { recursive: true }));
  zip = join(directory, 'game.zip');
  await writeFile(zip, await makeSampleBuild());
});

/** A packaged build of several parts. */
async function makeFolder(): Promise<string> {
  const folder = join(directory, 'Windows');
  const files: readonly (readonly [string, number])[] = [
    ['Game.exe', 1_000],
    ['Game/Binaries/Win64/Game-Win64-Shipping.exe', 1_000],
    ['Game/Content/Paks/Game-Windows.pak', 2.5 * partSizeFor(0)],
  ];
  for (const [name, size] of files) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), randomBytes(size));
  }
  return folder;
}

it('allows all calls of push and push --follow, whatever becomes of the build, and nothing that none of them needs', async () => {
  const { stack, standIn } = use();
  let hangsAtPart = Number.POSITIVE_INFINITY;
  const between = await startBetween(atEnd, stack.port, ({ operation, partNumber }) =>
    operation === 'UploadPart' && partNumber >= hangsAtPart ? 'hang' : 'pass',
  );
  const push = (what: string, ...args: string[]) => startTool(between.port, ['push', what, '--json', ...args]);
  const pushed = async (...args: Parameters<typeof push>) => {
    const { code, stdout } = await push(...args).ended;
    return { code, ...JSON.parse(stdout) };
  };
  const follow = (route = 'live/') => ['--route', route, '--follow'];
  const folder = await makeFolder();

  // Interrupted and resumed
  hangsAtPart = 3;
  const interrupted = push(folder, '--route', 'live/');
  const s3 = new S3Client({ ...use().client, forcePathStyle: true });
  atEnd(() => s3.destroy());
  await vi.waitFor(async () => {
    expect(between.hanging()).toBeGreaterThan(0);
    const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket: stack.bucket }));
    const target = { Bucket: stack.bucket, Key: Uploads[0]?.Key, UploadId: Uploads[0]?.UploadId };
    expect((await s3.send(new ListPartsCommand(target))).Parts).toHaveLength(2);
  }, EVENTUALLY);
  interrupted.process.kill('SIGINT');
  expect((await interrupted.ended).code).toBe(130);
  hangsAtPart = Number.POSITIVE_INFINITY;
  const resumed = await pushed(folder, '--route', 'live/');
  expect(resumed).toMatchObject({ code: 0, resumedBytes: expect.any(Number) });
  expect(resumed.resumedBytes).toBeGreaterThan(0);

  // To each end
  await stack.seen((event) => event.build === resumed.build && event.event === 'submitted');
  expect(await pushed(zip, ...follow())).toMatchObject({ code: 0, status: 'live' });
  standIn.plan({ kind: 'rejected', at: 'extracting', objection: 'No.' });
  expect(await pushed(zip, ...follow(), '--key', 'live/rejected.zip')).toMatchObject({ code: 1, reason: 'Rejected' });
  standIn.script({ kind: 'answer', status: 404, body: { message: 'Project not found' } });
  const dead = await pushed(zip, ...follow(), '--key', 'live/dead.zip');
  expect(dead).toMatchObject({ code: 1, state: 'dead-lettered' });
  standIn.setWebhook(SILENT?.projectId ?? '', undefined);
  expect(await pushed(zip, ...follow('silent/'))).toMatchObject({ code: 4, status: 'no-webhook-yet' });

  const policy = policyOf({ routes: ROUTES });
  const used = new Set(needed(policy, between.calls));
  // What of it depends on the moment at which the build is looked at: all projects have the same.
  const perProject = (text: string) => text.replace(/(live|webhook)#\w+/, '$1#');
  expect([...new Set([...used].map(perProject))].sort()).toEqual(
    [...new Set(allThatIsAllowed(policy).map(perProject))].sort(),
  );
});

it('allows to find a build by its bytes, in an existing bucket only: it may keep no versions', async () => {
  const quiet = await openQuietStack(atEnd);
  const withoutVersions = ({ 'x-amz-version-id': _, ...headers }: Call['headers']) => headers;
  const port = await openFaulty(atEnd, quiet, () => undefined, withoutVersions);
  const between = await startBetween(atEnd, port, () => 'pass');
  const push = async (...args: string[]) =>
    JSON.parse((await startTool(between.port, ['push', zip, '--json', ...args]).ended).stdout);
  const { eTag } = await push();
  const { versionId: _, ...build } = aBuild({ key: 'game.zip', sequencer: '0001', eTag });
  await quiet.put({ ...anEntry({ droppedAt: Date.now() + 60_000 }), id: buildId(build), build });
  expect(await push('--follow', '--timeout', '2s')).toMatchObject({ versionId: null });

  const existing = { routes: ROUTES, bucketName: BUCKET, ledgerTableName: 'ledger' };
  const queries = allThatIsAllowed(policyOf(existing)).filter((each) => /Query/.test(each));
  expect(queries).toHaveLength(1);
  expect(needed(policyOf(existing), between.calls)).toEqual(expect.arrayContaining(queries));
  expect(allThatIsAllowed(policyOf({ routes: ROUTES })).join()).not.toContain('Query');
});
