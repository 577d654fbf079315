import { Annotations, App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { present } from '../functions/domain/model/optional-fields.ts';
import { DropStack } from './drop-stack.ts';
import { appSettings } from './settings/app-settings.ts';
import { readSettings } from './settings/read.ts';

export interface AppOptions {
  /** CDK's feature flags, and settings as `-c` gives them. What the CDK CLI passes comes on top. */
  readonly context?: Readonly<Record<string, unknown>>;
  /** Where the file of settings is looked for. Without it, the settings are those in the context. */
  readonly directory?: string;
  /** Where the cloud assembly goes. Default: where the CDK CLI says, else a new temporary directory. */
  readonly outdir?: string;
  /** Port of the emulator that the stack is for: the commands that it prints act on that. */
  readonly localPort?: number | undefined;
  /** Whether to build the function's bundle. Default true; without it the template is the same but for the asset's hash. */
  readonly bundle?: boolean;
}

/**
 * The CDK app with its one stack, checked by cdk-nag. Call `synth()` on it: it throws where a finding is neither fixed nor
 * acknowledged.
 *
 * @throws SettingsError with every problem of the settings
 */
export function createApp({ context = {}, directory, localPort, outdir, bundle = true }: AppOptions = {}): App {
  const app = new App({
    autoSynth: false,
    context: bundle ? context : { ...context, 'aws:cdk:bundling-stacks': [] },
    ...present({ outdir }),
  });
  const all = app.node.getAllContext();
  const { settings, warnings } =
    directory === undefined ? { settings: readSettings(all), warnings: [] } : appSettings(all, directory);
  const stack = new DropStack(app, settings, localPort);
  for (const warning of warnings) Annotations.of(stack).addWarningV2('streampixel-drop:ignored-settings', warning);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return app;
}
