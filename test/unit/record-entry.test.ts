import { beforeEach, describe, expect, it } from 'vitest';
import type { LedgerEntry } from '../../functions/domain/model/ledger-entry.ts';
import type { UploadAnswer } from '../../functions/domain/model/streampixel-answers.ts';
import { LedgerUnavailable } from '../../functions/domain/ports.ts';
import { type Answer, aBuild, accepted, START, World } from '../support/world.ts';

let world: World;
beforeEach(() => {
  world = new World();
});

const notFound: UploadAnswer = { kind: 'refused', reason: 'ProjectNotFound', status: 404, detail: 'no project' };
const serverError: UploadAnswer = { kind: 'failed', cause: 'VendorError', status: 500, detail: 'no' };

/** Gives the answer, after something has happened. */
function answerAfter(what: () => unknown, answer: UploadAnswer): Answer[] {
  return [
    async () => {
      await what();
      return answer;
    },
  ];
}

function throttle(): void {
  world.onTableCall = () => {
    throw new LedgerUnavailable('throttled');
  };
}

describe('what came of a call', () => {
  it('is recorded by one write', async () => {
    const operations: string[] = [];
    world.answers = answerAfter(() => {
      world.onTableCall = (operation) => void operations.push(operation);
    }, accepted('upload-1'));
    await world.submit();
    expect(operations).toEqual(['PutItem']);
  });

  it('is recorded where the answer to its own write was lost', async () => {
    world.answers = [notFound];
    let writes = 0;
    world.instead.save = async (entry) => {
      const saved = await world.ledger.save(entry);
      if (entry.state === 'dead-lettered' && ++writes === 1) throw new LedgerUnavailable('no answer');
      return saved;
    };
    expect(await world.submit()).toMatchObject({ kind: 'dead-lettered', reason: 'ProjectNotFound' });
    expect(world.deadLetters).toHaveLength(1);
    expect(world.alerts).toHaveLength(1);
  });

  it.each([
    ['another state', { state: 'waiting' }],
    ['another time', { updatedAt: START - 1 }],
    ['another dead letter', { deadLetterId: 'id-9' }],
    ['another upload id', { uploadId: 'upload-9' }],
  ] as const)('is not taken for recorded by a write of %s', async (_, change: Partial<LedgerEntry>) => {
    world.answers = [notFound];
    world.overtake('dead-lettered', change);
    expect(await world.submit()).toMatchObject({ kind: 'retried', cause: 'LedgerUnavailable' });
    expect(world.alerts).toEqual([]);
    const { state: by = 'dead-lettered' } = change;
    const fields = { level: 'warn', build: 'drop/a.zip@v1', state: 'dead-lettered', by };
    expect(world.lines('overtaken')).toEqual([expect.objectContaining(fields)]);
  });

  it('overrides what another worker wrote meanwhile where it is an acceptance', async () => {
    world.answers = [accepted('upload-1')];
    world.overtake('submitted', { state: 'unknown', possiblyDoubled: true, attempts: 1 });
    expect(await world.submit()).toMatchObject({ kind: 'submitted', uploadId: 'upload-1' });
    expect(await world.entry()).toMatchObject({ state: 'submitted', uploadId: 'upload-1' });
    expect(await world.submit()).toMatchObject({ kind: 'skipped', cause: 'Duplicate' });
  });

  it('does not override it where it is anything else', async () => {
    world.answers = [serverError];
    world.overtake('waiting', { state: 'submitted', uploadId: 'upload-2' });
    await world.submit();
    expect(await world.entry()).toMatchObject({ state: 'submitted', uploadId: 'upload-2' });
  });
});

describe('what came of a call for an entry that was deleted meanwhile', () => {
  let saved: LedgerEntry[];
  const remove = () => {
    world.instead = {
      find: async () => undefined,
      save: async (entry) => {
        if (entry.revision !== 0) return { kind: 'conflict' };
        saved.push(entry);
        return { kind: 'saved', entry };
      },
    };
  };
  beforeEach(() => {
    saved = [];
  });

  it('is recorded in a new entry where it is an acceptance', async () => {
    world.answers = answerAfter(remove, accepted('upload-1'));
    expect(await world.submit()).toMatchObject({ kind: 'submitted' });
    expect(saved).toMatchObject([{ state: 'submitted', uploadId: 'upload-1' }]);
  });

  it('is not recorded where it is anything else', async () => {
    world.answers = answerAfter(remove, serverError);
    await world.submit();
    expect(saved).toEqual([]);
    expect(world.lines('overtaken')).toMatchObject([{ build: 'drop/a.zip@v1', state: 'waiting' }]);
  });
});

describe('what came of a call while the table does not answer', () => {
  it('is recorded as soon as the table answers', async () => {
    let calls = 0;
    world.answers = answerAfter(() => {
      world.onTableCall = () => {
        if (++calls <= 3) throw new LedgerUnavailable('throttled');
      };
    }, accepted('upload-1'));
    expect(await world.submit()).toMatchObject({ kind: 'submitted' });
    expect(await world.entry()).toMatchObject({ state: 'submitted', uploadId: 'upload-1' });
    expect(world.slept).toEqual([100, 200, 400]);
  });

  it.each([
    ['an acceptance for as long as the worker has', accepted('upload-1'), 51_100],
    ['a dead letter for as long as the worker has', notFound, 51_100],
    ['a failure for 5 s at most', serverError, 3_100],
  ])('is tried to be recorded: %s', async (_, answer, ms) => {
    world.answers = answerAfter(throttle, answer);
    await world.submit();
    expect(world.now - START).toBe(ms);
  });

  it.each([
    ['an acceptance', accepted('upload-1')],
    ['a failure', serverError],
  ])('is tried to be recorded for the last time at the deadline: %s', async (_, answer) => {
    world.answers = answerAfter(throttle, answer);
    await world.submit(aBuild(), { deadline: START + 700 });
    expect(world.slept).toEqual([100, 200, 400]);
  });

  it('is in the log, and an acceptance stays one', async () => {
    world.answers = answerAfter(throttle, accepted('upload-1'));
    expect(await world.submit()).toMatchObject({ kind: 'submitted', uploadId: 'upload-1' });
    const fields = { build: 'drop/a.zip@v1', state: 'submitted', uploadId: 'upload-1' };
    const error = 'LedgerUnavailable: throttled';
    expect(world.lines('not-recorded')).toEqual([expect.objectContaining({ level: 'error', ...fields, error })]);
  });
});
