import {
  GetObjectTaggingCommand,
  type GetObjectTaggingCommandInput,
  PutObjectTaggingCommand,
  type PutObjectTaggingCommandInput,
  type S3Client,
  type Tag,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { createS3ObjectTags } from '../../functions/adapters/s3-object-tags.ts';
import { aBuild } from '../support/world.ts';

/** S3's tags of one object. */
function given(tags: Tag[] | undefined, fails?: 'get' | 'put') {
  const asked: GetObjectTaggingCommandInput[] = [];
  const put: PutObjectTaggingCommandInput[] = [];
  const send = async (command: unknown) => {
    if (command instanceof GetObjectTaggingCommand) {
      if (fails === 'get') throw new Error('AccessDenied');
      asked.push(command.input);
      return tags === undefined ? {} : { TagSet: tags };
    }
    if (!(command instanceof PutObjectTaggingCommand)) throw new Error('another command');
    if (fails === 'put') throw new Error('AccessDenied');
    put.push(command.input);
    return {};
  };
  return { tags: createS3ObjectTags({ send } as unknown as S3Client), asked, put };
}

const OWN = { 'streampixel-status': 'approved', 'streampixel-upload-id': 'upload-1' };
const ownSet = [
  { Key: 'streampixel-status', Value: 'approved' },
  { Key: 'streampixel-upload-id', Value: 'upload-1' },
];
const others = (count: number) => Array.from({ length: count }, (_, n) => ({ Key: `other-${n}`, Value: `${n}` }));

describe('the tags of an object', () => {
  it.each<[string, Tag[] | undefined]>([
    ['none', []],
    ['no set at all', undefined],
  ])('are added where there are %s, on the very version', async (_, before) => {
    const { tags, asked, put } = given(before);
    await tags.add(aBuild({ key: 'games/ü +.zip', versionId: 'v7' }), OWN);
    const object = { Bucket: 'drop', Key: 'games/ü +.zip', VersionId: 'v7' };
    expect(asked).toEqual([object]);
    expect(put).toEqual([{ ...object, Tagging: { TagSet: ownSet } }]);
  });

  it('name no version where the bucket keeps none', async () => {
    const { versionId: _, ...build } = aBuild();
    const { tags, asked, put } = given([]);
    await tags.add(build, OWN);
    expect(asked[0]).not.toHaveProperty('VersionId');
    expect(put[0]).not.toHaveProperty('VersionId');
  });

  it('keep those of others, and take the place of our own', async () => {
    const { tags, put } = given([
      { Key: 'team', Value: 'red' },
      { Key: 'streampixel-status', Value: 'submitted' },
      { Key: 'toString', Value: 'x' },
    ]);
    await tags.add(aBuild(), OWN);
    expect(put[0]?.Tagging?.TagSet).toEqual([
      { Key: 'team', Value: 'red' },
      { Key: 'toString', Value: 'x' },
      ...ownSet,
    ]);
  });

  it('are ten at most: those of others are not lost for ours', async () => {
    const eight = given(others(8));
    await eight.tags.add(aBuild(), OWN);
    expect(eight.put[0]?.Tagging?.TagSet).toHaveLength(10);

    const nine = given(others(9));
    await expect(nine.tags.add(aBuild(), OWN)).rejects.toThrow('The object already has 9 other tags.');
    expect(nine.put).toEqual([]);
  });

  it('hold only what S3 takes, and no more of it', async () => {
    const { tags, put } = given([]);
    await tags.add(aBuild(), { a: 'ok-1_2.3:4/5@6+7=8 ü名', b: 'a?b&c<d>\n"e"#f', c: 'x'.repeat(300) });
    expect(put[0]?.Tagging?.TagSet?.map(({ Value }) => Value)).toEqual([
      'ok-1_2.3:4/5@6+7=8 ü名',
      'a_b_c_d___e__f',
      'x'.repeat(256),
    ]);
  });

  it.each(['get', 'put'] as const)('are an error where S3 refuses to %s them', async (fails) => {
    const { tags, put } = given([], fails);
    await expect(tags.add(aBuild(), OWN)).rejects.toThrow('AccessDenied');
    expect(put).toEqual([]);
  });
});
