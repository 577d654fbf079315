import { describe, expect, it } from 'vitest';
import { eventDetail } from '../../functions/domain/notify/build-events.ts';
import { aBuild, ROUTE, START } from '../support/world.ts';

const at = START;
const { userId, projectId } = ROUTE;
const common = { schemaVersion: 1, at: '2026-04-21T12:00:00.000Z' };

describe('the detail of an event', () => {
  it('names the build, its user and its project beside the facts', () => {
    const subject = { build: aBuild({ size: 7 }), userId, projectId };
    expect(eventDetail({ name: 'Build Rejected', at, subject, uploadId: 'upload-1', objection: 'No.' })).toEqual({
      ...common,
      build: {
        id: 'drop/a.zip@v1',
        bucket: 'drop',
        key: 'a.zip',
        versionId: 'v1',
        size: 7,
        droppedAt: '2026-04-21T12:00:00.000Z',
      },
      userId,
      projectId,
      uploadId: 'upload-1',
      objection: 'No.',
    });
  });

  it('leaves out what is not known of a message that is no build', () => {
    const facts = { deadLetterId: 'id-1', reason: 'UnrecognisedMessage', detail: 'words', attempts: 0 } as const;
    const event = { name: 'Build Dead-Lettered', at, subject: {}, possiblyDoubled: false, ...facts } as const;
    expect(eventDetail(event)).toStrictEqual({ ...common, possiblyDoubled: false, ...facts });
  });

  it('has only its facts where the event is not about a build', () => {
    const facts = { parameter: '/studio/api-key', version: 3, userId, waiting: 4 };
    expect(eventDetail({ name: 'Api Key Rejected', at, ...facts })).toStrictEqual({ ...common, ...facts });
  });
});
