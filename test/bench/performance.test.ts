import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bench, prepare } from '../../bench/artifacts.ts';
import { measureColdStart } from '../../bench/cold-start.ts';
import { estimateCost } from '../../bench/cost.ts';
import { compareDeliveries } from '../../bench/delivery.ts';
import { type FollowingUsage, measureFollowing } from '../../bench/following.ts';
import { measurePerBuild, type QueueUsage } from '../../bench/per-build.ts';
import { PRICES } from '../../bench/prices.ts';

// Real processes on a machine that may be busy: what is counted is checked here, what is timed only by the benchmark.
describe('what the worker takes', () => {
  let directory: string;
  let bench: Bench;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'streampixel-drop-performance-'));
    bench = await prepare(directory);
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  it('is a bundle of at most 520 KB, which starts and submits a build, as the plain design does', async () => {
    const result = await measureColdStart(bench, 1);

    // 22 of them judge packages, 12 deliver by CloudFront: what that adds to a cold start is within its noise.
    expect(result.ours.bundleKB).toBeLessThanOrEqual(520);
    expect(result.ours.bundleKB).toBeGreaterThan(100);
    expect(result.plain.bundleKB).toBeGreaterThan(result.ours.bundleKB);
    const timed = { readyMs: expect.any(Number), firstBuildMs: expect.any(Number), bundleKB: expect.any(Number) };
    expect(result).toMatchObject({
      empty: timed,
      ours: timed,
      plain: timed,
      ratioToEmpty: expect.any(Number),
      ratioToPlain: expect.any(Number),
    });
  });

  it('is at most 22 AWS calls a build, whatever the size of the object, of which it reads a few KB', async () => {
    const { awsCalls, byObjectSize } = await measurePerBuild(bench, 30);

    expect(awsCalls.total).toBeLessThanOrEqual(22);
    const { '1KB': small, '30GB': large } = byObjectSize;
    expect(large.objectBytes).toBe(30 * 1024 ** 3);
    expect(large.awsCalls.total).toBeLessThanOrEqual(22);
    expect(large.objectBytesRead).toBeLessThanOrEqual(Math.max(small.objectBytesRead, 256 * 1024));
  });
});

describe('what follows a build', () => {
  let directory: string;
  afterAll(() => rmSync(directory, { recursive: true }));

  it('takes each webhook in one call, and applies it in a few', async () => {
    directory = mkdtempSync(join(tmpdir(), 'streampixel-drop-following-'));
    const usage = await measureFollowing(await prepare(directory), 4);

    expect(usage).toMatchObject({ webhooks: 6, messages: 8 });
    const { followBuilds, receiveWebhook } = usage;
    // Storing it, and a read of the token now and then.
    expect(receiveWebhook).toMatchObject({ invocations: 6, awsCalls: { sqs: 6, dynamodb: 0 } });
    expect(receiveWebhook.awsCalls.ssm).toBeLessThanOrEqual(6);
    // Six webhooks, the request to release, and the watch, which is received twice.
    expect(followBuilds.invocations).toBe(9);
    expect(followBuilds.awsCalls.dynamodb).toBeLessThanOrEqual(45);
    expect(followBuilds.awsCalls.eventbridge).toBe(2);
  });
});

describe('the cost of downloads', () => {
  const [s3, cloudfront] = compareDeliveries({ builds: 100, gbPerBuild: 10 });

  it('is the transfer, and within the free terabyte nothing', () => {
    expect(s3?.dollars).toBeCloseTo(1_000 * PRICES.transferOutGb, 2);
    expect(cloudfront?.dollars).toBeCloseTo(1_000 * PRICES.cloudFrontOutGb, 2);
    expect(s3?.withFreeTier).toBeCloseTo(900 * PRICES.transferOutGb, 2);
    expect(cloudfront?.withFreeTier).toBeCloseTo(0, 2);
    const [, twice] = compareDeliveries({ builds: 200, gbPerBuild: 10 });
    expect(twice?.withFreeTier).toBeCloseTo((2_000 - PRICES.freeCloudFrontGb) * PRICES.cloudFrontOutGb, 2);
  });

  it('is nothing while nothing is downloaded', () => {
    expect([s3?.idle, cloudfront?.idle]).toEqual([0, 0]);
  });
});

describe('the cost', () => {
  const usage: QueueUsage = {
    builds: 1_000,
    objectBytes: 1_024,
    awsCalls: { dynamodb: 7, s3: 2, sqs: 0.1, ssm: 0.3, sns: 0, eventbridge: 1, total: 10.4 },
    cpuMs: 9,
    peakRssMB: 100,
    objectBytesRead: 8,
    visits: 2,
    invocations: 1_100,
    tableUnits: { read: 4, write: 20 },
    logBytes: 3_000,
    metrics: 6,
  };
  const calls = { dynamodb: 0, s3: 0, sqs: 6, ssm: 0, sns: 0, eventbridge: 0, total: 6 };
  const following: FollowingUsage = {
    builds: 100,
    webhooks: 6,
    messages: 8,
    tableUnits: { read: 10, write: 30 },
    receiveWebhook: { memoryMb: 1_024, invocations: 6, cpuMs: 6, awsCalls: calls, logBytes: 0, metrics: 0 },
    followBuilds: {
      memoryMb: 512,
      invocations: 9,
      cpuMs: 20,
      awsCalls: { ...calls, sqs: 3, eventbridge: 2 },
      logBytes: 5_000,
      metrics: 3,
    },
  };
  const dollarsOf = (items: readonly { item: string; dollars: number }[], name: string) =>
    items.find(({ item }) => item === name)?.dollars;

  it('of builds follows the counts', () => {
    const { per1000Builds, per1000BuildsItems } = estimateCost(usage, following, { Resources: {} }, 512);
    expect(dollarsOf(per1000BuildsItems, 'DynamoDB')).toBeCloseTo(
      1_000 * (20 * PRICES.dynamoDbWriteUnit + 4 * PRICES.dynamoDbReadUnit),
      4,
    );
    expect(dollarsOf(per1000BuildsItems, 'S3')).toBeCloseTo(2_000 * PRICES.s3Get, 4);
    expect(per1000Builds).toBeCloseTo(
      per1000BuildsItems.reduce((sum, { dollars }) => sum + dollars, 0),
      4,
    );
  });

  it('of following follows the counts', () => {
    const { per1000FollowedItems } = estimateCost(usage, following, { Resources: {} }, 512);
    expect(dollarsOf(per1000FollowedItems, 'HTTP API')).toBeCloseTo(6_000 * PRICES.httpApiRequest, 4);
    expect(dollarsOf(per1000FollowedItems, 'Lambda, requests')).toBeCloseTo(15_000 * PRICES.lambdaRequest, 4);
    expect(dollarsOf(per1000FollowedItems, 'SQS')).toBeCloseTo(1_000 * (1 + 9 + 16) * PRICES.sqsRequest, 4);
    expect(dollarsOf(per1000FollowedItems, 'EventBridge')).toBeCloseTo(2_000 * PRICES.eventBridgeEvent, 4);
  });

  it('of an idle month is what the template has: every metric of an alarm, dashboards, and polls of the queue', () => {
    const stat = { MetricStat: {} };
    const template = {
      Resources: {
        plain: { Type: 'AWS::CloudWatch::Alarm', Properties: { MetricName: 'Errors' } },
        computed: { Type: 'AWS::CloudWatch::Alarm', Properties: { Metrics: [stat, stat, { Expression: 'a / b' }] } },
        dashboard: { Type: 'AWS::CloudWatch::Dashboard' },
        mapping: { Type: 'AWS::Lambda::EventSourceMapping' },
      },
    };
    const { perIdleMonthItems } = estimateCost(usage, following, template, 512);
    expect(dollarsOf(perIdleMonthItems, 'Alarms')).toBeCloseTo(3 * PRICES.alarmMonth, 4);
    expect(dollarsOf(perIdleMonthItems, 'Dashboard')).toBe(PRICES.dashboardMonth);
    expect(dollarsOf(perIdleMonthItems, 'Polls of idle queues')).toBeCloseTo(648_000 * PRICES.sqsRequest, 4);
  });
});
