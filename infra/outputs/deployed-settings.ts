import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { OUTPUT_VALUE_LIMIT_BYTES } from '../limits.ts';
import { type DeployedSettings, numbered, OUTPUTS } from './outputs.ts';

/** What the settings are in the output where the routes have outputs of their own. */
interface WithoutRoutes extends Omit<DeployedSettings, 'routes'> {
  /** How many: `Routes`, `Routes2`, ... */
  readonly routesOutputs: number;
}

/**
 * The outputs from which the operator's tool reads the settings, by their ids: one as JSON and, where that is longer than an output may be, the
 * routes apart, compressed and cut into parts.
 */
export function writeDeployedSettings(settings: DeployedSettings): Readonly<Record<string, string>> {
  const json = JSON.stringify(settings);
  if (Buffer.byteLength(json) <= OUTPUT_VALUE_LIMIT_BYTES) return { [OUTPUTS.settings]: json };
  const { routes, ...others } = settings;
  const compressed = deflateRawSync(JSON.stringify(routes), { level: 9 }).toString('base64url');
  const count = Math.ceil(compressed.length / OUTPUT_VALUE_LIMIT_BYTES);
  const parts = Array.from({ length: count }, (_, index) => [
    numbered(OUTPUTS.routes, index),
    compressed.slice(index * OUTPUT_VALUE_LIMIT_BYTES, (index + 1) * OUTPUT_VALUE_LIMIT_BYTES),
  ]);
  const withoutRoutes: WithoutRoutes = { ...others, routesOutputs: count };
  return { [OUTPUTS.settings]: JSON.stringify(withoutRoutes), ...Object.fromEntries(parts) };
}

/**
 * Reads them again, also those of stacks of earlier versions, which have all settings in one output.
 *
 * @param output the value of an output, by its id
 * @throws what `output` throws for an id that there is not; Error where a value is not what a stack of this project has
 */
export function readDeployedSettings(output: (id: string) => string): DeployedSettings {
  const settings = JSON.parse(output(OUTPUTS.settings)) as DeployedSettings | WithoutRoutes;
  if (!('routesOutputs' in settings)) return settings;
  const { routesOutputs, ...others } = settings;
  const parts = Array.from({ length: routesOutputs }, (_, index) => output(numbered(OUTPUTS.routes, index)));
  return { routes: JSON.parse(inflateRawSync(Buffer.from(parts.join(''), 'base64url')).toString()), ...others };
}
