import { describe, expect, it } from 'vitest';
import { readZip } from '../../functions/adapters/zip-content.ts';
import { judged } from '../support/judged.ts';
import { largePackage } from '../support/large-package.ts';
import { CountedFile, rawZip } from '../support/raw-zip.ts';

// Each case takes up to some seconds, which is too long for the mutation run: it leaves this file out.

describe('the content of a large zip', () => {
  it('of 60,000 files is read in a few requests, each byte of the directory once', async () => {
    const file = largePackage(60_000);
    expect((await judged(file)).content).toMatch(/^[0-9a-f]{64}$/);
    expect(file.requests).toBeLessThanOrEqual(6);
    expect(file.bytes).toBeLessThan(11_000_000);
  });

  it.each([
    [31, true],
    [33, false],
  ])('of %i MB is known: %s, because a directory that long belongs to no build', async (mb, isKnown) => {
    const name = 'a'.repeat(1_000);
    const count = Math.floor((mb * 1024 * 1024) / (46 + name.length));
    const file = CountedFile.of(rawZip({ entries: Array.from({ length: count }, () => ({ name })) }));
    const { content, verdict } = await judged(file);
    expect(content !== undefined).toBe(isKnown);
    expect(verdict.warnings.some(({ code }) => code === 'NotJudged')).toBe(!isKnown);
    expect(file.bytes).toBeLessThanOrEqual(36 * 1024 * 1024);
  });

  it('is not looked for in a directory of more than 200,000 files', async () => {
    const entries = Array.from({ length: 200_001 }, (_, number) => ({ name: `${number}` }));
    const file = CountedFile.of(rawZip({ entries, zip64: true }));
    const { content, verdict } = await judged(file);
    expect(content).toBeUndefined();
    expect(verdict).toMatchObject({ refusals: [], warnings: [{ code: 'NotJudged' }] });
    expect(file.requests).toBe(2);
  });
});

describe('a directory that was made to do harm', () => {
  it.each<[string, number, (number: number) => string]>([
    ['of names of 64 KB', 450, (n) => `${n}${'x'.repeat(65_000)}`],
    ['of folders in folders', 450, (n) => `${n}/${'Binaries/'.repeat(7_000)}x`],
    ['of dots', 450, () => './'.repeat(32_000)],
    ['of programs', 100_000, (n) => `${n}.exe`],
    ['of projects', 100_000, (n) => `${n}/${n}.uproject`],
    ['of sources', 100_000, (n) => `${n}/Source/a.cs`],
    ['of the same name', 100_000, () => 'a.exe'],
  ])('%s gets a verdict', async (_, count, nameOf) => {
    const entries = Array.from({ length: count }, (__, number) => ({ name: nameOf(number) }));
    const file = CountedFile.of(rawZip({ entries, zip64: true }));
    const { content, verdict } = await judged(file);
    expect(content).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.stringify(verdict).length).toBeLessThan(2_000);
    expect(file.requests).toBeLessThanOrEqual(12);
  });

  it('is not read while another one is: both might not fit into memory', async () => {
    let reading = 0;
    let most = 0;
    const read = async () => {
      const file = largePackage(45_000);
      const head = await file.head();
      const tail = await file.tail();
      return readZip(file.size, head, tail, async (start, end) => {
        reading += 1;
        most = Math.max(most, reading);
        await new Promise((resolve) => setTimeout(resolve, 5));
        reading -= 1;
        return file.range(start, end);
      });
    };
    const all = await Promise.all([read(), read(), read()]);
    expect(all.map(({ verdict }) => verdict.refusals)).toEqual([[], [], []]);
    expect(most).toBe(1);
  });
});
