import type { APIGatewayProxyEventV2, SQSEvent } from 'aws-lambda';
import { ENV as FOLLOW_ENV } from '../functions/follow-builds/environment.ts';
import { ENV as SUBMIT_ENV } from '../functions/submit-build/environment.ts';
import type { FunctionSpec } from '../local/aws/lambda-process.ts';
import type { Bench } from './artifacts.ts';
import { onlyTable, rounded } from './cold-start.ts';
import { AWS_SERVICES, type Calls, type Endpoints, SECRET, startEndpoints, type TableUnits } from './endpoints.ts';
import { metricsOf } from './per-build.ts';
import { type Sandbox, startSandbox } from './runtime-api.ts';
import { environmentFor, sqsEvent } from './worker-events.ts';

/** Builds that are followed to their end, one after the other. */
export const FOLLOWED_BUILDS = 100;

/** What one of the two functions takes for a build, after its submission. */
export interface FollowerUsage {
  readonly memoryMb: number;
  readonly invocations: number;
  readonly cpuMs: number;
  readonly awsCalls: Calls;
  /** Bytes of log. */
  readonly logBytes: number;
  /** Distinct metrics (name and dimensions) that the log carried, of all builds together. */
  readonly metrics: number;
}

/** Per build, from its submission to the end of the watch over it. */
export interface FollowingUsage {
  readonly builds: number;
  readonly webhooks: number;
  readonly receiveWebhook: FollowerUsage;
  readonly followBuilds: FollowerUsage;
  readonly tableUnits: TableUnits;
  /** Messages of the follow queue; each is sent, received and deleted. */
  readonly messages: number;
}

/** The documented course of a build that is released on its approval. */
const BEFORE_RELEASE = ['uploaded', 'downloading', 'extracting', 'saving', 'approved'] as const;
const AFTER_RELEASE = ['distributing'] as const;
/** From one webhook to the next, in ms; from one build to the next the lines of both endpoints have to be idle. */
const BETWEEN_WEBHOOKS_MS = 60_000;
const BETWEEN_BUILDS_MS = 300_000;

/**
 * Submits builds and takes each to its end through the real bundles, in processes whose clock is moved: seven messages of Streampixel,
 * the order to release it, and the watch that looks after it an hour later.
 */
export async function measureFollowing(bench: Bench, builds: number = FOLLOWED_BUILDS): Promise<FollowingUsage> {
  const endpoints = await startEndpoints({ table: onlyTable(bench), objectSize: 1_024 });
  const environment = environmentFor(bench, endpoints, 'user');
  const { receiveWebhook, followBuilds } = bench.followers;
  const submitter = await startSandbox(bench.artifacts.ours, { ...bench, endpoint: endpoints.url, environment });
  const receiver = await startFollower(bench, receiveWebhook, endpoints, {
    [FOLLOW_ENV.routes]: environment[SUBMIT_ENV.routes] ?? '',
  });
  const follower = await startFollower(bench, followBuilds, endpoints, environment);
  const [{ projectId = '' } = {}] = JSON.parse(environment[SUBMIT_ENV.routes] ?? '[]');
  const units = { read: 0, write: 0 };
  let [offsetMs, webhooks] = [0, 0];
  const now = () => Date.now() + offsetMs;

  async function hear(stage: string, uploadId: string): Promise<void> {
    offsetMs += BETWEEN_WEBHOOKS_MS;
    webhooks++;
    const answer = await receiver.invoke(webhookEvent(projectId, uploadId, stage, now()), offsetMs);
    if ((answer as { statusCode: number }).statusCode !== 200) throw new Error('A webhook was refused.');
    await work(endpoints.sent);
  }
  /** Takes whatever lies in a queue. */
  async function work(queue: string[], receiveCount = 1): Promise<void> {
    for (let body = queue.shift(); body !== undefined; body = queue.shift()) {
      await follower.invoke(messageEvent(body, receiveCount, now()), offsetMs);
    }
  }

  try {
    for (let n = 0; n < builds; n++) {
      offsetMs += BETWEEN_BUILDS_MS;
      await submitter.probe({ offsetMs });
      const build = { id: `${n}`, key: `builds/MyGame-${n}.zip`, size: 1_024, droppedAt: now(), receiveCount: 1 };
      await submitter.invoke(sqsEvent([build]), now());
      if (endpoints.accepted() !== n + 1) throw new Error('A build was not accepted.');
      const before = endpoints.tableUnits();
      const [watch = ''] = endpoints.emitted.splice(0);
      await work([watch]);
      const uploadId = `upload-${n + 1}`;
      for (const stage of BEFORE_RELEASE) await hear(stage, uploadId);
      for (const stage of AFTER_RELEASE) await hear(stage, uploadId);
      offsetMs += 3_600_000;
      await work([watch], 2);
      const after = endpoints.tableUnits();
      units.read += after.read - before.read;
      units.write += after.write - before.write;
      endpoints.emitted.splice(0);
    }
    const per = (total: number) => rounded(total / builds, 2);
    const usages = { receiveWebhook: receiver.usage(builds), followBuilds: follower.usage(builds) };
    return {
      builds,
      webhooks: per(webhooks),
      ...usages,
      tableUnits: { read: per(units.read), write: per(units.write) },
      // The watch comes up twice and is one message.
      messages: usages.followBuilds.invocations - 1,
    };
  } finally {
    await Promise.all([submitter.stop(), receiver.stop(), follower.stop()]);
    await endpoints.close();
  }
}

/** A function's process that keeps count of what it takes. */
interface Follower {
  invoke(event: unknown, offsetMs: number): Promise<unknown>;
  usage(builds: number): FollowerUsage;
  stop: Sandbox['stop'];
}

async function startFollower(
  bench: Bench,
  spec: FunctionSpec,
  endpoints: Endpoints,
  environment: Readonly<Record<string, string>>,
): Promise<Follower> {
  const { memoryMb, timeoutS } = spec;
  let [invocations, cpuMs, logBytes] = [0, 0, 0];
  const awsCalls = Object.fromEntries(AWS_SERVICES.map((service) => [service, 0])) as Record<keyof Calls, number>;
  const options = { ...bench, memoryMb, timeoutS, endpoint: endpoints.url, environment };
  // What a line takes beside its text, in CloudWatch's reckoning.
  const metrics = new Set<string>();
  const onLine = (line: string) => {
    logBytes += Buffer.byteLength(line) + 26;
    for (const metric of metricsOf(line)) metrics.add(metric);
  };
  const sandbox = await startSandbox(spec, { ...options, onLine });
  return {
    async invoke(event, offsetMs) {
      const before = await sandbox.probe({ offsetMs });
      const callsBefore = endpoints.calls();
      const { answer } = await sandbox.invoke(event, Date.now() + offsetMs);
      const after = await sandbox.probe({ offsetMs });
      const calls = endpoints.calls();
      for (const service of AWS_SERVICES) awsCalls[service] += calls[service] - callsBefore[service];
      cpuMs += after.cpuMs - before.cpuMs;
      invocations++;
      return answer;
    },
    usage(builds) {
      const per = (total: number) => rounded(total / builds, 2);
      return {
        memoryMb,
        invocations: per(invocations),
        cpuMs: per(cpuMs),
        awsCalls: Object.fromEntries(AWS_SERVICES.map((service) => [service, per(awsCalls[service])])) as Calls,
        logBytes: per(logBytes),
        metrics: metrics.size,
      };
    },
    stop: sandbox.stop,
  };
}

function webhookEvent(
  projectId: string,
  uploadId: string,
  stage: string,
  now: number,
): Partial<APIGatewayProxyEventV2> {
  const body = { event: `build.${stage}`, projectId, uploadId, status: stage, timestamp: new Date(now).toISOString() };
  return {
    headers: { 'content-type': 'application/json' },
    pathParameters: { projectId, token: SECRET },
    requestContext: { http: { method: 'POST' } } as APIGatewayProxyEventV2['requestContext'],
    body: JSON.stringify({
      ...body,
      fileUrl: 'https://drop-bucket.s3.us-east-1.amazonaws.com/game.zip',
      objection: null,
    }),
    isBase64Encoded: false,
  };
}

function messageEvent(body: string, receiveCount: number, sentAt: number): SQSEvent {
  const { Records } = sqsEvent([{ id: '0', key: '', size: 0, droppedAt: sentAt, receiveCount }]);
  return { Records: Records.map((record) => ({ ...record, body })) };
}
