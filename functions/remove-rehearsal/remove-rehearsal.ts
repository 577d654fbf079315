import { DeleteObjectsCommand, ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3';
import { DeleteParametersCommand, GetParametersByPathCommand, type SSMClient } from '@aws-sdk/client-ssm';

/** What a rehearsal leaves behind that CloudFormation does not know: the properties of the custom resource. */
export interface RehearsalLeftovers {
  readonly BucketName: string;
  /** Path of the SSM parameters that the operator's tool has written for the rehearsal. */
  readonly ParameterPath: string;
}

/** Deletes every version of every object. @returns how many */
export async function emptyBucket(s3: S3Client, Bucket: string): Promise<number> {
  let deleted = 0;
  for (;;) {
    // From the start each time: what was on the page before is gone.
    const { DeleteMarkers = [], Versions = [] } = await s3
      .send(new ListObjectVersionsCommand({ Bucket }))
      .catch(nothingIf('NoSuchBucket'));
    const Objects = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }));
    if (Objects.length === 0) return deleted;
    const { Errors: [error] = [] } = await s3.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }),
    );
    if (error !== undefined) throw new Error(`S3 deletes not every object of ${Bucket}: ${error.Code}.`);
    deleted += Objects.length;
  }
}

/** Deletes every parameter below a path. @returns how many */
export async function deleteParameters(ssm: SSMClient, Path: string): Promise<number> {
  let deleted = 0;
  for (;;) {
    const { Parameters = [] } = await ssm.send(new GetParametersByPathCommand({ Path, Recursive: true }));
    const Names = Parameters.flatMap(({ Name }) => Name ?? []);
    if (Names.length === 0) return deleted;
    await ssm.send(new DeleteParametersCommand({ Names }));
    deleted += Names.length;
  }
}

function nothingIf(name: string) {
  return (error: unknown): Record<string, never> => {
    if (error instanceof Error && error.name === name) return {};
    throw error;
  };
}
