import zlib from 'node:zlib';

type Decoder = (body: Buffer, options: zlib.ZlibOptions) => Buffer;

const DECODERS: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  ['identity', (body) => body],
  // No codings, but sent all the same.
  ['none', (body) => body],
  ['utf-8', (body) => body],
  // A proxy may have decoded it and kept the header.
  ['gzip', (body, options) => (isGzip(body) ? zlib.gunzipSync(body, options) : body)],
  // Half of the senders leave out the wrapper of zlib, which is known by its first two bytes (RFC 1950).
  ['deflate', (body, options) => (isZlib(body) ? zlib.inflateSync : zlib.inflateRawSync)(body, options)],
  ['br', (body, options) => zlib.brotliDecompressSync(body, options)],
]);

/** As many as are ever stacked; each one more is a further bomb. */
const MOST_CODINGS = 3;

/** The text of a body, or why there is none. */
export type DecodedText =
  | { readonly text: string; readonly problem?: undefined }
  | { readonly text?: undefined; readonly problem: 'broken or cut off' | 'too long' | 'in an unknown coding' };

/**
 * Reads the text of a body as its sender encoded it, whether or not a coding was asked for; without a byte order mark.
 *
 * @param contentEncoding the header, several codings with commas, in the order in which they were applied
 * @param maxBytes of the decoded body
 */
export function decodeText(body: Buffer, contentEncoding: string | undefined, maxBytes: number): DecodedText {
  const named = (contentEncoding ?? '').toLowerCase().split(',');
  const codings = named.map((name) => name.trim().replace(/^x-/, '')).filter((name) => name !== '');
  // No text begins like this.
  if (codings.length === 0 && isGzip(body)) codings.push('gzip');
  if (codings.length > MOST_CODINGS) return { problem: 'in an unknown coding' };
  if (body.length === 0) return { text: '' };
  let decoded = body;
  for (const coding of codings.reverse()) {
    const decode = DECODERS.get(coding);
    if (decode === undefined) return { problem: 'in an unknown coding' };
    try {
      decoded = decode(decoded, { maxOutputLength: maxBytes });
    } catch (error) {
      const isTooLong = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
      return { problem: isTooLong ? 'too long' : 'broken or cut off' };
    }
  }
  if (decoded.length > maxBytes) return { problem: 'too long' };
  return { text: new TextDecoder(charsetOf(decoded)).decode(decoded) };
}

function isGzip(body: Buffer): boolean {
  return body[0] === 0x1f && body[1] === 0x8b;
}

function isZlib(body: Buffer): boolean {
  const [method = 0, flags = 0] = body;
  return (method & 0x0f) === 8 && (method * 256 + flags) % 31 === 0;
}

/** By the byte order mark, which the decoder then leaves out. */
function charsetOf([first, second]: Buffer): string {
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  return first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
}
