import { randomBytes } from 'node:crypto';
import type { SSMClient } from '@aws-sdk/client-ssm';
import { addressId } from '../../functions/adapters/ssm-webhook-tokens.ts';
import { tokensIn, webhookAddress } from '../../functions/domain/follow/webhook-tokens.ts';
import { present } from '../../functions/domain/model/optional-fields.ts';
import { Secret } from '../../functions/domain/model/secret.ts';
import { usedAtField, type WebhookRecord } from '../../functions/domain/model/webhook-record.ts';
import { OperatorError, unknownProject } from '../operator-error.ts';
import { span } from '../units.ts';
import { readParameter, writeSecureString } from './parameters.ts';
import type { Stack } from './stack.ts';

/** The valid tokens, the current one first. */
export interface StoredTokens {
  readonly tokens: readonly Secret[];
  /** When they were stored, in ms since the epoch. */
  readonly changedAt: number;
}

/**
 * @returns `undefined` where there is no such parameter
 * @throws OperatorError where it is not a SecureString: the function that receives webhooks does not accept it
 */
export async function readTokens(ssm: SSMClient, name: string): Promise<StoredTokens | undefined> {
  const parameter = await readParameter(ssm, name);
  if (parameter === undefined) return undefined;
  if (parameter.Type !== 'SecureString') {
    // SSM does not change a parameter's type.
    const remedy = `Delete it, then run this again: aws ssm delete-parameter --name ${name}`;
    const message = `${name} is not a SecureString: everyone who may read parameters can read it.`;
    throw new OperatorError('NoSecureString', message, remedy);
  }
  const tokens = tokensIn(parameter.Value ?? '').map((token) => new Secret(token));
  return { tokens, changedAt: parameter.LastModifiedDate?.getTime() ?? Date.now() };
}

/**
 * Makes the token where there is none.
 *
 * @returns the valid tokens, and whether this call has made one
 */
export async function ensureTokens(ssm: SSMClient, name: string): Promise<StoredTokens & { readonly isNew: boolean }> {
  const stored = await readTokens(ssm, name);
  if (stored !== undefined && stored.tokens.length > 0) return { ...stored, isNew: false };
  const tokens = [newToken()];
  try {
    // A value that is no valid token would keep a valid one out.
    await writeTokens(ssm, name, tokens, stored !== undefined);
  } catch (error) {
    // Another run has made one in the meantime: use that.
    if (!(error instanceof Error && error.name === 'ParameterAlreadyExists')) throw error;
    return ensureTokens(ssm, name);
  }
  return { tokens, changedAt: Date.now(), isNew: true };
}

export function writeTokens(
  ssm: SSMClient,
  name: string,
  tokens: readonly Secret[],
  overwrite = true,
): Promise<number> {
  return writeSecureString(ssm, name, tokens.map((token) => token.reveal()).join('\n'), overwrite);
}

/** 256 random bits. */
export function newToken(): Secret {
  return new Secret(randomBytes(32).toString('base64url'));
}

/** A project of the routes, and what is known about its webhook. Times in ms since the epoch. */
export interface ProjectWebhook extends WebhookRecord {
  readonly projectId: string;
  /** When the last webhook came to its present address, and to the one before a change that is not finished. */
  readonly usedAt?: number;
  readonly formerUsedAt?: number;
  /** Whether its dashboard has the present address: a webhook has come to it, and none to the former one since. */
  readonly isUsed: boolean;
}

/**
 * @param tokens the valid ones, the current one first
 * @param wanted only this project
 * @throws OperatorError where no route has it
 */
export async function projectWebhooks(
  { ledger, settings }: Stack,
  tokens: readonly Secret[],
  wanted?: string,
): Promise<ProjectWebhook[]> {
  const [current, former] = tokens.map((token) => usedAtField(addressId(token.reveal())));
  const own = [...new Set(settings.routes.map(({ projectId }) => projectId))];
  if (wanted !== undefined && !own.includes(wanted)) throw unknownProject(wanted, own);
  return Promise.all(
    (wanted === undefined ? own : [wanted]).map(async (projectId) => {
      const record = await ledger.webhookOf(projectId);
      const usedAt = current && record[current];
      const formerUsedAt = former && record[former];
      const isUsed = usedAt !== undefined && usedAt > (formerUsedAt ?? 0);
      return { ...record, projectId, isUsed, ...present({ usedAt, formerUsedAt }) };
    }),
  );
}

/** The address of a project's webhook. Secret: a sender who has it can report anything about the project's builds. */
export function addressOf({ webhookUrl }: Stack, projectId: string, token: Secret): string {
  return webhookAddress(webhookUrl, projectId, token.reveal());
}

/** Where a person enters the address of a project's webhook. */
export function dashboardOf(projectId: string): string {
  return `https://dashboard.streampixel.io/projectdetail/${projectId}`;
}

/** What a person does with an address there. */
export const DASHBOARD_STEPS =
  'Project Settings > Webhook URL: paste the address, tick every event, save, then press Test Webhook';

/** When Streampixel sent the last webhook for a project, and whether to its present address, in words. */
export function webhookText(webhook: ProjectWebhook, now: number): string {
  const { formerUsedAt, isUsed, lastWebhookAt, testedAt } = webhook;
  if (lastWebhookAt === undefined && testedAt === undefined) return 'no webhook received yet';
  const received =
    lastWebhookAt === undefined
      ? `test webhook received ${span(now - (testedAt ?? 0))} ago, none about a build yet`
      : `last webhook received ${span(now - lastWebhookAt)} ago`;
  if (isUsed) return `${received}; its present address is used`;
  const former = formerUsedAt === undefined ? ' yet' : `: the former one was, ${span(now - formerUsedAt)} ago`;
  return `${received}; its present address is not used${former}`;
}
