import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { webhookAddress } from '../../functions/domain/follow/webhook-tokens.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { operatorCommands } from '../../functions/domain/notify/operator-commands.ts';
import { ROUTES_FILE, readRoutes } from '../../functions/routes-file.ts';
import { windowOf } from '../../functions/streampixel-stand-in/api.ts';
import { readEnvironment } from '../../functions/submit-build/environment.ts';
import { readDeployedSettings } from '../../infra/outputs/deployed-settings.ts';
import { OUTPUTS } from '../../infra/outputs/outputs.ts';
import type { Settings } from '../../infra/settings/schema.ts';
import { readSettingsFile, type SettingsPlace } from '../../infra/settings/settings-file.ts';
import { LOCAL_CREDENTIALS, LOCAL_REGION } from '../aws/account.ts';
import { type DeployedFunctions, startFunctions } from '../aws/deployed-functions.ts';
import type { BusEvent } from '../aws/event-bus.ts';
import { type Gateway, startGateway } from '../aws/gateway.ts';
import type { LogLine } from '../aws/lambda-process.ts';
import { type Deployment, readDeployment } from '../aws/template.ts';
import { type StandInUser, startStandIn } from '../streampixel/streampixel-stand-in.ts';
import { watchDeadLetters } from './dead-letter-watch.ts';
import { createLocalDeliveryKey } from './delivery-key.ts';
import { type DroppedBuild, dropBuild } from './drop-build.ts';
import type { LocalEvent } from './events.ts';
import { createStackEvents } from './stack-events.ts';
import { synthesize } from './synthesize.ts';

export type { DroppedBuild } from './drop-build.ts';

export interface EmbeddedStackOptions {
  /** Port of the AWS endpoint. Default 0: one that the system chooses. */
  readonly port?: number;
  /** Where the file of settings is. Without it: the settings of the sample. */
  readonly settingsPlace?: SettingsPlace;
  /** Settings on top of those. `streampixelBaseUrl` makes the stack use that API instead of the stand-in. */
  readonly settings?: Partial<Settings>;
  /** The key in SSM. Default: a random one. */
  readonly apiKey?: string;
  /** The only key that the stand-in accepts. Default: the one in SSM. */
  readonly standInKey?: string;
  /** How long the stand-in takes for each stage of a build, in ms. Default: its own. */
  readonly stageMs?: number;
  /** Directory for the dropped objects; emptied first, removed at the end. Default: a temporary one. */
  readonly objectsDirectory?: string;
  readonly onEvent?: (event: LocalEvent) => void;
  /** Lines of the functions' logs that are no events. */
  readonly onLog?: (line: LogLine) => void;
  /** Other information for the person who runs the stack, in sentences. */
  readonly onNotice?: (notice: string) => void;
}

/** Windows keeps the files of a process that was just killed for a moment. */
const REMOVED = { recursive: true, force: true, maxRetries: 10 } as const;

export type EmbeddedStack = Awaited<ReturnType<typeof startEmbeddedStack>>;

/**
 * Runs the stack that `cdk deploy` would deploy, in this process and a few of its own: emulated AWS services, the bundled
 * functions and, unless another API is named, the Streampixel stand-in.
 *
 * @throws Error with code `EADDRINUSE` where the port is taken; otherwise with what is wrong with the settings
 */
export async function startEmbeddedStack(options: EmbeddedStackOptions = {}) {
  const { onEvent = () => {}, onLog = () => {}, onNotice = () => {}, stageMs } = options;
  const apiKey = options.apiKey ?? `sp-local-${randomBytes(12).toString('hex')}`;
  // Like those of a role: a key id of temporary credentials, and a session token that is part of each signature.
  const functionCredentials = {
    accessKeyId: 'ASIALOCALSTACK000000',
    secretAccessKey: randomBytes(30).toString('base64'),
    sessionToken: randomBytes(60).toString('base64'),
  };
  const drops: DroppedBuild[] = [];
  const busEvents: BusEvent[] = [];
  let served: { readonly domain: string; readonly bucket: string } | undefined;
  const stackEvents = createStackEvents({ onEvent, onLog, onNotice, drops, distribution: () => served });

  /** What is to be done at the end, the last first. */
  const cleanups: (() => unknown)[] = [];
  let stopped: Promise<void> | undefined;
  function stop(): Promise<void> {
    stopped ??= (async () => {
      for (const cleanup of cleanups.toReversed()) await cleanup();
    })();
    return stopped;
  }
  const removeAtEnd = (directory: string) => cleanups.push(() => rm(directory, REMOVED));

  try {
    // Outside the project: a package that the bundle lacks must not be found in the project's node_modules.
    const assemblyDirectory = await mkdtemp(join(tmpdir(), 'streampixel-drop-assembly-'));
    removeAtEnd(assemblyDirectory);
    const objectsDirectory = options.objectsDirectory ?? (await mkdtemp(join(tmpdir(), 'streampixel-drop-objects-')));

    let functions: DeployedFunctions | undefined;
    const gateway = await startGateway({
      port: options.port ?? 0,
      region: LOCAL_REGION,
      objectsDirectory,
      credentials: [functionCredentials, LOCAL_CREDENTIALS],
      onObjectCreated: stackEvents.onObjectCreated,
      onPublished: stackEvents.onPublished,
      onBusEvent(event) {
        busEvents.push(event);
        // Absent until the API key is stored: storing the first one is no reason for a redrive.
        functions?.deliver(event);
      },
    });
    // Not before the port is taken: until then another stack may use the directory.
    await rm(objectsDirectory, REMOVED);
    await mkdir(objectsDirectory, { recursive: true });
    removeAtEnd(objectsDirectory);
    cleanups.push(() => gateway.close());

    let environment: Environment | undefined;
    let users: readonly StandInUser[] = [];
    const standIn =
      options.settings?.streampixelBaseUrl === undefined && options.settings?.rehearsal !== true
        ? await startStandIn({
            // Both are asked for later: the stand-in's address is one of the settings that they are read from.
            users: () => users,
            windowMs: () => windowOf(environment?.intervalMs ?? 0),
            apiKey: options.standInKey ?? apiKey,
            ...(stageMs === undefined ? {} : { stageMs: () => stageMs }),
            onEvent: stackEvents.onStandInEvent,
          })
        : undefined;
    cleanups.push(() => standIn?.stop());

    const settingsAtStart = { ...options.settings, ...present({ streampixelBaseUrl: standIn?.baseUrl }) };
    const deliveryKey = createLocalDeliveryKey();
    let version = 0;
    async function synthesized(settings: Partial<Settings>): Promise<Deployment> {
      const directory = join(assemblyDirectory, String(++version));
      const all = { ...settingsAtStart, ...settings };
      const place = options.settingsPlace;
      const delivery = all.delivery ?? (place && readSettingsFile(place)?.values.delivery);
      await synthesize({ ...deliveryKey.settingsFor(delivery), ...all }, directory, { place, port: gateway.port });
      const { distributionDomain, endpoint } = gateway;
      return readDeployment(directory, { region: LOCAL_REGION, endpoint, distributionDomain });
    }

    onNotice('Synthesizing the stack and bundling its functions, as cdk deploy would ...');
    const deployment = await synthesized({});
    let deployed = environmentOf(deployment);
    environment = deployed;
    users = deployed.routes.map(({ userId, projectId }) => ({ userId, projectIds: [projectId] }));

    const client = { endpoint: gateway.endpoint, region: LOCAL_REGION, credentials: LOCAL_CREDENTIALS };
    const clients = {
      // The SHA-256 of the whole file is compared instead of the SDK's checksums of the parts, which double the time.
      s3: new S3Client({ ...client, requestChecksumCalculation: 'WHEN_REQUIRED' }),
      sqs: new SQSClient(client),
      ssm: new SSMClient(client),
      dynamoDb: new DynamoDBClient(client),
    };
    cleanups.push(() => {
      for (const each of Object.values(clients)) each.destroy();
    });
    await createResources(deployment, gateway, clients.sqs, clients.dynamoDb);
    for (const name of new Set(deployed.routes.map(({ apiKeyParameter }) => apiKeyParameter))) {
      await storeSecret(clients.ssm, name, apiKey);
    }
    const webhookToken = randomBytes(32).toString('base64url');
    const webhookOf = (projectId: string) =>
      webhookAddress(deployment.output(OUTPUTS.webhookUrl), projectId, webhookToken);
    const { deliveryKeyParameter = '', webhookTokenParameter } = readDeployedSettings(deployment.output);
    await storeSecret(clients.ssm, webhookTokenParameter, webhookToken);
    await storeSecret(clients.ssm, deliveryKeyParameter, deliveryKey.privateKey.reveal());
    for (const { projectId } of deployed.routes) standIn?.setWebhook(projectId, webhookOf(projectId));

    const deadLettersUrl = deployment.output(OUTPUTS.deadLetterQueueUrl);
    const deadLetters = () => gateway.peek(lastPart(deadLettersUrl));
    const alarms = deployment.depthAlarms.filter(({ queueName }) => queueName === lastPart(deadLettersUrl));
    cleanups.push(watchDeadLetters({ deadLetters, alarms, addEvent: stackEvents.addNow }));
    const running = startFunctions(deployment, {
      sqs: clients.sqs,
      region: LOCAL_REGION,
      platformEnvironment: {
        AWS_REGION: LOCAL_REGION,
        AWS_DEFAULT_REGION: LOCAL_REGION,
        AWS_ACCESS_KEY_ID: functionCredentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: functionCredentials.secretAccessKey,
        AWS_SESSION_TOKEN: functionCredentials.sessionToken,
        AWS_ENDPOINT_URL: gateway.endpoint,
      },
      onLog: stackEvents.onLog,
      onProblem: onNotice,
    });
    functions = running;
    cleanups.push(() => running.stop());

    function use({ distribution, stackName, outputs, httpApis }: Deployment): void {
      gateway.describeStack(stackName, outputs);
      gateway.deployDistribution(distribution);
      // What it served once may still be downloading.
      served =
        distribution === undefined ? served : { domain: gateway.distributionDomain, bucket: distribution.bucket };
      gateway.serveHttpApis(httpApis, running.invoke);
    }
    use(deployment);
    const bucket = deployment.output(OUTPUTS.dropBucketName);
    return {
      /** For `AWS_ENDPOINT_URL`. */
      endpoint: gateway.endpoint,
      port: gateway.port,
      /** What people are asked to run: for this stack. */
      commands: operatorCommands({ local: gateway.port }),
      bucket,
      queues: {
        buildsUrl: deployment.output(OUTPUTS.buildsQueueUrl),
        deadLettersUrl,
        followUrl: deployment.output(OUTPUTS.followQueueUrl),
      },
      /** Address of a project's webhook, token included. */
      webhookOf,
      /** Of submit-build, by the latest deployment. */
      get environment(): Environment {
        return deployed;
      },
      /** Absent where another API is used. */
      standIn,
      events: stackEvents.events,
      seen: stackEvents.seen,
      /** Events on EventBridge's default bus so far. */
      busEvents: busEvents as readonly BusEvent[],
      /** Uploads a file (by its path) or bytes as other S3 clients do. */
      async drop(content: string | Uint8Array, key: string): Promise<DroppedBuild> {
        const dropped = await dropBuild(clients.s3, bucket, key, content);
        drops.push(dropped);
        return dropped;
      },
      /**
       * Deploys again, as `cdk deploy` does after an edit of the settings: the functions and the rules that invoke them use it from
       * then on. The rest stays as it was at the start, and so do the accounts that the stand-in knows.
       *
       * @param settings on top of those of the file and of the start
       * @throws Error with what is wrong with the settings; then nothing has changed
       */
      async deploy(settings: Partial<Settings> = {}): Promise<void> {
        const next = await synthesized(settings);
        deployed = environmentOf(next);
        environment = deployed;
        running.update(next);
        use(next);
      },
      /** Messages that wait in the dead-letter queue. */
      deadLetters,
      /** Lets running work finish, then stops everything and removes what it wrote. Further calls wait for the same end. */
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What the function that processes the builds queue reads when it starts. */
function environmentOf(deployment: Deployment) {
  const queueUrl = deployment.output(OUTPUTS.buildsQueueUrl);
  const source = deployment.eventSources.find((candidate) => candidate.queueUrl === queueUrl);
  if (source === undefined) throw new Error('No function processes the builds queue.');
  const { codeDirectory, environment } = source.function;
  return { ...readEnvironment(environment), routes: readRoutes(pathToFileURL(join(codeDirectory, ROUTES_FILE))) };
}
type Environment = ReturnType<typeof environmentOf>;

/** Creates what the template describes. Queues come before the buckets that notify them. */
async function createResources(
  deployment: Deployment,
  gateway: Gateway,
  sqs: SQSClient,
  dynamoDb: DynamoDBClient,
): Promise<void> {
  for (const { name, attributes } of deployment.queues) {
    await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
  }
  for (const table of deployment.tables) await dynamoDb.send(new CreateTableCommand(table));
  for (const { arn, queueArns } of deployment.topics) gateway.createTopic(arn, queueArns);
  for (const bucket of deployment.buckets) gateway.createBucket(bucket);
}

/** The queue's name in its URL. */
function lastPart(url: string): string {
  return url.split('/').at(-1) ?? '';
}

async function storeSecret(ssm: SSMClient, Name: string, Value: string): Promise<void> {
  await ssm.send(new PutParameterCommand({ Name, Value, Type: 'SecureString', Overwrite: true }));
}
