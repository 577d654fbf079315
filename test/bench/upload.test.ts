import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { measureUpload } from '../../bench/upload.ts';

// How long it takes is measured by the benchmark only.
it('uploads the same bytes with push, with push of a folder, and with another tool', { timeout: 300_000 }, async ({
  onTestFinished,
}) => {
  const directory = mkdtempSync(join(tmpdir(), 'streampixel-drop-upload-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const { connections, rival } = await measureUpload(directory, 20_000_000, 1);
  expect(rival).toMatch(/^(aws s3 cp|lib-storage)$/);
  const usage = { seconds: { median: expect.any(Number) }, peakMemoryMB: expect.any(Number) };
  expect(connections.at(-1)).toMatchObject({
    connection: 'plain HTTP',
    ...{ push: usage, rival: usage, pushFolder: usage },
    ratio: expect.any(Number),
  });
});
