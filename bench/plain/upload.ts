import { createReadStream } from 'node:fs';
import { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';

/** Uploads a file as the SDK's own library does: `upload.ts FILE BUCKET KEY`. */
const [path = '', Bucket = '', Key = ''] = process.argv.slice(2);
const client = new S3Client({ forcePathStyle: true });
await new Upload({ client, params: { Bucket, Key, Body: createReadStream(path) } }).done();
