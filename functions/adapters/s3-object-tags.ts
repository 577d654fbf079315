import { GetObjectTaggingCommand, PutObjectTaggingCommand, type S3Client, type Tag } from '@aws-sdk/client-s3';
import { present } from '../domain/model/optional-fields.ts';
import type { ObjectTags } from '../domain/ports.ts';

/** What S3 allows on one object. */
const MOST_TAGS = 10;

/** Tags of S3 objects. S3 only replaces all of them together, so those that the object has are read first. */
export function createS3ObjectTags(client: S3Client): ObjectTags {
  return {
    async add({ bucket, key, versionId }, tags) {
      const object = { Bucket: bucket, Key: key, ...present({ VersionId: versionId }) };
      const { TagSet = [] } = await client.send(new GetObjectTaggingCommand(object));
      const others = TagSet.filter(({ Key = '' }) => !Object.hasOwn(tags, Key));
      const own: Tag[] = Object.entries(tags).map(([Key, Value]) => ({ Key, Value: allowed(Value) }));
      if (others.length + own.length > MOST_TAGS)
        throw new Error(`The object already has ${others.length} other tags.`);
      await client.send(new PutObjectTaggingCommand({ ...object, Tagging: { TagSet: [...others, ...own] } }));
    },
  };
}

/** S3 takes letters, digits, spaces and + - = . _ : / @, at most 256 of them. */
function allowed(value: string): string {
  return value.replaceAll(/[^\p{L}\p{N}\p{Z}+\-=._:/@]/gu, '_').slice(0, 256);
}
