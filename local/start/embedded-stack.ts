import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { Upload } from '@aws-sdk/lib-storage';
import { webhookAddress } from '../../functions/domain/follow/webhook-tokens.ts';
import { buildId } from '../../functions/domain/model/build.ts';
import { DEAD_LETTER_ATTRIBUTES } from '../../functions/domain/model/message-attributes.ts';
import { unreachable } from '../../functions/domain/model/outcome.ts';
import { REASONS, type Reason } from '../../functions/domain/model/reasons.ts';
import { MARGIN_MS } from '../../functions/domain/pacing/pacer.ts';
import { parseNotification } from '../../functions/domain/submit/s3-notification.ts';
import { type Environment, readEnvironment } from '../../functions/submit-build/environment.ts';
import { type DeployedSettings, OUTPUTS } from '../../infra/outputs.ts';
import type { Settings } from '../../infra/settings/schema.ts';
import { LOCAL_CREDENTIALS, LOCAL_REGION } from '../aws/account.ts';
import { type DeployedFunctions, startFunctions } from '../aws/deployed-functions.ts';
import type { BusEvent } from '../aws/event-bus.ts';
import { type Gateway, type PeekedMessage, type Published, startGateway } from '../aws/gateway.ts';
import type { LogLine } from '../aws/lambda-process.ts';
import type { CreatedObject } from '../aws/s3-objects.ts';
import { type Deployment, readDeployment } from '../aws/template.ts';
import {
  type StandIn,
  type StandInEvent,
  type StandInUser,
  startStandIn,
} from '../streampixel/streampixel-stand-in.ts';
import { createEventRecord, type EventRecord, eventOfLogLine, type LocalEvent, logFields } from './events.ts';
import { synthesize } from './synthesize.ts';

export interface EmbeddedStackOptions {
  /** Port of the AWS endpoint. Default 0: one that the system chooses. */
  readonly port?: number;
  /** Settings on top of those in cdk.json. `streampixelBaseUrl` makes the stack use that API instead of the stand-in. */
  readonly settings?: Partial<Settings>;
  /** The key in SSM. Default: a random one. */
  readonly apiKey?: string;
  /** The key that the stand-in takes for valid. Default: the one in SSM. */
  readonly standInKey?: string;
  /** How long the stand-in takes for each stage of a build, in ms. Default: its own. */
  readonly stageMs?: number;
  /** Whether the addresses of the webhooks are on the stand-in's dashboard, as if a person had put them there. Default true. */
  readonly webhooks?: boolean;
  /** Where dropped objects are kept, on a disk with room for them; emptied first and removed at the end. Default: a temporary one. */
  readonly objectsDirectory?: string;
  readonly onEvent?: (event: LocalEvent) => void;
  /** Lines of the function's log that are no outcome of a build. */
  readonly onLog?: (line: LogLine) => void;
  /** What else a person may want to know: plain sentences. */
  readonly onNotice?: (notice: string) => void;
}

export interface DroppedBuild {
  readonly bucket: string;
  readonly key: string;
  readonly build: string;
  /** Bytes. */
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
}

export interface EmbeddedStack extends Pick<EventRecord, 'events' | 'seen'> {
  /** What AWS clients use as `AWS_ENDPOINT_URL`. */
  readonly endpoint: string;
  readonly port: number;
  readonly bucket: string;
  readonly queues: { readonly buildsUrl: string; readonly deadLettersUrl: string; readonly followUrl: string };
  /** Where a project's webhook goes, token included. */
  webhookOf(projectId: string): string;
  /** What submit-build was told with the latest deployment. */
  readonly environment: Environment;
  /** Absent where another API was named. */
  readonly standIn: StandIn | undefined;
  /** Uploads a file (by its path) or bytes as any S3 client would, in parts from 8 MiB on. */
  drop(content: string | Uint8Array, key: string): Promise<DroppedBuild>;
  /**
   * Deploys again, as `cdk deploy` would after an edit of cdk.json: the functions and the rules that invoke them go by it from
   * then on. The rest stays as it was at the start, and so do the accounts that the stand-in knows.
   *
   * @param settings on top of those in cdk.json and of the start
   * @throws Error with what is wrong with the settings; everything goes on as before then
   */
  deploy(settings?: Partial<Settings>): Promise<void>;
  /** What was put on EventBridge's default bus. */
  readonly busEvents: readonly BusEvent[];
  /** Messages waiting in the dead-letter queue. */
  deadLetters(): readonly PeekedMessage[];
  /** Lets work in hand come to its end, then stops everything and removes what it wrote. Once, however often it is called. */
  stop(): Promise<void>;
}

/** How often the dead-letter queue is looked at, in ms. CloudWatch takes a minute; nobody wants to wait for that here. */
const WATCH_INTERVAL_MS = 200;

/** The vendor's window for an interval, in ms: shorter by the margin of the deployed one, as far as there is room for it. */
function windowOf(intervalMs: number): number {
  return intervalMs - Math.min(MARGIN_MS, intervalMs / 2);
}

/** Parts as the AWS CLI makes them, in bytes: at most four at a time in memory, and 10,000 of them are 80 GB. */
const PART_SIZE = 8 * 1024 * 1024;

/**
 * Runs the stack that `cdk deploy` would deploy, in this process and a few of its own: emulated AWS services, the bundled
 * function, and, unless an API is named, the Streampixel stand-in.
 *
 * @throws Error with code `EADDRINUSE` where the port is taken; otherwise with what is wrong with the settings
 */
export async function startEmbeddedStack(options: EmbeddedStackOptions = {}): Promise<EmbeddedStack> {
  const { onEvent = () => {}, onLog = () => {}, onNotice = () => {} } = options;
  const apiKey = options.apiKey ?? `sp-local-${randomBytes(12).toString('hex')}`;
  // As a role's: the key id of temporary credentials, and a session token that is part of every signature.
  const functionCredentials = {
    accessKeyId: 'ASIALOCALSTACK000000',
    secretAccessKey: randomBytes(30).toString('base64'),
    sessionToken: randomBytes(60).toString('base64'),
  };
  const { events, emit, tell, seen } = createEventRecord(onEvent);
  const drops: DroppedBuild[] = [];
  const busEvents: BusEvent[] = [];

  function onObjectCreated({ bucket, key, versionId, eTag, size }: CreatedObject, notified: boolean): void {
    const build = { bucket, key, eTag, ...(versionId === undefined ? {} : { versionId }) };
    if (notified) tell('dropped', { ...logFields(build), size });
    else onNotice(`${key} is in the bucket, but S3's notification does not match it: nothing happens to it.`);
  }

  function onStandInEvent(event: StandInEvent): void {
    const [bucket = '', ...key] = event.path.slice(1).split('/').map(decodeURIComponent);
    const build = {
      bucket,
      key: key.join('/'),
      ...(event.versionId === undefined ? {} : { versionId: event.versionId }),
    };
    const fields = { ...logFields(build), uploadId: event.uploadId };
    switch (event.kind) {
      case 'downloaded': {
        const dropped = drops.find((candidate) => candidate.build === fields.build);
        const { size, sha256 } = event;
        const intact = dropped && { intact: dropped.size === size && dropped.sha256 === sha256 };
        tell('downloaded', { ...fields, size, sha256, ...intact });
        break;
      }
      case 'live':
        tell('live', { ...fields, by: event.by });
        break;
      case 'approved':
      case 'rejected':
        // What people get to hear of it comes by the webhook.
        break;
      default:
        unreachable(event);
    }
  }

  /** An alert is text for people. It names the build by its id, and its subject starts with the reason. */
  function onPublished({ subject = '', message }: Published): void {
    const about = events.findLast(({ build }) => build !== undefined && message.includes(build));
    const [reason = ''] = subject.split(':');
    tell('alert', {
      ...(about?.build === undefined ? {} : { bucket: about.bucket, key: about.key, build: about.build }),
      ...(reason in REASONS ? { reason: reason as Reason } : {}),
      detail: subject,
      message,
    });
  }

  function onFunctionLog(line: LogLine): void {
    const event = line.stream === 'stdout' ? eventOfLogLine(line.text) : undefined;
    if (event === undefined) onLog(line);
    else emit(event);
  }

  const stops: (() => Promise<unknown>)[] = [];
  let stopped: Promise<void> | undefined;
  function stop(): Promise<void> {
    stopped ??= (async () => {
      for (const undo of stops.reverse()) await undo();
    })();
    return stopped;
  }

  try {
    // Outside the project: what the bundle has left out must not turn up in the project's node_modules.
    const assemblyDirectory = await mkdtemp(join(tmpdir(), 'streampixel-drop-assembly-'));
    stops.push(() => rm(assemblyDirectory, { recursive: true, force: true }));
    const objectsDirectory = options.objectsDirectory ?? (await mkdtemp(join(tmpdir(), 'streampixel-drop-objects-')));

    // Absent until the API key is stored: what that starts in a new stack has nothing to mend and would only be noise.
    let functions: DeployedFunctions | undefined;
    const gateway = await startGateway({
      port: options.port ?? 0,
      region: LOCAL_REGION,
      objectsDirectory,
      credentials: [functionCredentials, LOCAL_CREDENTIALS],
      onObjectCreated,
      onPublished,
      onBusEvent(event) {
        busEvents.push(event);
        functions?.deliver(event);
      },
    });
    // Only now: a port of one's own means that nobody else is using the directory.
    await rm(objectsDirectory, { recursive: true, force: true });
    await mkdir(objectsDirectory, { recursive: true });
    stops.push(() => rm(objectsDirectory, { recursive: true, force: true }));
    stops.push(() => gateway.close());

    let environment: Environment | undefined;
    let users: readonly StandInUser[] = [];
    const standIn =
      options.settings?.streampixelBaseUrl === undefined
        ? await startStandIn({
            // Its address is part of the settings, so it is there before they are read.
            users: () => users,
            windowMs: () => windowOf(environment?.intervalMs ?? 0),
            apiKey: options.standInKey ?? apiKey,
            ...(options.stageMs === undefined ? {} : { stageMs: () => options.stageMs ?? 0 }),
            onEvent: onStandInEvent,
          })
        : undefined;
    if (standIn !== undefined) stops.push(() => standIn.stop());

    const atStart = { ...options.settings, ...(standIn === undefined ? {} : { streampixelBaseUrl: standIn.baseUrl }) };
    let version = 0;
    async function synthesized(settings: Partial<Settings>): Promise<Deployment> {
      const directory = join(assemblyDirectory, String(++version));
      await synthesize({ ...atStart, ...settings }, directory);
      return readDeployment(directory, { region: LOCAL_REGION, endpoint: gateway.endpoint });
    }
    function adopt(deployed: Deployment): Environment {
      gateway.describeStack(deployed.stackName, deployed.outputs);
      environment = environmentOf(deployed);
      return environment;
    }

    onNotice('Synthesizing the stack and bundling its functions, as cdk deploy would ...');
    const deployment = await synthesized({});
    let told = adopt(deployment);
    users = usersOf(told);
    for (const name of deployment.schedules) onNotice(`${name} runs by time in AWS; here nothing runs it.`);

    const client = { endpoint: gateway.endpoint, region: LOCAL_REGION, credentials: LOCAL_CREDENTIALS };
    const clients = {
      // The SHA-256 of the whole says more than the SDK's checksums of the parts, which take as long as everything else.
      s3: new S3Client({ ...client, requestChecksumCalculation: 'WHEN_REQUIRED' }),
      sqs: new SQSClient(client),
      ssm: new SSMClient(client),
      dynamoDb: new DynamoDBClient(client),
    };
    stops.push(async () => {
      for (const each of Object.values(clients)) each.destroy();
    });
    await create(deployment, gateway, clients);
    await storeApiKey(clients.ssm, told, apiKey);
    const webhookToken = randomBytes(32).toString('base64url');
    const { webhookTokenParameter } = JSON.parse(deployment.output(OUTPUTS.settings)) as DeployedSettings;
    const webhookOf = (projectId: string) =>
      webhookAddress(deployment.output(OUTPUTS.webhookUrl), projectId, webhookToken);
    if (options.webhooks !== false) {
      await storeSecret(clients.ssm, webhookTokenParameter, webhookToken);
      for (const { projectId } of told.routes) standIn?.setWebhook(projectId, webhookOf(projectId));
    }

    const deadLettersUrl = deployment.output(OUTPUTS.deadLetterQueueUrl);
    const look = watchDeadLetters(gateway, deployment, nameOf(deadLettersUrl), tell);
    const watch = setInterval(look, WATCH_INTERVAL_MS);
    stops.push(async () => {
      clearInterval(watch);
      // What was dead-lettered last has its alert, too.
      look();
    });
    const platformEnvironment = {
      AWS_REGION: LOCAL_REGION,
      AWS_DEFAULT_REGION: LOCAL_REGION,
      AWS_ACCESS_KEY_ID: functionCredentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: functionCredentials.secretAccessKey,
      AWS_SESSION_TOKEN: functionCredentials.sessionToken,
      AWS_ENDPOINT_URL: gateway.endpoint,
    };
    const running = startFunctions(deployment, {
      sqs: clients.sqs,
      region: LOCAL_REGION,
      platformEnvironment,
      onLog: onFunctionLog,
      onProblem: onNotice,
    });
    functions = running;
    gateway.serveHttpApis(deployment.httpApis, running.invoke);
    stops.push(() => running.stop());
    const bucket = deployment.output(OUTPUTS.dropBucketName);
    return {
      endpoint: gateway.endpoint,
      port: gateway.port,
      bucket,
      queues: {
        buildsUrl: deployment.output(OUTPUTS.buildsQueueUrl),
        deadLettersUrl,
        followUrl: deployment.output(OUTPUTS.followQueueUrl),
      },
      webhookOf,
      get environment() {
        return told;
      },
      standIn,
      events,
      busEvents,
      async drop(content, key) {
        const dropped = await upload(clients.s3, bucket, content, key);
        drops.push(dropped);
        return dropped;
      },
      seen,
      async deploy(settings = {}) {
        const next = await synthesized(settings);
        told = adopt(next);
        running.update(next);
        gateway.serveHttpApis(next.httpApis, running.invoke);
      },
      deadLetters: () => gateway.peek(nameOf(deadLettersUrl)),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The environment of the function that takes the builds queue. */
function environmentOf(deployment: Deployment): Environment {
  const queueUrl = deployment.output(OUTPUTS.buildsQueueUrl);
  const source = deployment.eventSources.find((candidate) => candidate.queueUrl === queueUrl);
  return readEnvironment(source?.function.environment ?? {});
}

/** The accounts the stand-in knows: those of the routes. */
function usersOf({ routes }: Environment): StandInUser[] {
  return routes.map(({ userId, projectId }) => ({ userId, projectIds: [projectId] }));
}

interface Clients {
  readonly s3: S3Client;
  readonly sqs: SQSClient;
  readonly ssm: SSMClient;
  readonly dynamoDb: DynamoDBClient;
}

/** Makes what the template describes. Queues come before the buckets that notify them. */
async function create(deployment: Deployment, gateway: Gateway, { sqs, dynamoDb }: Clients): Promise<void> {
  for (const { name, attributes } of deployment.queues) {
    await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
  }
  for (const table of deployment.tables) await dynamoDb.send(new CreateTableCommand(table));
  for (const topicArn of deployment.topicArns) gateway.createTopic(nameOf(topicArn));
  for (const bucket of deployment.buckets) gateway.createBucket(bucket);
}

/** The last part of an ARN or a queue's URL. */
function nameOf(arnOrUrl: string): string {
  return arnOrUrl.split(/[:/]/).at(-1) ?? '';
}

async function storeApiKey(ssm: SSMClient, { routes }: Environment, apiKey: string): Promise<void> {
  for (const name of new Set(routes.map(({ apiKeyParameter }) => apiKeyParameter)))
    await storeSecret(ssm, name, apiKey);
}

async function storeSecret(ssm: SSMClient, Name: string, Value: string): Promise<void> {
  await ssm.send(new PutParameterCommand({ Name, Value, Type: 'SecureString', Overwrite: true }));
}

/**
 * Looks at the dead-letter queue: for letters that SQS has moved there, of which the worker says nothing, and for the alarm
 * on their number. As in CloudWatch, the alarm speaks when its state changes and then no more while letters wait.
 */
function watchDeadLetters(
  gateway: Gateway,
  { depthAlarms }: Deployment,
  queueName: string,
  tell: EventRecord['tell'],
): () => void {
  const known = new Set<string>();
  const alarms = depthAlarms
    .filter((alarm) => alarm.queueName === queueName)
    .map((alarm) => ({ ...alarm, breachedAt: Number.NEGATIVE_INFINITY }));
  return () => {
    const letters = gateway.peek(queueName);
    for (const letter of letters) {
      if (known.has(letter.messageId)) continue;
      known.add(letter.messageId);
      if (letter.attributes[DEAD_LETTER_ATTRIBUTES.reason] !== undefined) continue;
      const detail = 'It carries no reason: SQS moved it there, after the function crashed over it time and again.';
      tell('dead-lettered', { ...buildOf(letter), detail });
    }
    for (const alarm of alarms) {
      const newest = letters.at(-1);
      if (newest === undefined || !alarm.isBreached(letters.length)) continue;
      // Letters that a redrive hides while it looks through them are back within the period, and are no news.
      const wasOn = Date.now() - alarm.breachedAt <= alarm.periodMs;
      alarm.breachedAt = Date.now();
      if (!wasOn) {
        const detail = letters.length === 1 ? '1 message waits.' : `${letters.length} messages wait.`;
        tell('alert', { ...buildOf(newest), alarm: alarm.name, detail });
      }
    }
  };
}

/** The build that a dead letter is about, as fields of an event; none for a message that is no build. */
function buildOf({ body, attributes }: PeekedMessage): Partial<LocalEvent> {
  const notification = parseNotification(body);
  const record = notification.kind === 'records' ? notification.records[0] : undefined;
  const reason = attributes[DEAD_LETTER_ATTRIBUTES.reason] as Reason | undefined;
  return { ...(record?.kind === 'build' ? logFields(record.build) : {}), ...(reason === undefined ? {} : { reason }) };
}

async function upload(s3: S3Client, bucket: string, content: string | Uint8Array, key: string): Promise<DroppedBuild> {
  const hash = createHash('sha256');
  let size = 0;
  async function* measured(): AsyncGenerator<Uint8Array> {
    for await (const chunk of typeof content === 'string'
      ? createReadStream(content, { highWaterMark: 1 << 20 })
      : [content]) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }
  const params = { Bucket: bucket, Key: key, Body: Readable.from(measured()), ContentType: 'application/zip' };
  const { VersionId: versionId, ETag } = await new Upload({ client: s3, partSize: PART_SIZE, params }).done();
  const eTag = ETag?.replaceAll('"', '') ?? '';
  const build = buildId({ bucket, key, eTag, ...(versionId === undefined ? {} : { versionId }) });
  return { bucket, key, build, size, sha256: hash.digest('hex') };
}
