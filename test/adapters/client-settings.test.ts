import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { SSMClient } from '@aws-sdk/client-ssm';
import { expect, it, onTestFinished } from 'vitest';
import { createGetParameter } from '../../functions/adapters/ssm-parameters.ts';
import { clientSettings } from '../../functions/composition.ts';

it.each<[string, (response: http.ServerResponse) => void]>([
  ['never begins', () => {}],
  ['stops halfway', (response) => response.writeHead(200, { 'content-length': '4096' }).write('{"Parameter":')],
])('a call of AWS whose answer %s fails, after as many tries as it has', async (_, answer) => {
  let requests = 0;
  const server = http.createServer((_request, response) => {
    requests++;
    answer(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const getParameter = createGetParameter(
    new SSMClient({
      ...clientSettings({ requestTimeout: 2_000, maxAttempts: 2 }),
      credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' },
      region: 'eu-central-1',
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    }),
  );

  const name = expect.stringMatching(/^(?:ETIMEDOUT|TimeoutError)$/);
  await expect(getParameter('/api-key')).rejects.toMatchObject({ name });
  expect(requests).toBe(2);
});
