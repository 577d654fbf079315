import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeError, redact } from '../../functions/domain/model/redaction.ts';
import { PresignedUrl, Secret } from '../../functions/domain/model/secret.ts';

const SIGNATURE = 'a'.repeat(30) + 'b'.repeat(34);
const URL_TEXT = `https://drop.s3.eu-central-1.amazonaws.com/a.zip?X-Amz-Credential=AKIDEXAMPLE%2F20260421&X-Amz-Signature=${SIGNATURE}`;

describe('redact', () => {
  it.each([
    ['as it is', (key: string) => `you sent ${key}!`],
    ['percent-encoded', (key: string) => `apikey was ${encodeURIComponent(key)}`],
    ['as JSON', (key: string) => JSON.stringify({ body: JSON.stringify({ k: key }) })],
    ['cut off at the end', (key: string) => `you sent ${key.slice(0, 12)}`],
  ])('removes a secret %s', (_, spell) => {
    const key = 'c4nary/"key"+with&odd=signs';
    const clean = redact(spell(key), [new Secret(key)]);
    expect(clean).not.toContain('c4nary');
  });

  it('removes the query of a URL and keeps its path', () => {
    const clean = redact(`could not fetch <${URL_TEXT}>`);
    expect(clean).toBe('could not fetch <https://drop.s3.eu-central-1.amazonaws.com/a.zip?[query]>');
  });

  it.each([
    ['a bare signature', SIGNATURE],
    ['signed parameters without their URL', `X-Amz-Signature=${SIGNATURE.slice(0, 20)}`],
    ['signed parameters as JSON', `{"X-Amz-Security-Token":"${SIGNATURE.slice(0, 20)}"}`],
    ['percent-encoded parameters', `X-Amz-Credential%3D${SIGNATURE.slice(0, 20)}`],
    ['a lower-case apikey parameter', `apikey=${SIGNATURE.slice(0, 20)}`],
  ])('removes %s', (_, text) => {
    expect(redact(text)).not.toContain(SIGNATURE.slice(0, 20));
  });

  it('collapses white space and shortens a page of HTML to a few lines', () => {
    const clean = redact(`<html>\n\n  <body>${'words '.repeat(500)}</body></html>`);
    expect(clean.length).toBeLessThanOrEqual(300);
    expect(clean.startsWith('<html> <body>words words')).toBe(true);
  });

  it('removes a secret of eight characters or more, wherever it is', () => {
    const secret = fc.string({ minLength: 8, maxLength: 40, unit: fc.constantFrom(...'abcdef0123456789') });
    fc.assert(
      fc.property(secret, fc.string(), fc.string(), (value, before, after) => {
        expect(redact(`${before} ${value} ${after}`, [new Secret(value)])).not.toContain(value);
      }),
    );
  });
});

describe('describeError', () => {
  it('keeps name and message and no other field of the error', () => {
    const error = Object.assign(new TypeError(`fetch of ${URL_TEXT} failed`), { request: { body: 'c4nary' } });
    expect(describeError(error)).toBe(
      'TypeError: fetch of https://drop.s3.eu-central-1.amazonaws.com/a.zip?[query] failed',
    );
  });
});

describe('secrets', () => {
  const secret = new Secret('c4nary');
  const url = new PresignedUrl(URL_TEXT, 0);

  it.each([
    ['template', (value: unknown) => `${value}`],
    ['JSON', (value: unknown) => JSON.stringify({ value })],
    ['inspection', (value: unknown) => inspect({ value }, { depth: 5, showHidden: true })],
    ['concatenation', (value: unknown) => `${''}${value as string}`],
    ['spreading', (value: unknown) => JSON.stringify({ ...(value as object) })],
  ])('are not shown by %s', (_, show) => {
    expect(show(secret)).not.toContain('c4nary');
    expect(show(url)).not.toMatch(/Signature|AKID/);
  });

  it('are returned by reveal alone', () => {
    expect(secret.reveal()).toBe('c4nary');
    expect(url.reveal()).toBe(URL_TEXT);
    expect(`${url}`).toBe('https://drop.s3.eu-central-1.amazonaws.com/a.zip?[presigned]');
  });
});
