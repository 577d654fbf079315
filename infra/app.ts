import { LOCAL_PORT_VARIABLE } from './local-port.ts';
import { SettingsError } from './settings/read.ts';
import { createApp } from './synthesize.ts';

try {
  const port = process.env[LOCAL_PORT_VARIABLE];
  createApp({ directory: process.cwd(), localPort: port === undefined ? undefined : Number(port) }).synth();
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
