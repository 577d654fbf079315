import { describeError } from '../domain/model/redaction.ts';
import { Secret } from '../domain/model/secret.ts';
import type { ApiKey, ApiKeyRead, ApiKeys, Clock, Log } from '../domain/ports.ts';
import type { GetParameter } from './ssm-parameters.ts';

/**
 * How long a key is used without asking again, in ms. Longer than an interval, so that not every waiting build asks SSM. A key that
 * was replaced is noticed sooner, by its 401.
 */
const TTL_MS = 300_000;

interface Cached {
  readonly key: ApiKey;
  readonly readAt: number;
}

/**
 * Reads API keys from SSM SecureStrings. A parameter is read once at a time, and callers that come meanwhile share the result;
 * where a refresh fails, the cached key stays in use.
 */
export function createSsmApiKeys(
  getParameter: GetParameter,
  clock: Pick<Clock, 'now'>,
  log: Pick<Log, 'warn'>,
): ApiKeys {
  const cache = new Map<string, Cached>();
  const underWay = new Map<string, Promise<ApiKeyRead>>();

  function fetchShared(parameter: string): Promise<ApiKeyRead> {
    const running = underWay.get(parameter);
    if (running !== undefined) return running;
    const reading = fetchKey(getParameter, parameter).then((read) => {
      underWay.delete(parameter);
      if (read.kind === 'found') cache.set(parameter, { key: read.key, readAt: clock.now() });
      if (read.kind === 'missing') cache.delete(parameter);
      return read;
    });
    underWay.set(parameter, reading);
    return reading;
  }

  return {
    async read(parameter) {
      const cached = cache.get(parameter);
      if (cached !== undefined && clock.now() - cached.readAt < TTL_MS) return { kind: 'found', key: cached.key };
      const read = await fetchShared(parameter);
      if (read.kind !== 'unavailable' || cached === undefined) return read;
      log.warn('stale-api-key-used', { parameter, version: cached.key.version, detail: read.detail });
      return { kind: 'found', key: cached.key };
    },
    async readAgain(parameter) {
      // A read that began before Streampixel refused the key may bring the old one: it is waited for, not shared.
      await underWay.get(parameter);
      return fetchShared(parameter);
    },
  };
}

async function fetchKey(getParameter: GetParameter, name: string): Promise<ApiKeyRead> {
  try {
    const { Type, Value = '', Version = 0 } = (await getParameter(name)) ?? {};
    // A key pasted from an e-mail often brings a newline along.
    const value = Value.trim();
    if (value === '') return { kind: 'missing', detail: `The SSM parameter ${name} is empty.` };
    if (Type !== 'SecureString') {
      return { kind: 'missing', detail: `The SSM parameter ${name} is a ${Type}, not a SecureString.` };
    }
    return { kind: 'found', key: { secret: new Secret(value), version: Version } };
  } catch (error) {
    if (error instanceof Error && error.name === 'ParameterNotFound') {
      return { kind: 'missing', detail: `There is no SSM parameter ${name}.` };
    }
    return { kind: 'unavailable', detail: `SSM did not give the parameter ${name}: ${describeError(error)}` };
  }
}
