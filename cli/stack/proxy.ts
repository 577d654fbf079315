import http from 'node:http';
import https from 'node:https';
import { usageError } from '../operator-error.ts';

/** Never reached by way of a proxy, whatever NO_PROXY says: this machine. */
const LOOPBACK = ['localhost', '127.0.0.1', '::1', '[::1]'];

/**
 * Connections of the tool, through the proxy that HTTPS_PROXY and HTTP_PROXY name, except to the hosts in NO_PROXY. The lower-case
 * names count before the upper-case ones, as with curl.
 *
 * @throws OperatorError (usage) for a proxy that can't be used; it does not show the address, which may have a password in it
 */
export function createAgents(env: NodeJS.ProcessEnv = process.env) {
  const proxy = (name: string) => {
    const [lower, upper] = [name.toLowerCase(), name];
    const used = env[lower] ? lower : upper;
    return proxyAddress(used, env[used]);
  };
  const proxyEnv = {
    HTTPS_PROXY: proxy('HTTPS_PROXY'),
    HTTP_PROXY: proxy('HTTP_PROXY'),
    NO_PROXY: [...LOOPBACK, ...hostsIn(env.no_proxy || env.NO_PROXY || '')].join(','),
  };
  const options = { keepAlive: true, maxSockets: 50, proxyEnv };
  return { httpAgent: new http.Agent(options), httpsAgent: new https.Agent(options) };
}

/** A name stands for its subdomains too, as with curl and the AWS CLI; Node takes it so only with a dot before it. */
function hostsIn(noProxy: string): string[] {
  const hosts = noProxy.split(/[\s,]+/).filter((host) => host !== '');
  return hosts.flatMap((host) => (/^[.*]/.test(host) ? [host] : [host, `.${host}`]));
}

function proxyAddress(name: string, value: string | undefined): string | undefined {
  if (value === undefined || value === '') return undefined;
  // Without a scheme, as curl takes it.
  const address = value.includes('://') ? value : `http://${value}`;
  const { protocol, hostname } = URL.canParse(address) ? new URL(address) : { protocol: '', hostname: '' };
  if (/^https?:$/.test(protocol) && hostname !== '') return address;
  throw usageError(
    `${name} is not the address of an HTTP proxy.`,
    'Write it as http://host:port or http://user:password@host:port.',
  );
}
