import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { describeError, redact } from '../../functions/domain/model/redaction.ts';
import { PresignedUrl, Secret } from '../../functions/domain/model/secret.ts';
import { fc } from '../support/fast-check.ts';

const SIGNATURE = 'a'.repeat(30) + 'b'.repeat(34);
const URL_TEXT = `https://drop.s3.eu-central-1.amazonaws.com/a.zip?X-Amz-Credential=AKIDEXAMPLE%2F20260421&X-Amz-Signature=${SIGNATURE}`;

describe('redact', () => {
  it.each([
    ['as it is', (key: string) => `you sent ${key}!`],
    ['percent-encoded', (key: string) => `apikey was ${encodeURIComponent(key)}`],
    ['as JSON', (key: string) => JSON.stringify({ body: JSON.stringify({ k: key }) })],
    ['in a text as JSON', (key: string) => JSON.stringify({ message: `the key ${key} is wrong` })],
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

  it('removes a piece of a secret at the end from six characters on, and nothing else', () => {
    const secrets = [new Secret('c4nary-key')];
    expect(redact('you sent c4nary', secrets)).toBe('you sent [secret]');
    expect(redact('you sent c4nar', secrets)).toBe('you sent c4nar');
  });

  it('removes nothing for a secret that is empty', () => {
    expect(redact('No such user', [new Secret('')])).toBe('No such user');
  });

  it.each([
    ['apikey=0123-4567', 'apikey=[secret]'],
    ['{"apiKey":"0123-4567","user":"a"}', '{"apiKey":"[secret]","user":"a"}'],
    ['X-Amz-Signature = 0123-4567 and more', 'X-Amz-Signature = [secret] and more'],
    ['see http://127.0.0.1/a.zip?token=0123', 'see http://127.0.0.1/a.zip?[query]'],
  ])('removes a value and nothing around it: %s', (text, clean) => {
    expect(redact(text)).toBe(clean);
  });

  it('keeps a text of 300 characters whole, without white space around it', () => {
    expect(redact(`\n ${'x'.repeat(300)} `)).toBe('x'.repeat(300));
    expect(redact('x'.repeat(301))).toBe(`${'x'.repeat(299)}…`);
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

  it('are shown as what they are', () => {
    expect([`${secret}`, JSON.stringify(secret), inspect(secret)]).toEqual(['[secret]', '"[secret]"', '[secret]']);
    expect([JSON.stringify(url), inspect(url)]).toEqual([`"${url}"`, `${url}`]);
  });

  it('are returned by reveal alone', () => {
    expect(secret.reveal()).toBe('c4nary');
    expect(url.reveal()).toBe(URL_TEXT);
    expect(`${url}`).toBe('https://drop.s3.eu-central-1.amazonaws.com/a.zip?[presigned]');
  });

  it('cuts no character in half: no service takes half of one', () => {
    for (let length = 290; length < 300; length++)
      expect(redact(`${'x'.repeat(length)}${'🎮'.repeat(20)}`).isWellFormed()).toBe(true);
  });
});
