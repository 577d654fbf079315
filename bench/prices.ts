/**
 * What AWS charges, in US dollars: list prices of one region, without free tiers and volume discounts. The only place where
 * prices are written down. Check it against https://aws.amazon.com/lambda/pricing/, and the same page of each other service, before
 * you rely on a figure.
 */
export const PRICES = {
  region: 'us-east-1 (US East, N. Virginia)',
  /** When they were noted. From public pages about AWS's prices: the project's build machines do not reach AWS. */
  asOf: '2026-02',
  /** arm64, per GB-s. */
  lambdaGbSecond: 0.000_013_333_4,
  lambdaRequest: 0.2 / 1e6,
  /** Standard queues; a request carries up to 10 messages and 64 KB. */
  sqsRequest: 0.4 / 1e6,
  dynamoDbWriteUnit: 0.625 / 1e6,
  dynamoDbReadUnit: 0.125 / 1e6,
  dynamoDbGbMonth: 0.25,
  /** Point-in-time recovery, per GB-month of table. */
  dynamoDbBackupGbMonth: 0.2,
  s3Get: 0.4 / 1e6,
  /** Out to the internet, per GB. */
  transferOutGb: 0.09,
  /** What of that is free each month, in GB, for all services of the account together. */
  freeTransferOutGb: 100,
  /**
   * Out of CloudFront in North America, Europe and Israel, per GB; from S3 to CloudFront is free. These and the free tier of
   * CloudFront: https://aws.amazon.com/cloudfront/pricing/, as of 2026-11.
   */
  cloudFrontOutGb: 0.085,
  /** HTTPS. */
  cloudFrontRequest: 0.01 / 10_000,
  /** Free each month, for ever. */
  freeCloudFrontGb: 1_024,
  freeCloudFrontRequests: 10e6,
  /** Of a SecureString: SSM's standard parameters are free, their decryption is KMS's. */
  kmsRequest: 3 / 1e6,
  eventBridgeEvent: 1 / 1e6,
  /** API Gateway's HTTP APIs, up to 512 KB each. */
  httpApiRequest: 1 / 1e6,
  snsPublish: 0.5 / 1e6,
  logsGb: 0.5,
  logsGbMonth: 0.03,
  /** Per metric that an alarm looks at, and month. */
  alarmMonth: 0.1,
  dashboardMonth: 3,
  /** Per custom metric and month, for the hours in which it has data. */
  customMetricMonth: 0.3,
  trace: 5 / 1e6,
} as const;
