import { describe, expect, it } from 'vitest';
import { CONFIGURATIONS } from '../../functions/domain/model/package-verdict.ts';
import { UE5 } from '../package/corpus.ts';
import { fc, RUNS, SEARCH, SEARCH_TIMEOUT, SEED } from '../support/fast-check.ts';
import { judged } from '../support/judged.ts';
import { pack, type RawEntry, type RawZip, rawZip } from '../support/raw-zip.ts';

function check<T>(arbitrary: fc.Arbitrary<T>, property: (value: T) => Promise<void>): Promise<void> {
  return fc.assert(fc.asyncProperty(arbitrary, property), SEARCH);
}

type ValueOf<A> = A extends fc.Arbitrary<infer T> ? T : never;

const NAME = fc
  .stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,20}$/)
  .filter((name) => !/^(?:engine|con|prn|aux|nul|com\d|lpt\d|.*(?:Shipping|Test|Debug|DebugGame))$/i.test(name));
/** Also games that have the name of a program that is none elsewhere. */
const GAME = fc.oneof(
  { weight: 4, arbitrary: NAME },
  fc.constantFrom('Engine', 'dotnet', 'DotNetRacer', 'CrashReportClient', 'CrashReporterVR', 'unins000', 'DXSetup'),
);

/** Files as Unreal Engine packages them, with whatever else a game may bring along. */
const packages = fc.record({
  game: GAME,
  folder: fc.constantFrom('', 'Engine/', 'Windows/', 'WindowsNoEditor/', 'My Build 1.2/'),
  configuration: fc.constantFrom(...CONFIGURATIONS),
  more: fc.uniqueArray(fc.tuple(NAME, fc.constantFrom('.dll', '.txt', '.ini', '.pak', '.png', '')), {
    maxLength: 8,
    selector: ([name]) => name.toLowerCase(),
  }),
  hasManifest: fc.boolean(),
  isReversed: fc.boolean(),
});

/** How a tool may write the same files. */
const writers = fc.record({
  method: fc.constantFrom(0, 8),
  zip64: fc.boolean(),
  flags: fc.constantFrom(0, 0x800, 0x808),
  comment: fc.stringMatching(/^[a-z ]{0,100}$/),
  folders: fc.boolean(),
});

function entriesOf({
  configuration,
  folder,
  game,
  hasManifest,
  isReversed,
  more,
}: ValueOf<typeof packages>): RawEntry[] {
  const suffix = configuration === 'Development' ? '' : `-Win64-${configuration}`;
  const names = [
    `${game}.exe`,
    `${game}/Binaries/Win64/${game}${suffix}.exe`,
    `${game}/Content/Paks/${game}-Windows.pak`,
    'Engine/Extras/Redist/en-us/UEPrereqSetup_x64.exe',
    ...more.map(([name, end]) => `${game}/Content/Extra/${name}${end}`),
    ...(hasManifest ? ['Manifest_UFSFiles_Win64.txt'] : []),
  ];
  const entries = names.map((name) => ({ name: `${folder}${name}`, content: name }));
  return isReversed ? entries.reverse() : entries;
}
function written(
  entries: readonly RawEntry[],
  { comment, flags, folders, method, zip64 }: ValueOf<typeof writers>,
): Buffer {
  const all = [...(folders ? [{ name: 'Windows/' }] : []), ...entries.map((entry) => ({ ...entry, method, flags }))];
  return rawZip({ entries: all, zip64, comment: Buffer.from(comment) });
}

describe(`zips (seed ${SEED}, ${RUNS} runs)`, SEARCH_TIMEOUT, () => {
  it('of good packages are never refused, by whatever tool they are written', () =>
    check(fc.tuple(packages, writers), async ([sample, writer]) => {
      const { content, verdict } = await judged(written(entriesOf(sample), writer));
      expect(verdict.refusals).toEqual([]);
      expect(verdict.facts).toMatchObject({ game: sample.game, configuration: sample.configuration });
      expect(content).toBeDefined();
    }));

  it('that are cut anywhere are never taken for whole', () =>
    check(
      fc.tuple(packages, writers, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })),
      async ([sample, writer, share]) => {
        const whole = written(entriesOf(sample), writer);
        const cut = whole.subarray(0, Math.floor(share * whole.length));
        const { content, verdict } = await judged(cut);
        // What is cut of the comment alone takes nothing from the zip.
        if (cut.length > whole.length - writer.comment.length - 1) return;
        expect(content).toBeUndefined();
        expect(verdict.refusals[0]?.code).toMatch(/^(?:NotAZip|ZipDamaged)$/);
      },
    ));

  it('with any bytes in their end and directory get a verdict, in bounded reads', () =>
    check(
      fc.tuple(
        fc.array(fc.tuple(fc.nat(2_000), fc.nat(255)), { minLength: 1, maxLength: 12 }),
        fc.boolean(),
        fc.boolean(),
      ),
      async ([changes, zip64, isDeflated]) => {
        const zip = rawZip({ entries: smallEntries(isDeflated ? 8 : 0), zip64 });
        for (const [fromEnd, byte] of changes)
          zip.writeUInt8(byte, Math.max(0, zip.length - 1 - (fromEnd % zip.length)));
        const { verdict } = await judged(zip);
        expect(JSON.stringify(verdict).length).toBeLessThan(20_000);
      },
    ));

  it('whose end record says anything at all get a verdict', () => {
    const number = fc.oneof(
      fc.nat(3_000),
      fc.constantFrom(0xffff, 0xffffffff, 2 ** 31, 2 ** 52, Number.MAX_SAFE_INTEGER),
    );
    const ends = fc.record({
      entries: number,
      directorySize: number,
      directoryOffset: number,
      disk: fc.constantFrom(0, 0, 0, 1, 0xffff),
    });
    const parts = fc.record({
      end: ends,
      zip64: fc.boolean(),
      before: fc.uint8Array({ maxLength: 300 }),
      behind: fc.uint8Array({ maxLength: 300 }),
    });
    return check(parts, async ({ before, behind, end, zip64 }) => {
      const zip: RawZip = {
        entries: smallEntries(0),
        end,
        zip64,
        before: Buffer.from(before),
        behind: Buffer.from(behind),
      };
      const { content, verdict } = await judged(rawZip(zip));
      expect(content === undefined || /^[0-9a-f]{64}$/.test(content)).toBe(true);
      expect(verdict.refusals.length + verdict.warnings.length).toBeGreaterThanOrEqual(0);
    });
  });

  it('are never taken for the same content where a byte of a name, a size or a checksum is another one', async () => {
    for (const zip64 of [false, true]) {
      const zip = rawZip({ entries: smallEntries(8), zip64 });
      const { content } = await judged(zip);
      expect(content).toBeDefined();
      const first = zip.indexOf(pack('4', 0x02014b50));
      for (let at = first; at < zip.length; at++) {
        const changed = Buffer.from(zip);
        changed.writeUInt8(changed.readUInt8(at) ^ 0xff, at);
        const other = await judged(changed);
        if (isContent(zip, at)) expect([at, other.content === content]).toEqual([at, false]);
      }
    }
  });
});

function smallEntries(method: number): RawEntry[] {
  return Object.entries(UE5).map(([name, content]) => ({ name, content: String(content), method }));
}

/** Whether a byte belongs to what says the content of an entry. */
function isContent(zip: Buffer, at: number): boolean {
  const header = zip.lastIndexOf(pack('4', 0x02014b50), at);
  if (header < 0) return false;
  const within = at - header;
  const nameLength = zip.readUInt16LE(header + 28);
  return (within >= 16 && within < 28) || (within >= 46 && within < 46 + nameLength);
}
