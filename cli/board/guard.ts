import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** What a request says, as far as it matters for whether it is answered. */
export interface GuardedRequest {
  readonly method: string;
  /** As it was sent. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/**
 * - `enter`: it brings the token of the printed address and gets this cookie for it. `isLinked`: from another page or a local file, so
 *   that the browser would not send the cookie with a redirect
 * - `spent`: it brings a token that counted before
 * - `forbidden`: whatever is wrong, it learns nothing
 */
export type Admission =
  | { readonly kind: 'admitted' }
  | { readonly kind: 'enter'; readonly cookie: string; readonly isLinked: boolean }
  | { readonly kind: 'spent' }
  | { readonly kind: 'forbidden' };

export type Guard = ReturnType<typeof createGuard>;

/**
 * Decides who may use the board. It acts with the AWS rights of the person who started it, and every web page that this person has open
 * can send requests to this machine. So a request needs
 *
 * - the address of this server as its `Host`: a name of another site that points to this machine has another one (DNS rebinding);
 * - a cookie, which only the browser has that brought the token of the printed address. A token counts once;
 * - to come from the page itself, by what browsers add and scripts can't change: `Sec-Fetch-Site` for everything that is data, and the
 *   `Origin` for everything that changes something.
 *
 * The cookie's name has the port: browsers share cookies between the ports of a machine.
 *
 * @param port of the server, on 127.0.0.1
 */
export function createGuard(port: number, newSecret = () => randomBytes(32).toString('base64url')) {
  // As browsers send them: without the port where it is that of HTTP.
  const { host, origin } = new URL(`http://127.0.0.1:${port}`);
  const cookieName = `streampixel-drop-board-${port}`;
  const session = newSecret();
  const spent: string[] = [];
  let token = newSecret();

  return {
    origin,
    /** The address to open: it lets one browser in. */
    get address(): string {
      return `${origin}/?token=${token}`;
    },
    admit({ headers, method, url }: GuardedRequest): Admission {
      if (headers.host !== host || !/^\/(?!\/)/.test(url) || !URL.canParse(url, origin)) return { kind: 'forbidden' };
      if (method !== 'GET' && headers.origin !== origin) return { kind: 'forbidden' };
      const { pathname, searchParams } = new URL(url, origin);
      const site = headers['sec-fetch-site'];
      const isOwn = site === 'same-origin';
      const brought = method === 'GET' && pathname === '/' ? searchParams.get('token') : null;
      if (brought !== null && isEqual(brought, token)) {
        spent.push(token);
        token = newSecret();
        const cookie = `${cookieName}=${session}; HttpOnly; SameSite=Strict; Path=/`;
        return { kind: 'enter', cookie, isLinked: site !== undefined && site !== 'none' && !isOwn };
      }
      // `none`: the person typed the address, or opened a bookmark.
      if (!isOwn && (pathname.startsWith('/api/') || (site !== undefined && site !== 'none')))
        return { kind: 'forbidden' };
      // Another program of this machine may have set one of the same name, which the browser then sends first.
      if (cookiesIn(headers.cookie, cookieName).some((cookie) => isEqual(cookie, session))) return { kind: 'admitted' };
      return { kind: brought !== null && spent.some((each) => isEqual(brought, each)) ? 'spent' : 'forbidden' };
    },
  };
}

function cookiesIn(header = '', name: string): string[] {
  const pairs = header.split(';').map((pair) => pair.trim().split('='));
  return pairs.flatMap(([each, value = '']) => (each === name ? [value] : []));
}

/** How long it takes says nothing about either. */
function isEqual(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/**
 * What the browser may do with an answer: the page's own files and this server only, no script or style within the page, no other site
 * around it, nothing kept on disk, no address passed on.
 */
export const ANSWER_HEADERS = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Cache-Control': 'no-store',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
} as const;
