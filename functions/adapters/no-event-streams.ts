/**
 * The SDK's event streams, in a Lambda bundle: esbuild puts this module in the place of `@smithy/core/event-streams`, 13 KB that
 * the SDK asks for where an operation streams events. No operation does that is used here.
 *
 * @throws Error always
 */
export function eventStreamSerdeProvider(): never {
  throw new Error('This bundle has no event streams: remove the alias in infra/bundling.ts.');
}

/** What a client puts into its settings for event streams: nothing. */
export function resolveEventStreamSerdeConfig<Config>(config: Config): Config {
  return config;
}
