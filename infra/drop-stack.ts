import { Annotations, Stack } from 'aws-cdk-lib';
import { Table } from 'aws-cdk-lib/aws-dynamodb';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { operatorCommands } from '../functions/domain/notify/operator-commands.ts';
import type { StreampixelDropProps } from './drop-props.ts';
import { LOCAL_PORT_CONTEXT } from './local-port.ts';
import { sampleIds } from './settings/checks.ts';
import { rehearsalName } from './settings/rehearsal.ts';
import type { Settings } from './settings/schema.ts';
import { StreampixelDrop } from './streampixel-drop.ts';

/** The stack of this project's app: one drop, made from the settings. */
export class DropStack extends Stack {
  /** @param localPort of the emulator that the stack is for; the commands that are printed act on AWS without it */
  constructor(scope: Construct, settings: Settings, localPort?: number) {
    const { bucketKmsKeyArn, bucketName, ledgerTableName, stackName, ...same } = settings;
    super(scope, settings.rehearsal ? rehearsalName(stackName) : stackName, {
      description: 'streampixel-drop: takes Unreal Engine builds from S3 to Streampixel',
    });
    if (localPort !== undefined) this.node.setContext(LOCAL_PORT_CONTEXT, localPort);
    const props: StreampixelDropProps = {
      ...same,
      name: stackName,
      ...(bucketName && { bucket: Bucket.fromBucketName(this, 'ExistingBucket', bucketName) }),
      ...(bucketKmsKeyArn && { bucketKmsKey: Key.fromKeyArn(this, 'ExistingBucketKey', bucketKmsKeyArn) }),
      ...(ledgerTableName && { ledgerTable: Table.fromTableName(this, 'ExistingLedger', ledgerTableName) }),
    };
    // CDK leaves this id out of logical ids, so that those of deployed stacks stay.
    new StreampixelDrop(this, 'Default', props);
    const samples = sampleIds(settings);
    if (samples.length > 0 && !settings.rehearsal) {
      Annotations.of(this).addWarningV2(
        'streampixel-drop:sample-ids',
        `${samples.join(' and ')}: still the sample that comes with the project. Make settings of your own before you deploy: ` +
          operatorCommands({}).init(),
      );
    }
  }
}
