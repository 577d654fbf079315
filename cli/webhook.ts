import { randomBytes } from 'node:crypto';
import { GetParameterCommand, PutParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import { tokensIn, webhookAddress } from '../functions/domain/follow/webhook-tokens.ts';
import { Secret } from '../functions/domain/model/secret.ts';
import type { WebhookRecord } from '../functions/domain/model/webhook-record.ts';
import { OperatorError } from './operator-error.ts';
import type { Stack } from './stack.ts';
import { span } from './units.ts';

/** The tokens that count, the current one first. */
export interface StoredTokens {
  readonly tokens: readonly Secret[];
  /** When they were stored, in ms since the epoch. */
  readonly changedAt: number;
}

/**
 * @returns `undefined` where there is no such parameter
 * @throws OperatorError where it is no SecureString: the function that takes webhooks would not read it
 */
export async function readTokens(ssm: SSMClient, Name: string): Promise<StoredTokens | undefined> {
  try {
    const { Parameter } = await ssm.send(new GetParameterCommand({ Name, WithDecryption: true }));
    if (Parameter?.Type !== 'SecureString') {
      // SSM changes no parameter's type.
      const remedy = `Delete it, then run this again: aws ssm delete-parameter --name ${Name}`;
      throw new OperatorError(
        'NoSecureString',
        `${Name} is no SecureString: whoever may read parameters can read it.`,
        remedy,
      );
    }
    const tokens = tokensIn(Parameter.Value ?? '').map((token) => new Secret(token));
    return { tokens, changedAt: Parameter.LastModifiedDate?.getTime() ?? Date.now() };
  } catch (error) {
    if (error instanceof Error && error.name === 'ParameterNotFound') return undefined;
    throw error;
  }
}

/**
 * Makes the token where there is none.
 *
 * @returns all that count, and whether this call has made one
 */
export async function ensureTokens(ssm: SSMClient, Name: string): Promise<StoredTokens & { readonly isNew: boolean }> {
  const stored = await readTokens(ssm, Name);
  if (stored !== undefined && stored.tokens.length > 0) return { ...stored, isNew: false };
  const tokens = [newToken()];
  try {
    // What is there and counts for no token would keep a good one out.
    await writeTokens(ssm, Name, tokens, { overwrite: stored !== undefined });
  } catch (error) {
    // Somebody else has made one in the meantime: his goes.
    if (!(error instanceof Error && error.name === 'ParameterAlreadyExists')) throw error;
    return ensureTokens(ssm, Name);
  }
  return { tokens, changedAt: Date.now(), isNew: true };
}

export async function writeTokens(
  ssm: SSMClient,
  Name: string,
  tokens: readonly Secret[],
  { overwrite = true }: { readonly overwrite?: boolean } = {},
): Promise<void> {
  const Value = tokens.map((token) => token.reveal()).join('\n');
  await ssm.send(new PutParameterCommand({ Name, Value, Type: 'SecureString', Overwrite: overwrite }));
}

/** 256 random bits. */
export function newToken(): Secret {
  return new Secret(randomBytes(32).toString('base64url'));
}

/** A project of the routes, and what is known of its webhook. */
export interface ProjectWebhook extends WebhookRecord {
  readonly projectId: string;
}

/** The distinct projects of the routes. */
export async function projectWebhooks({
  ledger,
  settings,
}: Pick<Stack, 'ledger' | 'settings'>): Promise<ProjectWebhook[]> {
  const projectIds = [...new Set(settings.routes.map(({ projectId }) => projectId))];
  return Promise.all(projectIds.map(async (projectId) => ({ projectId, ...(await ledger.webhookOf(projectId)) })));
}

/** Whoever has it can tell us things of the project's builds: for the dashboard and nobody else. */
export function addressOf({ webhookUrl }: Pick<Stack, 'webhookUrl'>, projectId: string, token: Secret): string {
  return webhookAddress(webhookUrl, projectId, token.reveal());
}

/** Where the address of a project's webhook goes. */
export function dashboardOf(projectId: string): string {
  return `https://dashboard.streampixel.io/projectdetail/${projectId}`;
}

/** What is to be done with an address there. */
export const DASHBOARD_STEPS =
  'Project Settings > Webhook URL: paste the address, tick every event, save, then press Test Webhook';

/** Whether a project's webhook was ever heard, in words. */
export function heardText({ lastWebhookAt, testedAt }: WebhookRecord, now: number): string {
  if (lastWebhookAt !== undefined) return `last heard of a build ${span(now - lastWebhookAt)} ago`;
  return testedAt === undefined ? 'never heard' : `tested ${span(now - testedAt)} ago, and not heard of a build yet`;
}

/** When a project's webhook spoke last, in ms since the epoch. */
export function lastSpoke({ lastWebhookAt = 0, testedAt = 0 }: WebhookRecord): number {
  return Math.max(lastWebhookAt, testedAt);
}

/**
 * Whether a project's webhook has spoken at its new address, and not at the former one since.
 *
 * @param changedAt when the new address was made, in ms since the epoch
 */
export function hasMoved(webhook: WebhookRecord, changedAt: number): boolean {
  return lastSpoke(webhook) > Math.max(changedAt, webhook.formerAt ?? 0);
}
