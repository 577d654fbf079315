import { exchange, type HttpExchange } from '../adapters/http-exchange.ts';
import { beginsAsZip, endsAsZip, OBJECTIONS, ZIP_HEAD_BYTES, ZIP_TAIL_BYTES } from './whole-zip.ts';

/** Result of a download. */
export type Download =
  /** In bytes, where the server says it. */
  { readonly kind: 'downloaded'; readonly size: number } | { readonly kind: 'unusable'; readonly objection: string };

/**
 * Downloads the two ends of a build, without following redirects: a function has no time and no room for 30 GB. Of a server that
 * knows no ranges, which sends all of it, only the first bytes are read.
 *
 * @param timeoutMs for each of the two
 */
export async function downloadEnds(fileUrl: string, timeoutMs: number): Promise<Download> {
  const head = await range(fileUrl, `0-${ZIP_HEAD_BYTES - 1}`, ZIP_HEAD_BYTES, timeoutMs);
  if (head.kind !== 'answered') return unusable(OBJECTIONS.brokenOff(head.detail));
  if (head.status !== 200 && head.status !== 206) return unusable(OBJECTIONS.status(head.status));
  if (!beginsAsZip(head.body)) return unusable(OBJECTIONS.notWhole);
  if (head.status === 200) return { kind: 'downloaded', size: Number(head.headers['content-length']) };
  const tail = await range(fileUrl, `-${ZIP_TAIL_BYTES}`, ZIP_TAIL_BYTES, timeoutMs);
  if (tail.kind !== 'answered') return unusable(OBJECTIONS.brokenOff(tail.detail));
  if (tail.status !== 206) return unusable(OBJECTIONS.status(tail.status));
  if (tail.extent !== 'whole' || !endsAsZip(tail.body)) return unusable(OBJECTIONS.notWhole);
  return { kind: 'downloaded', size: Number(tail.headers['content-range']?.split('/').at(-1)) };
}

function range(url: string, wanted: string, maxBytes: number, timeoutMs: number): Promise<HttpExchange> {
  const headers = { range: `bytes=${wanted}` };
  return exchange({ method: 'GET', url, headers, maxBytes, deadline: Date.now() + timeoutMs }, { now: Date.now });
}

function unusable(objection: string): Download {
  return { kind: 'unusable', objection };
}
