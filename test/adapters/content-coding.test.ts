import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeText } from '../../functions/adapters/content-coding.ts';

const TEXT = '{"event":"build.approved"}';
const LIMIT = 1_000;

describe('the text of a body', () => {
  it.each(['identity', 'none', 'utf-8', 'UTF-8', 'identity, none, utf-8', ' , '])(
    'is its bytes where the coding is "%s"',
    (coding) => {
      expect(decodeText(Buffer.from(TEXT), coding, LIMIT)).toEqual({ text: TEXT });
    },
  );

  it('is read through three codings, the last one first, and not through four', () => {
    const three = deflateSync(brotliCompressSync(gzipSync(TEXT)));
    expect(decodeText(three, 'gzip, br, deflate', LIMIT)).toEqual({ text: TEXT });
    const four = gzipSync(three);
    expect(decodeText(four, 'gzip, br, deflate, gzip', LIMIT)).toEqual({ problem: 'in an unknown coding' });
  });

  it.each([undefined, 'gzip', 'deflate', 'br'])('is empty where there are no bytes, with the coding %s', (coding) => {
    expect(decodeText(Buffer.alloc(0), coding, LIMIT)).toEqual({ text: '' });
  });

  it('is decoded by what is named, and by nothing else', () => {
    expect(decodeText(gzipSync(TEXT), 'x-gzip', LIMIT)).toEqual({ text: TEXT });
    expect(decodeText(gzipSync(TEXT), 'gx-zip', LIMIT)).toEqual({ problem: 'in an unknown coding' });
    expect(decodeText(gzipSync(TEXT), 'identity', LIMIT).text).not.toBe(TEXT);
  });

  it('may be as long as the limit and no longer, in a coding too', () => {
    for (const body of [Buffer.from(TEXT), gzipSync(TEXT)]) {
      expect(decodeText(body, undefined, TEXT.length)).toEqual({ text: TEXT });
      expect(decodeText(body, undefined, TEXT.length - 1)).toEqual({ problem: 'too long' });
    }
  });

  it.each<[string, Buffer, string]>([
    ['the first byte of gzip', Buffer.from('\x1fabc'), '\x1fabc'],
    ['the second byte of gzip in second place', Buffer.from('\u024babc'), '\u024babc'],
    ['half a byte order mark', Buffer.from([0xff, 0x61]), '\ufffda'],
    ['half of the other one', Buffer.from([0xfe, 0x61]), '\ufffda'],
    ['the second byte of a byte order mark', Buffer.from([0x61, 0xfe]), 'a\ufffd'],
    ['the second byte of the other one', Buffer.from([0x61, 0xff]), 'a\ufffd'],
  ])('is not decoded for %s alone', (_, body, text) => {
    expect(decodeText(body, undefined, LIMIT)).toEqual({ text });
  });

  it('is read from deflate without a wrapper that has the method of zlib in its first byte, but not its sum', () => {
    const length = TEXT.length;
    // A block that is stored as it is, whose padding is not zero, and an empty one that ends it.
    const body = Buffer.concat([
      Buffer.from([0x08, length, 0, 255 - length, 255]),
      Buffer.from(TEXT),
      deflateRawSync(''),
    ]);
    expect(body.readUInt16BE(0) % 31).not.toBe(0);
    expect(decodeText(body, 'deflate', LIMIT)).toEqual({ text: TEXT });
  });

  it('is read from deflate without a wrapper that has the sum of zlib in its first bytes, but not its method', () => {
    const text = 'x'.repeat(23);
    const body = deflateRawSync(text, { level: 0 });
    expect(body.readUInt16BE(0) % 31).toBe(0);
    expect(decodeText(body, 'deflate', LIMIT)).toEqual({ text });
  });
});
