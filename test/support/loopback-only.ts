import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';

/** Refuses every connection off loopback in tests: nothing here may reach AWS or Streampixel, whatever the settings say. */
const connect = net.Socket.prototype.connect;
const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost', undefined]);

net.Socket.prototype.connect = function guarded(this: net.Socket, ...args: unknown[]) {
  // `net.connect` hands its normalized arguments over as one array.
  const [first, second] = (Array.isArray(args[0]) ? args[0] : args) as [unknown, unknown];
  const options = typeof first === 'object' && first !== null ? (first as { host?: string; path?: string }) : undefined;
  const host = options ? options.host : typeof first === 'number' && typeof second === 'string' ? second : undefined;
  if (options?.path === undefined && !LOOPBACK.has(host)) {
    throw new Error(`A test tried to connect to ${host}: only loopback is allowed here.`);
  }
  return Reflect.apply(connect, this, args);
} as typeof connect;
syncBuiltinESMExports();
