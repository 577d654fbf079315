import type { Range } from './random.ts';

/**
 * How long things take in the simulation, in ms: the one place. Assumed from what such calls usually take within one AWS
 * region and to a vendor on another continent's edge; none of it was measured on this account.
 */
export const LATENCIES = {
  dynamodb: [5, 15],
  s3: [30, 80],
  ssm: [20, 60],
  sqs: [5, 20],
  sns: [10, 40],
  eventbridge: [10, 40],
  /** DNS, TCP and TLS. */
  vendorConnect: [100, 300],
  /** One way. */
  vendorTransit: [20, 60],
  /** How long Streampixel itself takes for an answer. */
  vendorWork: [160, 380],
  /** From a message's becoming visible to its receive by a poller that waits for one. */
  wake: [20, 1_000],
  /** From the end of an invocation to the poller's next receive. */
  nextPoll: [10, 50],
  coldStart: [600, 1_200],
  /** What a timer fires late. */
  timer: [0, 2],
} as const satisfies Record<string, Range>;
export type Latencies = { readonly [Name in keyof typeof LATENCIES]: Range };
