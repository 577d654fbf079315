import type { Clock, Log } from '../domain/ports.ts';
import type { Dashboard } from './dashboard.ts';
import type { Download } from './download.ts';
import {
  AFTER_THE_END_MS,
  afterStep,
  endOfUrl,
  isOpen,
  isRead,
  nextStep,
  type Stage,
  type WebhookPayload,
  webhookAbout,
} from './lifecycle.ts';
import type { Uploads } from './uploads-table.ts';

/** A message of the stand-in to itself: the time of this stage is over. Without a stage: the upload was accepted just now. */
export interface StepMessage {
  readonly uploadId: string;
  readonly from?: Stage;
}

export interface StepPorts {
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
  readonly uploads: Uploads;
  readonly dashboard: () => Promise<Partial<Dashboard>>;
  readonly download: (fileUrl: string) => Promise<Download>;
  readonly deliver: (url: string, payload: WebhookPayload) => Promise<boolean>;
  /** Sends a message that is delivered after so many seconds. */
  readonly sendStep: (message: StepMessage, delayS: number) => Promise<void>;
}

/** How long a stage takes, in s. */
const STAGE_S = 2;
/** Longest that SQS delays a message, in s. */
const LONGEST_DELAY_S = 900;

/**
 * Takes an upload to its next stage, with the webhook about it. The message of the next step is sent before the new state is
 * saved: a crash in between repeats the step, and with it a webhook, which Streampixel does not rule out either.
 */
export async function takeStep(message: StepMessage, ports: StepPorts): Promise<void> {
  const { from, uploadId } = message;
  const { clock, dashboard, deliver, download, log, sendStep, uploads } = ports;
  const upload = await uploads.find(uploadId);
  // A duplicate of a message whose step has been taken.
  if (upload === undefined || upload.stage !== from) return;
  const { course, fileUrl, projectId } = upload;
  let problem: string | undefined;
  if (isRead(upload, from)) {
    const waitMs = course.kind === 'late-download' ? endOfUrl(fileUrl) + AFTER_THE_END_MS - clock.now() : 0;
    if (waitMs > 0) return sendStep(message, Math.min(Math.ceil(waitMs / 1000), LONGEST_DELAY_S));
    const result = await download(fileUrl);
    problem = result.kind === 'unusable' ? result.objection : undefined;
    log.info(result.kind === 'unusable' ? 'not-downloaded' : 'downloaded', { uploadId, ...result });
  }
  const step = nextStep(upload, from, problem);
  if (step.kind === 'stays') return;
  const changed = afterStep(upload, step);
  const { webhooks = {} } = await dashboard();
  const url = webhooks[projectId];
  if (step.kind === 'enters' && course.kind !== 'silent' && url !== undefined) {
    const isReceived = await deliver(url, webhookAbout(changed, clock.now()));
    log.info('webhook-sent', { uploadId, stage: step.stage, isReceived });
  }
  const { stage } = changed;
  if (stage !== undefined && isOpen(stage)) await sendStep({ uploadId, from: stage }, STAGE_S);
  await uploads.save(changed);
}
