import { randomBytes } from 'node:crypto';
import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { exchange } from '../../functions/adapters/http-exchange.ts';
import { type Build, buildId } from '../../functions/domain/model/build.ts';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import type { Route } from '../../functions/domain/model/route.ts';
import { Secret } from '../../functions/domain/model/secret.ts';
import type { Dashboard } from '../../functions/streampixel-stand-in/dashboard.ts';
import { testWebhook } from '../../functions/streampixel-stand-in/lifecycle.ts';
import type { DeployedRehearsal } from '../../infra/outputs/outputs.ts';
import type { Console } from '../console.ts';
import { pause } from '../interruption.ts';
import { EXIT, OperatorError } from '../operator-error.ts';
import { POLL_MS } from '../screens/follow.ts';
import { writeSecureString } from '../stack/parameters.ts';
import type { Stack } from '../stack/stack.ts';
import { addressOf, ensureTokens } from '../stack/webhooks.ts';
import { span } from '../units.ts';
import { uploadInParts } from '../upload/multipart-upload.ts';
import type { UploadSource } from '../upload/upload-source.ts';
import type { ReceivedAlert } from './report.ts';

/** Longest wait for what a step waits for, in ms. A cold start, a slot and all stages at the stand-in take less than a minute. */
const PATIENCE_MS = 5 * 60_000;
/** Longest that the receiver of webhooks may take, in ms. */
const WEBHOOK_TIMEOUT_MS = 15_000;
const ANSWER_LIMIT = 64 * 1024;

/** A build that this rehearsal has dropped. */
export type Dropped = Pick<Build, 'bucket' | 'key' | 'versionId' | 'eTag'> & { readonly id: string };

/** What every step acts with. */
export type Rehearsal = Awaited<ReturnType<typeof beginRehearsal>>;

/** Names of the files of a run. */
export type FileName = 'first' | 'second' | 'late' | 'no-zip';

/**
 * Prepares a run: makes the token of the webhooks where there is none, and stores what the stand-in has to know: a key that is valid,
 * where webhooks go, and which build is to be downloaded late.
 *
 * @param signal ends every wait with an OperatorError
 */
export async function beginRehearsal(
  console: Console,
  stack: Stack,
  { alertsQueueUrl, standInParameter }: DeployedRehearsal,
  route: Route,
  signal: AbortSignal,
) {
  const { clients, ledger, settings } = stack;
  const run = randomBytes(3).toString('hex');
  const [rightKey, wrongKey] = ['right', 'wrong'].map(
    (name) => new Secret(`${name}-${randomBytes(16).toString('hex')}`),
  );
  if (rightKey === undefined || wrongKey === undefined) throw new Error('no keys');
  const { projectId } = route;
  const nameOf = (name: FileName) => `rehearsal-${run}-${name}.zip`;
  const { tokens } = await ensureTokens(clients.ssm, settings.webhookTokenParameter);
  const [token] = tokens;
  if (token === undefined) throw new Error('no token');
  const dashboard: Dashboard = {
    apiKey: rightKey.reveal(),
    webhooks: { [projectId]: addressOf(stack, projectId, token) },
    courses: { [nameOf('late')]: { kind: 'late-download' } },
  };
  await writeSecureString(clients.ssm, standInParameter, JSON.stringify(dashboard));
  const alerts: ReceivedAlert[] = [];

  /** Reads the alerts that have come since the last time. */
  async function receiveAlerts(): Promise<void> {
    for (;;) {
      const command = new ReceiveMessageCommand({
        QueueUrl: alertsQueueUrl,
        MaxNumberOfMessages: 10,
        WaitTimeSeconds: 1,
      });
      const { Messages = [] } = await clients.sqs.send(command);
      if (Messages.length === 0) return;
      for (const { Body = '{}', ReceiptHandle } of Messages) {
        const { Message: message = '', Subject: subject = '' } = JSON.parse(Body) as Readonly<Record<string, string>>;
        alerts.push({ subject, message });
        await clients.sqs.send(new DeleteMessageCommand({ QueueUrl: alertsQueueUrl, ReceiptHandle }));
      }
    }
  }

  /**
   * Looks again and again until there is something.
   *
   * @param what it waits for, to follow "waiting for"
   * @returns what there was, or `undefined` where the time was over
   * @throws OperatorError once the signal is aborted
   */
  async function waitFor<Found>(
    what: string,
    look: () => Promise<Found | undefined>,
    patienceMs = PATIENCE_MS,
  ): Promise<Found | undefined> {
    const startedAt = Date.now();
    try {
      for (;;) {
        const found = await look();
        const waitedMs = Date.now() - startedAt;
        if (found !== undefined || waitedMs > patienceMs) return found;
        console.move(`waiting for ${what} for ${span(waitedMs)}`);
        if (!(await pause(POLL_MS, signal))) throw interrupted();
      }
    } finally {
      console.move();
    }
  }

  // What is left of an earlier run says nothing about this one.
  await receiveAlerts();
  alerts.length = 0;

  return {
    console,
    stack,
    route,
    signal,
    rightKey,
    wrongKey,
    /** Those received so far, oldest first. */
    alerts: alerts as readonly ReceivedAlert[],
    waitFor,
    storeKey: (key: Secret) => writeSecureString(clients.ssm, route.apiKeyParameter, key.reveal()),
    /** Drops a file as `push` does. */
    async drop(name: FileName, content: Buffer): Promise<Dropped> {
      const [bucket, key] = [stack.bucket, `${route.prefix}${nameOf(name)}`];
      const request = { source: inMemory(content), bucket, key };
      const { eTag, versionId } = await uploadInParts(clients.s3, request, signal, () => {});
      const build = { bucket, key, eTag, ...present({ versionId }) };
      console.say(`Dropped ${key}.`);
      return { ...build, id: buildId(build) };
    },
    /** The build in the ledger, once it is in one of these states. */
    inState: ({ id, key }: Dropped, ...states: LedgerEntry['state'][]) =>
      waitFor(`${key} to be ${states.join(' or ')}`, async () => {
        const entry = await ledger.find(id);
        return entry !== undefined && states.includes(entry.state) ? entry : undefined;
      }),
    /** The first alert that fits, past or to come. */
    alert: (what: string, fits: (alert: ReceivedAlert) => boolean) =>
      waitFor(`the alert about ${what}`, async () => {
        await receiveAlerts();
        return alerts.find(fits);
      }),
    /** Sends a test webhook. @returns the status of the answer; `undefined` where there was none */
    async sendWebhook(to: Secret = token): Promise<number | undefined> {
      const answer = await exchange(
        {
          method: 'POST',
          url: addressOf(stack, projectId, to),
          headers: { 'content-type': 'application/json', 'user-agent': 'streampixel-drop' },
          body: JSON.stringify(testWebhook(projectId, Date.now())),
          deadline: Date.now() + WEBHOOK_TIMEOUT_MS,
          maxBytes: ANSWER_LIMIT,
        },
        { now: Date.now, agents: stack.agents },
      );
      return answer.kind === 'answered' ? answer.status : undefined;
    },
  };
}

export function interrupted(): OperatorError {
  return new OperatorError(
    'Interrupted',
    'The rehearsal was interrupted.',
    (commands) => `Run it again from the start: ${commands.rehearse()}`,
    EXIT.interrupted,
  );
}

function inMemory(content: Buffer): UploadSource {
  return {
    size: content.length,
    async open(from) {
      let position = from;
      return {
        async fill(buffer) {
          position += content.copy(buffer, 0, position);
        },
        async close() {},
      };
    },
    async checkUnchanged() {},
  };
}
