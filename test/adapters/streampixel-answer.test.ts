import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { HttpAnswer } from '../../functions/adapters/http-exchange.ts';
import {
  type Answer,
  commonAnswer,
  isOk,
  isWhole,
  readAnswer,
  reasonFor401,
} from '../../functions/adapters/streampixel-answer.ts';

function answered(body: string | Buffer, changes: Partial<HttpAnswer> = {}): HttpAnswer {
  return {
    kind: 'answered',
    status: 200,
    headers: {},
    body: Buffer.from(body),
    extent: 'whole',
    sentAt: 0,
    ...changes,
  };
}
const read = (body: string, extent: HttpAnswer['extent']) => readAnswer(answered(body, { extent }), 4_096, []);

describe('an answer', () => {
  it.each<[string, HttpAnswer['extent'], boolean]>([
    ['{"message":"a"}', 'whole', false],
    ['{"message":"a"}', 'unproven', false],
    ['{"message":', 'whole', true],
    [' \n {"message":', 'whole', true],
    ['{"message":', 'too-long', false],
    ['Invalid', 'whole', false],
    ['see {a}', 'whole', false],
    ['Invalid', 'unproven', true],
    ['a < b', 'unproven', true],
    // A gateway's page.
    ['<html>', 'unproven', false],
    [' \n <html>', 'unproven', false],
  ])('%j that is %s may have been meant to have more: %s', (body, extent, isCutOff) => {
    expect(read(body, extent).isCutOff).toBe(isCutOff);
  });

  it.each(['7', 'null', '"text"', 'text', ''])('has no fields where it is %j', (body) => {
    expect(read(body, 'whole').json).toBeUndefined();
    expect(isWhole(answered(body))).toBe(false);
  });

  it('is whole with its last brace, in a coding too', () => {
    const headers = { 'content-encoding': 'gzip' };
    expect(isWhole(answered('{"a":1}'))).toBe(true);
    expect(isWhole(answered(gzipSync('{"a":1}'), { headers }))).toBe(true);
    expect(isWhole(answered('{"a":1'))).toBe(false);
    expect(isWhole(answered('no gzip', { headers: { 'content-encoding': 'br' } }))).toBe(false);
  });

  it('is one of success from 200 to 299', () => {
    const { detail } = read('', 'whole');
    const statuses = [199, 200, 299, 300, 404];
    expect(statuses.filter((status) => isOk({ ...read('', 'whole'), status }))).toEqual([200, 299]);
    expect(isOk({ detail })).toBe(false);
  });

  it.each([
    [150, 'lost'],
    [300, 'refused'],
    [399, 'refused'],
    [502, 'lost'],
    [500, 'failed'],
  ])('of HTTP %d is %s', (status, kind) => {
    const answer: Answer = { ...read('text', 'whole'), status };
    expect(commonAnswer(answer, '/login').kind).toBe(kind);
  });

  it('of HTTP 400 is no redirect', () => {
    expect(commonAnswer({ ...read('text', 'whole'), status: 400 }, '/login')).toMatchObject({ detail: 'text' });
    expect(commonAnswer({ ...read('text', 'whole'), status: 399 }, '/login').detail).toContain('/login');
  });

  it('names the key as it likes', () => {
    for (const text of ['Invalid API Key', 'invalid api_key', 'Invalid api-key', 'Invalid ApiKey'])
      expect(reasonFor401(text)).toBe('InvalidApiKey');
  });
});
