/**
 * Logical ids of the stack's outputs. The local stack and the operator's tool find things by them: rename one only together
 * with a major version.
 */
export const OUTPUTS = {
  dropBucketName: 'DropBucketName',
  dropABuild: 'DropABuild',
  /** One output per distinct API key parameter: this id for the first, then `StoreApiKey2`, `StoreApiKey3`, ... */
  storeApiKey: 'StoreApiKey',
  buildsQueueUrl: 'BuildsQueueUrl',
  deadLetterQueueUrl: 'DeadLetterQueueUrl',
  submitBuildFunctionName: 'SubmitBuildFunctionName',
  ledgerTableName: 'LedgerTableName',
  alertTopicArn: 'AlertTopicArn',
} as const;
