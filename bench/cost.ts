import type { Template } from '../local/aws/intrinsics.ts';
import { LATENCIES } from '../test/simulation/latencies.ts';
import type { Range } from '../test/simulation/random.ts';
import { rounded } from './cold-start.ts';
import { AWS_SERVICES, type Calls, type TableUnits } from './endpoints.ts';
import type { FollowerUsage, FollowingUsage } from './following.ts';
import type { QueueUsage } from './per-build.ts';
import { PRICES } from './prices.ts';

export interface CostItem {
  readonly item: string;
  /** What is counted, in words. */
  readonly quantity: string;
  readonly dollars: number;
}

export type CostResult = ReturnType<typeof estimateCost>;

const BUILDS = 1_000;
const DAYS_PER_MONTH = 30;
/** Lambda polls each idle queue with so many pollers, each with the longest poll that SQS allows. */
const IDLE_POLLERS = 5;
const LONGEST_POLL_S = 20;
/** START, END and REPORT, which Lambda writes to the function's log. */
const PLATFORM_LOG_BYTES = 450;
/** What a queued build sleeps in the function until its slot, in s: its message is visible a little before. */
const WAIT_IN_FUNCTION_S = 0.5;
/** One call of Streampixel, in s. */
const STREAMPIXEL_CALL_S =
  (mean(LATENCIES.vendorConnect) + 2 * mean(LATENCIES.vendorTransit) + mean(LATENCIES.vendorWork)) / 1_000;

/**
 * What AWS would bill for what the worker was seen doing, and for what the template has.
 *
 * @param usage of queued builds: a build whose slot comes at once costs less
 * @param following of the same builds once they are submitted
 */
export function estimateCost(usage: QueueUsage, following: FollowingUsage, template: Template, memoryMb: number) {
  const per1000BuildsItems = perThousandBuilds(usage, memoryMb);
  const per1000FollowedItems = perThousandFollowed(following);
  const perIdleMonthItems = perIdleMonth(template);
  return {
    region: PRICES.region,
    pricesAsOf: PRICES.asOf,
    memoryMB: memoryMb,
    /** Dollars for 1,000 builds that are accepted, the stack's own part: without storing builds and sending them out. */
    per1000Builds: total(per1000BuildsItems),
    /** Dollars for following 1,000 builds from their submission to their release. */
    per1000Followed: total(per1000FollowedItems),
    /** Dollars for 30 days in which nothing is dropped. */
    perIdleMonth: total(perIdleMonthItems),
    per1000BuildsItems,
    per1000FollowedItems,
    perIdleMonthItems,
    /** Dollars for the custom metrics of a month in which every hour has builds. Less in proportion where hours have none. */
    metricsPerBusyMonth: rounded((usage.metrics + following.followBuilds.metrics) * PRICES.customMetricMonth, 2),
    /** Dollars that AWS charges for Streampixel's download of one build, per GB. */
    downloadPerGB: PRICES.transferOutGb,
  };
}

function perThousandBuilds(usage: QueueUsage, memoryMb: number): CostItem[] {
  const { awsCalls, logBytes, tableUnits, visits } = usage;
  // Calls one after the other, as in a visit of a single build; builds that are handled side by side share the time.
  const seconds = secondsOf(awsCalls, usage.cpuMs, memoryMb) + STREAMPIXEL_CALL_S + WAIT_IN_FUNCTION_S;
  return [
    lambdaTime((memoryMb / 1_024) * seconds),
    perBuild('Lambda, requests', visits, 2, 'a build at most', PRICES.lambdaRequest),
    // S3's announcement, a receive per visit at most, what the worker does, and the poller's delete.
    perBuild('SQS', 1 + visits + awsCalls.sqs + 1, 1, 'requests a build', PRICES.sqsRequest),
    dynamoDb(tableUnits),
    perBuild('S3', awsCalls.s3, 1, 'ranged GETs a build', PRICES.s3Get),
    perBuild('KMS', awsCalls.ssm, 2, 'reads of the API key a build', PRICES.kmsRequest),
    item(
      'EventBridge, SNS',
      `${awsCalls.eventbridge.toFixed(1)} events a build`,
      BUILDS * (awsCalls.eventbridge * PRICES.eventBridgeEvent + awsCalls.sns * PRICES.snsPublish),
    ),
    logs(logBytes + visits * PLATFORM_LOG_BYTES),
    perBuild('X-Ray', visits, 2, 'traces a build at most', PRICES.trace),
  ];
}

function perThousandFollowed(usage: FollowingUsage): CostItem[] {
  const { followBuilds, messages, receiveWebhook, tableUnits, webhooks } = usage;
  const sum = (of: (worker: FollowerUsage) => number) => of(receiveWebhook) + of(followBuilds);
  const gbSeconds =
    sum(({ awsCalls, cpuMs, memoryMb }) => (memoryMb / 1_024) * secondsOf(awsCalls, cpuMs, memoryMb)) +
    // To release the build.
    (followBuilds.memoryMb / 1_024) * STREAMPIXEL_CALL_S;
  const invocations = sum((worker) => worker.invocations);
  // EventBridge's send of the watch, what the functions do, and a receive and a delete for each message.
  const sqsRequests = 1 + sum(({ awsCalls }) => awsCalls.sqs) + 2 * messages;
  const reads = sum(({ awsCalls }) => awsCalls.ssm);
  const events = sum(({ awsCalls }) => awsCalls.eventbridge);
  return [
    perBuild('HTTP API', webhooks, 1, 'webhooks a build', PRICES.httpApiRequest),
    lambdaTime(gbSeconds),
    perBuild('Lambda, requests', invocations, 1, 'a build', PRICES.lambdaRequest),
    perBuild('SQS', sqsRequests, 1, 'requests a build', PRICES.sqsRequest),
    dynamoDb(tableUnits),
    perBuild('KMS', reads, 1, 'reads of token and API key a build', PRICES.kmsRequest),
    perBuild('EventBridge', events, 1, 'events a build', PRICES.eventBridgeEvent),
    logs(sum(({ logBytes }) => logBytes) + invocations * PLATFORM_LOG_BYTES),
  ];
}

function perBuild(name: string, amount: number, digits: number, unit: string, price: number): CostItem {
  return item(name, `${amount.toFixed(digits)} ${unit}`, BUILDS * amount * price);
}

function lambdaTime(gbSeconds: number): CostItem {
  return perBuild('Lambda, time', gbSeconds, 2, 'GB-s a build', PRICES.lambdaGbSecond);
}

function dynamoDb({ read, write }: TableUnits): CostItem {
  const dollars = BUILDS * (write * PRICES.dynamoDbWriteUnit + read * PRICES.dynamoDbReadUnit);
  return item('DynamoDB', `${write.toFixed(1)} write and ${read.toFixed(1)} read units a build`, dollars);
}

function logs(bytes: number): CostItem {
  return perBuild('Logs', bytes / 1e3, 1, 'KB a build', (PRICES.logsGb + PRICES.logsGbMonth) / 1e6);
}

/** Calls one after the other, and the process's own time, in s. */
function secondsOf(calls: Calls, cpuMs: number, memoryMb: number): number {
  const waiting = AWS_SERVICES.reduce((ms, service) => ms + calls[service] * mean(LATENCIES[service]), 0);
  // Lambda gives one vCPU at 1,769 MB; below that in proportion.
  return (waiting + cpuMs / Math.min(1, memoryMb / 1_769)) / 1_000;
}

function perIdleMonth(template: Template): CostItem[] {
  const resources = Object.values(template.Resources);
  const ofType = (type: string) => resources.filter(({ Type }) => Type === `AWS::${type}`);
  const mappings = ofType('Lambda::EventSourceMapping').length;
  const polls = mappings * IDLE_POLLERS * ((DAYS_PER_MONTH * 86_400) / LONGEST_POLL_S);
  const alarmed = ofType('CloudWatch::Alarm').reduce((count, { Properties }) => count + metricsOfAlarm(Properties), 0);
  const dashboards = ofType('CloudWatch::Dashboard').length;
  const tables = ofType('DynamoDB::Table').length + ofType('DynamoDB::GlobalTable').length;
  // A table of 10,000 builds, each with a few KB in three places.
  const tableGb = 0.1;
  const tableGbMonth = PRICES.dynamoDbGbMonth + PRICES.dynamoDbBackupGbMonth;
  return [
    item('Polls of idle queues', `${polls.toLocaleString('en-GB')} SQS requests`, polls * PRICES.sqsRequest),
    item('Alarms', `${alarmed} metrics`, alarmed * PRICES.alarmMonth),
    item('Dashboard', `${dashboards}`, dashboards * PRICES.dashboardMonth),
    item('Ledger with point-in-time recovery', `${tableGb} GB, about 10,000 builds`, tables * tableGb * tableGbMonth),
  ];
}

/** An alarm on an expression is billed for each metric that the expression reads. */
function metricsOfAlarm(properties: Readonly<Record<string, unknown>> = {}): number {
  const queries = properties.Metrics as readonly { readonly MetricStat?: unknown }[] | undefined;
  return queries?.filter(({ MetricStat }) => MetricStat !== undefined).length ?? 1;
}

function item(name: string, quantity: string, dollars: number): CostItem {
  return { item: name, quantity, dollars: rounded(dollars, 4) };
}

function total(items: readonly CostItem[]): number {
  const dollars = items.reduce((sum, { dollars }) => sum + dollars, 0);
  return rounded(dollars, 4);
}

function mean([least, most]: Range): number {
  return (least + most) / 2;
}
