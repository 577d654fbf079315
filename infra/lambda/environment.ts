import { fingerprintOf } from '../../functions/adapters/delivery-key.ts';
import type { CommandTarget } from '../../functions/domain/notify/operator-commands.ts';
import { ENV } from '../../functions/submit-build/environment.ts';
import { QUEUE_RETENTION_DAYS } from '../limits.ts';
import type { Settings } from '../settings/schema.ts';

/** What the functions need to know of the stack's resources. */
type ResourceName =
  | 'buildsQueueUrl'
  | 'deadLetterQueueUrl'
  | 'followQueueUrl'
  | 'ledgerTable'
  | 'alertTopicArn'
  | 'fileUrls';

/** The value of every environment variable, by its key in functions/environment.ts. Each function gets those that it reads. */
export function environmentValues(
  settings: Settings,
  commandTarget: CommandTarget,
  names: Readonly<Record<ResourceName, string>>,
) {
  return {
    ...names,
    streampixelBaseUrl: settings.streampixelBaseUrl,
    intervalMs: String(Math.round(settings.intervalSeconds * 1000)),
    fileUrlLifetimeS: String(settings.fileUrlLifetimeSeconds),
    maxAttempts: String(settings.maxAttempts),
    onLostAnswer: settings.onLostAnswer,
    packageCheck: settings.packageCheck,
    messageRetentionS: String(QUEUE_RETENTION_DAYS * 24 * 3600),
    alertFormat: settings.alertFormat,
    commandTarget: JSON.stringify(commandTarget),
    webhookTokenParameter: settings.webhookTokenParameter,
    lateAfterMs: String(settings.lateAfterMinutes * 60_000),
    stuckAfterMs: String(settings.stuckAfterMinutes * 60_000),
    reconcile: String(settings.reconcile),
    tagObjects: String(settings.tagObjects),
    reminderHourUtc: String(settings.reminderHourUtc),
    stackName: settings.stackName,
  } satisfies Record<string, string>;
}
export type EnvironmentValues = Readonly<ReturnType<typeof environmentValues>>;

/**
 * The variable `fileUrls`: how submit-build makes download URLs.
 *
 * @param domain of the distribution
 * @param idOf CloudFront's id of the public key with this fingerprint
 */
export function fileUrlsValue(
  { delivery, deliveryKeyParameter, deliveryPublicKeys }: Settings,
  domain: string,
  idOf: (fingerprint: string) => string | undefined,
): string {
  if (delivery === 's3') return JSON.stringify({ delivery });
  const keyIds = Object.fromEntries(
    deliveryPublicKeys.map(fingerprintOf).map((fingerprint) => [fingerprint, idOf(fingerprint)]),
  );
  return JSON.stringify({ delivery, domain, keyParameter: deliveryKeyParameter, keyIds });
}

/**
 * The environment of one function. A key without a value does not compile.
 *
 * @param variables `ENV` of the function: the names of its variables, by their keys
 */
export function environmentOf<K extends keyof EnvironmentValues>(
  variables: Readonly<Record<K, string>>,
  values: EnvironmentValues,
): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).map(([key, name]) => [name, values[key as K]]));
}

/** What Lambda will measure at most for submit-build, whose environment is the largest: the variables as one JSON text. */
export function environmentBytes(settings: Settings): number {
  // Longer than any queue URL or table name of a stack whose name is within bounds.
  const x = 'x'.repeat(160);
  const names = {
    buildsQueueUrl: x,
    deadLetterQueueUrl: x,
    followQueueUrl: x,
    ledgerTable: settings.ledgerTableName ?? x,
    alertTopicArn: x,
    fileUrls: fileUrlsValue(settings, x, () => 'x'.repeat(20)),
  };
  // The longest name of a region has 14 letters.
  const target = { stack: settings.stackName, region: 'x'.repeat(20) };
  return Buffer.byteLength(JSON.stringify(environmentOf(ENV, environmentValues(settings, target, names))));
}
