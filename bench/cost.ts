import { LATENCIES } from '../test/simulation/latencies.ts';
import type { Range } from '../test/simulation/random.ts';
import type { Template } from './artifacts.ts';
import { rounded } from './cold-start.ts';
import { AWS_SERVICES, type Calls } from './endpoints.ts';
import type { FollowerUsage, FollowingUsage } from './following.ts';
import type { LineUsage } from './per-build.ts';
import { PRICES } from './prices.ts';

export interface CostItem {
  readonly item: string;
  /** What is counted, in words. */
  readonly quantity: string;
  readonly dollars: number;
}

export interface CostResult {
  readonly region: string;
  readonly pricesAsOf: string;
  readonly memoryMB: number;
  /** Dollars for 1,000 builds that are accepted, the stack's own part: without storing builds and sending them out. */
  readonly per1000Builds: number;
  /** Dollars for following 1,000 builds from their submission to their release. */
  readonly per1000Followed: number;
  /** Dollars for 30 days in which nothing is dropped. */
  readonly perIdleMonth: number;
  readonly per1000BuildsItems: readonly CostItem[];
  readonly per1000FollowedItems: readonly CostItem[];
  readonly perIdleMonthItems: readonly CostItem[];
  /** Dollars for the custom metrics of a month in which every hour has builds. Less in proportion where hours have none. */
  readonly metricsPerBusyMonth: number;
  /** Dollars that AWS takes for Streampixel's download of one build, per GB. */
  readonly downloadPerGB: number;
}

const BUILDS = 1_000;
const DAYS_PER_MONTH = 30;
/** Lambda looks into each idle queue with so many pollers, each asking for as long as a question may take. */
const IDLE_POLLERS = 5;
const LONGEST_POLL_S = 20;
/** START, END and REPORT, which Lambda writes to the function's log. */
const PLATFORM_LOG_BYTES = 450;
/** What a build in line sleeps in the function until its slot, in s: its message is visible a little before. */
const WAIT_IN_FUNCTION_S = 0.5;

/**
 * What AWS would bill for what the worker was seen doing, and for what the template has.
 *
 * @param usage of builds in line: a build whose turn has come at once costs less
 * @param following of the same builds once they are submitted
 */
export function estimateCost(
  usage: LineUsage,
  following: FollowingUsage,
  template: Template,
  memoryMb: number,
): CostResult {
  const per1000BuildsItems = perThousandBuilds(usage, memoryMb);
  const per1000FollowedItems = perThousandFollowed(following);
  const perIdleMonthItems = perIdleMonth(template);
  return {
    region: PRICES.region,
    pricesAsOf: PRICES.asOf,
    memoryMB: memoryMb,
    per1000Builds: total(per1000BuildsItems),
    per1000Followed: total(per1000FollowedItems),
    perIdleMonth: total(perIdleMonthItems),
    per1000BuildsItems,
    per1000FollowedItems,
    perIdleMonthItems,
    metricsPerBusyMonth: rounded((usage.metrics + following.followBuilds.metrics) * PRICES.customMetricMonth, 2),
    downloadPerGB: PRICES.transferOutGb,
  };
}

function perThousandBuilds(usage: LineUsage, memoryMb: number): CostItem[] {
  const { awsCalls, tableUnits, visits, logBytes } = usage;
  // Taken one after the other, as in a visit of a single build; handled side by side they share the time.
  const seconds =
    secondsOf(awsCalls, usage.cpuMs, memoryMb) +
    (mean(LATENCIES.vendorConnect) + 2 * mean(LATENCIES.vendorTransit) + mean(LATENCIES.vendorWork)) / 1_000 +
    WAIT_IN_FUNCTION_S;
  const gbSeconds = (memoryMb / 1_024) * seconds;
  // S3's announcement, a receive per visit at most, what the worker does, and the poller's delete.
  const sqsRequests = 1 + visits + awsCalls.sqs + 1;
  const logGb = (logBytes + visits * PLATFORM_LOG_BYTES) / 1e9;
  return [
    item('Lambda, time', `${gbSeconds.toFixed(2)} GB-s a build`, BUILDS * gbSeconds * PRICES.lambdaGbSecond),
    item('Lambda, requests', `${visits.toFixed(2)} a build at most`, BUILDS * visits * PRICES.lambdaRequest),
    item('SQS', `${sqsRequests.toFixed(1)} requests a build`, BUILDS * sqsRequests * PRICES.sqsRequest),
    item(
      'DynamoDB',
      `${tableUnits.write.toFixed(1)} write and ${tableUnits.read.toFixed(1)} read units a build`,
      BUILDS * (tableUnits.write * PRICES.dynamoDbWriteUnit + tableUnits.read * PRICES.dynamoDbReadUnit),
    ),
    item('S3', `${awsCalls.s3.toFixed(1)} ranged GETs a build`, BUILDS * awsCalls.s3 * PRICES.s3Get),
    item('KMS', `${awsCalls.ssm.toFixed(2)} reads of the API key a build`, BUILDS * awsCalls.ssm * PRICES.kmsRequest),
    item(
      'EventBridge, SNS',
      `${awsCalls.eventbridge.toFixed(1)} events a build`,
      BUILDS * (awsCalls.eventbridge * PRICES.eventBridgeEvent + awsCalls.sns * PRICES.snsPublish),
    ),
    item(
      'Logs',
      `${((logGb * 1e9) / 1e3).toFixed(1)} KB a build`,
      BUILDS * logGb * (PRICES.logsGb + PRICES.logsGbMonth),
    ),
    item('X-Ray', `${visits.toFixed(2)} traces a build at most`, BUILDS * visits * PRICES.trace),
  ];
}

function perThousandFollowed(usage: FollowingUsage): CostItem[] {
  const { followBuilds, messages, receiveWebhook, tableUnits, webhooks } = usage;
  const workers = [receiveWebhook, followBuilds];
  const sum = (of: (worker: FollowerUsage) => number) => workers.reduce((all, worker) => all + of(worker), 0);
  // The one call of the vendor, to release the build.
  const vendorS =
    (mean(LATENCIES.vendorConnect) + 2 * mean(LATENCIES.vendorTransit) + mean(LATENCIES.vendorWork)) / 1_000;
  const gbSeconds =
    sum(({ awsCalls, cpuMs, memoryMb }) => (memoryMb / 1_024) * secondsOf(awsCalls, cpuMs, memoryMb)) +
    (followBuilds.memoryMb / 1_024) * vendorS;
  const invocations = sum((worker) => worker.invocations);
  // EventBridge's send of the watch, what the functions do, and a receive and a delete for each message.
  const sqsRequests = 1 + sum(({ awsCalls }) => awsCalls.sqs) + 2 * messages;
  const logGb = (sum(({ logBytes }) => logBytes) + invocations * PLATFORM_LOG_BYTES) / 1e9;
  const { read, write } = tableUnits;
  return [
    item('HTTP API', `${webhooks.toFixed(1)} webhooks a build`, BUILDS * webhooks * PRICES.httpApiRequest),
    item('Lambda, time', `${gbSeconds.toFixed(2)} GB-s a build`, BUILDS * gbSeconds * PRICES.lambdaGbSecond),
    item('Lambda, requests', `${invocations.toFixed(1)} a build`, BUILDS * invocations * PRICES.lambdaRequest),
    item('SQS', `${sqsRequests.toFixed(1)} requests a build`, BUILDS * sqsRequests * PRICES.sqsRequest),
    item(
      'DynamoDB',
      `${write.toFixed(1)} write and ${read.toFixed(1)} read units a build`,
      BUILDS * (write * PRICES.dynamoDbWriteUnit + read * PRICES.dynamoDbReadUnit),
    ),
    item(
      'KMS',
      `${sum(({ awsCalls }) => awsCalls.ssm).toFixed(1)} reads of token and API key a build`,
      BUILDS * sum(({ awsCalls }) => awsCalls.ssm) * PRICES.kmsRequest,
    ),
    item(
      'EventBridge',
      `${sum(({ awsCalls }) => awsCalls.eventbridge).toFixed(1)} events a build`,
      BUILDS * sum(({ awsCalls }) => awsCalls.eventbridge) * PRICES.eventBridgeEvent,
    ),
    item('Logs', `${(logGb * 1e6).toFixed(1)} KB a build`, BUILDS * logGb * (PRICES.logsGb + PRICES.logsGbMonth)),
  ];
}

/** Calls taken one after the other, and the process's own time, in s. */
function secondsOf(calls: Calls, cpuMs: number, memoryMb: number): number {
  const waiting = AWS_SERVICES.reduce((ms, service) => ms + calls[service] * mean(LATENCIES[service]), 0);
  return (waiting + cpuMs / cpuShare(memoryMb)) / 1_000;
}

function perIdleMonth(template: Template): CostItem[] {
  const resources = Object.values(template.Resources);
  const ofType = (type: string) => resources.filter(({ Type }) => Type === type);
  const mappings = ofType('AWS::Lambda::EventSourceMapping').length;
  const polls = mappings * IDLE_POLLERS * ((DAYS_PER_MONTH * 86_400) / LONGEST_POLL_S);
  const alarmed = ofType('AWS::CloudWatch::Alarm').reduce(
    (count, { Properties }) => count + metricsOfAlarm(Properties ?? {}),
    0,
  );
  const dashboards = ofType('AWS::CloudWatch::Dashboard').length;
  const tables = [...ofType('AWS::DynamoDB::Table'), ...ofType('AWS::DynamoDB::GlobalTable')].length;
  // A table of 10,000 builds, each with a few KB in three places.
  const tableGb = 0.1;
  return [
    item('Looking into idle queues', `${polls.toLocaleString('en-GB')} SQS requests`, polls * PRICES.sqsRequest),
    item('Alarms', `${alarmed} metrics`, alarmed * PRICES.alarmMonth),
    item('Dashboard', `${dashboards}`, dashboards * PRICES.dashboardMonth),
    item(
      'Ledger with point-in-time recovery',
      `${tableGb} GB, about 10,000 builds`,
      tables * tableGb * (PRICES.dynamoDbGbMonth + PRICES.dynamoDbBackupGbMonth),
    ),
  ];
}

/** An alarm on an expression is billed for each metric that the expression reads. */
function metricsOfAlarm(properties: Readonly<Record<string, unknown>>): number {
  const queries = properties.Metrics as readonly { readonly MetricStat?: unknown }[] | undefined;
  return queries?.filter(({ MetricStat }) => MetricStat !== undefined).length ?? 1;
}

/** Of one vCPU, which Lambda gives at 1,769 MB; below that in proportion. */
export function cpuShare(memoryMb: number): number {
  return Math.min(1, memoryMb / 1_769);
}

function item(name: string, quantity: string, dollars: number): CostItem {
  return { item: name, quantity, dollars: rounded(dollars, 4) };
}

function total(items: readonly CostItem[]): number {
  return rounded(
    items.reduce((sum, { dollars }) => sum + dollars, 0),
    4,
  );
}

function mean([least, most]: Range): number {
  return (least + most) / 2;
}
