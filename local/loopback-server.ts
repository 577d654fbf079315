import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * Starts a server on the loopback interface. A request whose handler fails gets no answer.
 *
 * @param port 0 for one that the system chooses
 * @throws Error with code `EADDRINUSE` where the port is taken
 */
export async function listenOnLoopback(
  handle: (request: IncomingMessage, response: ServerResponse) => unknown,
  port = 0,
) {
  // No time limit: a large build takes as long as it takes.
  const server = createServer({ requestTimeout: 0 }, async (request, response) => {
    try {
      await handle(request, response);
    } catch {
      response.destroy();
    }
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  return {
    port: address.port,
    url: `http://127.0.0.1:${address.port}`,
    /** Ends its connections, too. */
    async close(): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
