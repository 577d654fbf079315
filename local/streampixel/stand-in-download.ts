import { createHash } from 'node:crypto';
import {
  beginsAsZip,
  endsAsZip,
  OBJECTIONS,
  ZIP_HEAD_BYTES,
  ZIP_TAIL_BYTES,
} from '../../functions/streampixel-stand-in/whole-zip.ts';

/** Result of a download. */
export type Download =
  | { readonly kind: 'downloaded'; readonly size: number; readonly sha256: string }
  | { readonly kind: 'unusable'; readonly objection: string };

/** Downloads as Streampixel does, without following redirects. Reads the bytes once and keeps none of them. */
export async function downloadBuild(fileUrl: string, signal: AbortSignal): Promise<Download> {
  try {
    const response = await fetch(fileUrl, { redirect: 'manual', signal });
    if (response.status !== 200) return unusable(OBJECTIONS.status(response.status));
    const hash = createHash('sha256');
    let size = 0;
    let head: Buffer = Buffer.alloc(0);
    let tail: Buffer = Buffer.alloc(0);
    for await (const chunk of response.body ?? []) {
      hash.update(chunk);
      size += chunk.length;
      if (head.length < ZIP_HEAD_BYTES) head = Buffer.concat([head, chunk]);
      tail = Buffer.concat([tail, chunk]).subarray(-ZIP_TAIL_BYTES);
    }
    if (!beginsAsZip(head) || !endsAsZip(tail)) return unusable(OBJECTIONS.notWhole);
    return { kind: 'downloaded', size, sha256: hash.digest('hex') };
  } catch (error) {
    // Without the error's message: it may quote the URL.
    return unusable(OBJECTIONS.brokenOff(error instanceof Error ? error.name : 'unknown error'));
  }
}

function unusable(objection: string): Download {
  return { kind: 'unusable', objection };
}
