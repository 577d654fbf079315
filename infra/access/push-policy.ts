import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { buildItemKey, LEDGER_TABLE, liveItemKey, webhookItemKey } from '../../functions/adapters/ledger-table.ts';
import { acknowledgeWildcard } from '../acknowledge.ts';
import { deployedStack } from '../drop-names.ts';
import type { Permission } from '../lambda/worker-function.ts';
import { LISTED_OUTPUTS } from '../limits.ts';
import type { Resources } from '../resources.ts';
import { BUILD_SUFFIX } from '../storage/drop-bucket.ts';
import { arn } from './arn.ts';
import { viaService } from './kms-key.ts';
import { useLedgerKey } from './permissions.ts';

export interface PushPolicyProps extends Pick<Resources, 'bucket' | 'ledger' | 'settings'> {
  /** Whether the bucket is not the drop's own, and may keep no versions. */
  readonly isExistingBucket: boolean;
}

/** What a build machine may do: `push` and `push --follow`, and nothing else. */
export class PushPolicy extends Construct {
  readonly policy: ManagedPolicy;

  constructor(scope: Construct, id: string, props: PushPolicyProps) {
    super(scope, id);
    this.policy = new ManagedPolicy(this, 'Policy', { description: 'Drop builds and follow them: for build machines' });
    for (const { why, ...statement } of permissionsToPush(this, props)) {
      this.policy.addStatements(new PolicyStatement(statement));
      if (why !== undefined)
        for (const resource of statement.resources) acknowledgeWildcard(this.policy, resource, why);
    }
  }
}

function permissionsToPush(
  scope: Construct,
  { bucket, isExistingBucket, ledger, settings }: PushPolicyProps,
): readonly Permission[] {
  const projects = [...new Set(settings.routes.map(({ projectId }) => projectId))];
  // A managed policy ends at 6,144 characters.
  const ofProjects = projects.length > LISTED_OUTPUTS ? ['*'] : projects;
  return [
    {
      sid: 'FindTheDrop',
      actions: ['cloudformation:DescribeStacks'],
      resources: [arn('cloudformation', `stack/${deployedStack(scope).stackName}/*`)],
      why: 'A stack of this name has another id once it is made again.',
    },
    {
      sid: 'DropBuilds',
      // GetObject is for HEAD: whether the build has arrived, where S3's last answer was lost.
      actions: ['s3:PutObject', 's3:ListMultipartUploadParts', 's3:GetObject'],
      resources: [`${bucket.bucketArn}/${settings.prefix}*${BUILD_SUFFIX}`],
      why: 'The person who drops a build chooses its key: only its prefix and its end are known.',
    },
    // To continue after an interruption.
    { sid: 'FindUnfinishedUploads', actions: ['s3:ListBucketMultipartUploads'], resources: [bucket.bucketArn] },
    {
      sid: 'FollowBuilds',
      actions: ['dynamodb:GetItem'],
      resources: [ledger.table.tableArn],
      conditions: {
        'ForAllValues:StringLike': {
          'dynamodb:LeadingKeys': [
            buildItemKey(`${bucket.bucketName}/${settings.prefix}*`),
            ...ofProjects.flatMap((projectId) => [liveItemKey(projectId), webhookItemKey(projectId)]),
          ],
        },
      },
    },
    ...useLedgerKey(ledger, 'read'),
    ...(isExistingBucket
      ? [
          {
            // Without versions a build is found by its bytes.
            sid: 'FindBuildsWithoutVersion',
            actions: ['dynamodb:Query'],
            resources: [`${ledger.table.tableArn}/index/${LEDGER_TABLE.byState.indexName}`],
          },
        ]
      : []),
    ...(bucket.kmsKey === undefined
      ? []
      : [
          {
            sid: 'EncryptBuilds',
            // Decrypt is for an upload in parts, too. Source: "Uploading objects using multipart upload and AWS KMS".
            actions: ['kms:GenerateDataKey', 'kms:Decrypt'],
            resources: [bucket.kmsKey.keyArn],
            conditions: { StringEquals: viaService('s3') },
          },
        ]),
  ];
}
