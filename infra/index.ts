/** What the package `streampixel-drop` offers to CDK apps. */

export type { MetricName } from '../functions/domain/model/telemetry.ts';
export { StreampixelDropError, type StreampixelDropProps, type StreampixelRoute } from './drop-props.ts';
export { type FollowedOutcome, StreampixelDrop, type StreampixelDropFunctions } from './streampixel-drop.ts';
