import { devNull } from 'node:os';

// What the machine has for other programs reaches no test, nor a process that one starts: accounts, proxies, locales, terminals.
for (const name of Object.keys(process.env)) {
  if (/^(AWS_|CDK_|STREAMPIXEL_|LC_|LANG|COLUMNS$|FORCE_COLOR$|NO_COLOR$)|_PROXY$/i.test(name))
    delete process.env[name];
}
process.env.TERM = 'xterm';
// By it the CDK tells a test from an app.
process.env.NODE_ENV = 'test';
process.env.AWS_CONFIG_FILE = devNull;
process.env.AWS_SHARED_CREDENTIALS_FILE = devNull;
