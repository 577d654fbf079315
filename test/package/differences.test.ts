import { expect, it } from 'vitest';
import type { PackageFacts } from '../../functions/domain/model/package-verdict.ts';
import { type ComparedBuild, differences } from '../../functions/domain/package/differences.ts';

const FACTS: PackageFacts = {
  game: 'MyGame',
  engine: '5',
  configuration: 'Shipping',
  plugin: 'PixelStreaming',
  files: 10,
  unpackedSize: 1_000,
  debugSize: 0,
};
const LIVE: ComparedBuild = { size: 1_000, package: FACTS };

it.each<[string, ComparedBuild, string[]]>([
  ['the same', LIVE, []],
  ['a little larger', { ...LIVE, size: 1_390 }, []],
  ['much larger', { ...LIVE, size: 1_400 }, ['The zip is 40 % larger than the live build.']],
  ['much smaller', { ...LIVE, size: 500 }, ['The zip is 50 % smaller than the live build.']],
  ['of unknown size', { package: FACTS }, []],
  ['not judged', { size: 1_000 }, []],
  [
    'without plugin',
    { ...LIVE, package: { ...FACTS, plugin: 'none' } },
    ['The live build has Pixel Streaming, this one has not.'],
  ],
  ['without manifest', { ...LIVE, package: { ...FACTS, plugin: 'unknown' } }, []],
  [
    'with another plugin',
    { ...LIVE, package: { ...FACTS, plugin: 'PixelStreaming2' } },
    ['The plugin was PixelStreaming, and is PixelStreaming2.'],
  ],
  [
    'of another engine',
    { ...LIVE, package: { ...FACTS, engine: '4' } },
    ['The version of Unreal Engine was 5, and is 4.'],
  ],
  [
    'another game, for tests',
    { ...LIVE, package: { ...FACTS, game: 'Other', configuration: 'Development' } },
    ['The configuration was Shipping, and is Development.', 'The game was MyGame, and is Other.'],
  ],
])('what differs from the live build is said of one that is %s', (_, now, texts) => {
  expect(differences(LIVE, now).map(({ text }) => text)).toEqual(texts);
});

it('nothing differs from a build that nothing is known of', () => {
  expect(differences({}, LIVE)).toEqual([]);
  const { configuration: _, engine: __, game: ___, ...rest } = FACTS;
  const little: ComparedBuild = { ...LIVE, package: { ...rest, plugin: 'unknown' } };
  expect([differences(little, LIVE), differences(LIVE, little)]).toEqual([[], []]);
});

it('a plugin that the live build has not is worth no word', () => {
  expect(differences({ ...LIVE, package: { ...FACTS, plugin: 'none' } }, LIVE)).toEqual([]);
});
