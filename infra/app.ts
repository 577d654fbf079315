import { SettingsError } from './settings/read.ts';
import { createApp } from './synthesize.ts';

try {
  createApp().synth();
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
