import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { FunctionSpec } from '../local/aws/lambda-process.ts';
import type { Bench } from './artifacts.ts';
import { rounded } from './cold-start.ts';
import { callsOf, SECRET, startEndpoints } from './endpoints.ts';
import { type Sandbox, startSandbox, type Usage } from './sandbox.ts';
import { buildsEvent, environmentFor, PROJECT_ID, recordOf } from './worker-events.ts';

/** Builds that are followed until they are finished, one after the other. */
export const FOLLOWED_BUILDS = 100;

/** What one of the two functions takes for a build after its submission; its metrics are those of all builds together. */
export interface FollowerUsage extends Usage {
  readonly memoryMb: number;
}

/** Per build, from its submission until the watch over it has ended. */
export type FollowingUsage = Awaited<ReturnType<typeof measureFollowing>>;

/** The documented stages of a build that is released on its approval. */
const STAGES: readonly string[] = ['uploaded', 'downloading', 'extracting', 'saving', 'approved', 'distributing'];
const BETWEEN_WEBHOOKS_MS = 60_000;
/** Long enough for the rate-limit lanes of both endpoints to be idle again. */
const BETWEEN_BUILDS_MS = 300_000;
/** After this long the watch looks at the build again. */
const WATCH_MS = 3_600_000;

/**
 * Submits builds and follows each until it is finished, through the real bundles, in processes whose clock is moved: Streampixel's
 * webhooks, the request to release the build, and the watch that looks at it an hour later.
 */
export async function measureFollowing(bench: Bench, builds: number = FOLLOWED_BUILDS) {
  const endpoints = await startEndpoints(bench.table, 1_024);
  const environment = await environmentFor(bench, endpoints, 'user');
  const { followBuilds, ours, receiveWebhook } = bench.functions;
  const submitter = await startSandbox(bench, ours, endpoints, environment);
  const receiver = await startSandbox(bench, receiveWebhook, endpoints, {});
  const follower = await startSandbox(bench, followBuilds, endpoints, environment);
  const units = { read: 0, write: 0 };
  let offsetMs = 0;
  const now = () => Date.now() + offsetMs;

  async function receive(stage: string, uploadId: string): Promise<void> {
    offsetMs += BETWEEN_WEBHOOKS_MS;
    const { answer } = await receiver.invoke(webhookEvent(PROJECT_ID, uploadId, stage, now()), offsetMs);
    if ((answer as { statusCode: number }).statusCode !== 200) throw new Error('A webhook was refused.');
    await handleAll(endpoints.sent);
  }
  /** Handles every message in a queue. */
  async function handleAll(queue: string[], receiveCount = 1): Promise<void> {
    for (let body = queue.shift(); body !== undefined; body = queue.shift()) {
      await follower.invoke({ Records: [recordOf('0', body, receiveCount, now())] }, offsetMs);
    }
  }

  try {
    for (let n = 0; n < builds; n++) {
      offsetMs += BETWEEN_BUILDS_MS;
      const build = { id: `${n}`, key: `builds/MyGame-${n}.zip`, size: 1_024, droppedAt: now(), receiveCount: 1 };
      await submitter.invoke(buildsEvent([build]), offsetMs);
      if (endpoints.accepted() !== n + 1) throw new Error('A build was not accepted.');
      const before = endpoints.tableUnits();
      const [watch = ''] = endpoints.emitted.splice(0);
      await handleAll([watch]);
      for (const stage of STAGES) await receive(stage, `upload-${n + 1}`);
      offsetMs += WATCH_MS;
      await handleAll([watch], 2);
      const after = endpoints.tableUnits();
      units.read += after.read - before.read;
      units.write += after.write - before.write;
      endpoints.emitted.splice(0);
    }
    const usages = {
      receiveWebhook: usageOf(receiver, receiveWebhook, builds),
      followBuilds: usageOf(follower, followBuilds, builds),
    };
    return {
      builds,
      webhooks: STAGES.length,
      ...usages,
      tableUnits: { read: rounded(units.read / builds, 2), write: rounded(units.write / builds, 2) },
      // Messages of the follow queue; each is sent, received and deleted. The watch is received twice and is one message.
      messages: usages.followBuilds.invocations - 1,
    };
  } finally {
    await Promise.all([submitter, receiver, follower].map((sandbox) => sandbox.stop()));
    await endpoints.close();
  }
}

function usageOf(sandbox: Sandbox, { memoryMb }: FunctionSpec, builds: number): FollowerUsage {
  const { awsCalls, cpuMs, invocations, logBytes, metrics } = sandbox.usage();
  const per = (total: number) => rounded(total / builds, 2);
  return {
    memoryMb,
    invocations: per(invocations),
    cpuMs: per(cpuMs),
    awsCalls: callsOf((service) => per(awsCalls[service])),
    logBytes: per(logBytes),
    metrics,
  };
}

function webhookEvent(
  projectId: string,
  uploadId: string,
  stage: string,
  now: number,
): Partial<APIGatewayProxyEventV2> {
  const fileUrl = 'https://drop-bucket.s3.us-east-1.amazonaws.com/game.zip';
  const timestamp = new Date(now).toISOString();
  const body = { event: `build.${stage}`, projectId, uploadId, status: stage, timestamp, fileUrl, objection: null };
  return {
    headers: { 'content-type': 'application/json' },
    pathParameters: { projectId, token: SECRET },
    requestContext: { http: { method: 'POST' } } as APIGatewayProxyEventV2['requestContext'],
    body: JSON.stringify(body),
    isBase64Encoded: false,
  };
}
