import { type AddressInfo, connect, Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it, vi } from 'vitest';
import { createGuard } from '../../cli/board/guard.ts';
import { openBoard, raw } from './board-client.ts';
import { openQuietStack } from './quiet-stack.ts';
import { PATIENCE } from './tool.ts';

vi.setConfig(PATIENCE);

type Finished = Parameters<typeof openQuietStack>[0];

async function open(onTestFinished: Finished, options: { readonly readOnly?: boolean } = {}) {
  const stack = await openQuietStack(onTestFinished);
  return { stack, ...(await openBoard(stack.port, onTestFinished, options)) };
}

/** The answer to a request that may not be answered: nothing but that. */
const FORBIDDEN = { status: 403, text: '' };

describe('the board lets in', () => {
  it('the browser that brings the token of the printed address, by a cookie for it alone', async ({
    onTestFinished,
  }) => {
    const { addresses, entered, own, port } = await open(onTestFinished);
    expect(entered).toMatchObject({ status: 303, text: '', headers: { location: '/' } });
    expect(entered.headers['set-cookie']).toEqual([
      expect.stringMatching(
        new RegExp(`^streampixel-drop-board-${port}=[\\w-]{43}; HttpOnly; SameSite=Strict; Path=/$`),
      ),
    ]);
    const [token = ''] = /[\w-]{43}$/.exec(addresses[0] ?? '') ?? [];
    expect(entered.headers['set-cookie']?.[0]).not.toContain(token);
    expect(await raw(port, { headers: own })).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/html; charset=utf-8' },
    });
  });

  it('nobody else: not without the cookie, not with another one, not with that of another port', async ({
    onTestFinished,
  }) => {
    const { cookie, own, port } = await open(onTestFinished);
    const other = cookie.replace(`board-${port}`, `board-${port + 1}`);
    for (const path of ['/', '/board.js', '/api/build?id=x', '/api/events?client=abcdefgh', '/nothing']) {
      for (const wrong of ['', `${cookie}x`, cookie.slice(0, -1), `${cookie.split('=')[0]}=`, other]) {
        expect(await raw(port, { path, headers: { ...own, cookie: wrong } })).toMatchObject(FORBIDDEN);
      }
      const { cookie: _, ...without } = own;
      expect(await raw(port, { path, headers: without })).toMatchObject(FORBIDDEN);
    }
  });

  it('that browser also where a program of this machine has set a cookie of the same name', async ({
    onTestFinished,
  }) => {
    const { cookie, own, port } = await open(onTestFinished);
    const tossed = `${cookie.split('=')[0]}=other; ${cookie}`;
    expect(await raw(port, { path: '/api/builds', headers: { ...own, cookie: tossed } })).toMatchObject({
      status: 200,
    });
  });

  it('one browser for each address: the next one that tries it makes the terminal print a new address', async ({
    onTestFinished,
  }) => {
    const { addresses, own, port } = await open(onTestFinished);
    const { search } = new URL(addresses[0] ?? '');
    expect(await raw(port, { path: `/${search}` })).toMatchObject(FORBIDDEN);
    expect(addresses).toHaveLength(2);
    expect(new URL(addresses[1] ?? '').search).not.toBe(search);
    // The browser that it let in may open it again.
    expect(await raw(port, { path: `/${search}`, headers: own })).toMatchObject({ status: 303, text: '' });
    expect(addresses).toHaveLength(2);
    expect(await raw(port, { path: `/${new URL(addresses[1] ?? '').search}` })).toMatchObject({ status: 303 });
    expect(await raw(port, { path: '/?token=guess' })).toMatchObject(FORBIDDEN);
    expect(await raw(port, { path: '/?token=' })).toMatchObject(FORBIDDEN);
    expect(addresses).toHaveLength(2);
  });

  it('a browser that was sent there by a file or another page, without a redirect: it would not send the cookie', async ({
    onTestFinished,
  }) => {
    const { addresses, own, port } = await open(onTestFinished);
    await raw(port, { path: `/${new URL(addresses[0] ?? '').search}` });
    const { search } = new URL(addresses[1] ?? '');
    const headers = { 'sec-fetch-site': 'cross-site' };
    const linked = await raw(port, { path: `/${search}`, headers });
    expect(linked).toMatchObject({ status: 200, text: '', headers: { refresh: '0; url=/' } });
    expect(linked.headers['set-cookie']?.[0]).toContain(own.cookie);
  });
});

describe('the board refuses, whatever the cookie', () => {
  it('a Host that is not its address: a name that points to this machine (DNS rebinding)', async ({
    onTestFinished,
  }) => {
    const { own, port } = await open(onTestFinished);
    const hosts = [`localhost:${port}`, `evil.example:${port}`, '127.0.0.1', `127.0.0.1:${port}0`, `[::1]:${port}`];
    for (const host of hosts) {
      for (const path of ['/', '/api/builds']) {
        expect(await raw(port, { path, headers: { ...own, host } })).toMatchObject(FORBIDDEN);
      }
    }
    for (const version of ['1.0', '1.1']) {
      const said = await saidTo(port, `GET / HTTP/${version}\r\nCookie: ${own.cookie}\r\n\r\n`);
      expect(said).toMatch(/^HTTP\/1\.1 403 .*\r\nContent-Security-Policy: /s);
    }
  });

  it('data for another page: a site, another port of this machine, or a browser that does not say', async ({
    onTestFinished,
  }) => {
    const { own, port } = await open(onTestFinished);
    for (const path of ['/api/builds', '/api/events?client=abcdefgh', '/api/build?id=x']) {
      for (const site of ['cross-site', 'same-site', 'none', 'Same-Origin', '']) {
        expect(await raw(port, { path, headers: { ...own, 'sec-fetch-site': site } })).toMatchObject(FORBIDDEN);
      }
      expect(await raw(port, { path, headers: { cookie: own.cookie } })).toMatchObject(FORBIDDEN);
    }
  });

  it('its files for another page, which could tell from them that the board runs', async ({ onTestFinished }) => {
    const { own, port } = await open(onTestFinished);
    for (const site of ['cross-site', 'same-site']) {
      expect(await raw(port, { path: '/board.js', headers: { ...own, 'sec-fetch-site': site } })).toMatchObject(
        FORBIDDEN,
      );
    }
    expect(await raw(port, { path: '/', headers: { ...own, 'sec-fetch-site': 'none' } })).toMatchObject({
      status: 200,
    });
  });

  it('a change from another origin, or from none', async ({ onTestFinished }) => {
    const { origin, own, port } = await open(onTestFinished);
    const body = JSON.stringify({ action: 'roll-back', projectId: 'x' });
    const json = { 'content-type': 'application/json' };
    for (const path of ['/api/plan', '/api/do', '/api/uploads', '/api/uploads/x/start', '/api/uploads/x/slices/1']) {
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
        for (const wrong of ['http://evil.example', `${origin}0`, 'null', origin.replace('127.0.0.1', 'localhost')]) {
          const headers = { ...own, ...json, origin: wrong };
          expect(await raw(port, { method, path, headers, body })).toMatchObject(FORBIDDEN);
        }
        expect(await raw(port, { method, path, headers: { ...own, ...json }, body })).toMatchObject(FORBIDDEN);
      }
    }
  });

  it('a body that a form of another page could send', async ({ onTestFinished }) => {
    const { origin, own, port } = await open(onTestFinished);
    const body = JSON.stringify({ action: 'roll-back', projectId: 'x' });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      const headers = { ...own, origin, 'content-type': type };
      expect(await raw(port, { method: 'POST', path: '/api/plan', headers, body })).toMatchObject(FORBIDDEN);
    }
  });

  it('paths that lead out of its folder, and methods that it does not know', async ({ onTestFinished }) => {
    const { origin, own, port } = await open(onTestFinished);
    const out = [
      '/../server.ts',
      '/..%2fserver.ts',
      '/%2e%2e/server.ts',
      '/page/../../../package.json',
      '/board.js%00.html',
    ];
    for (const path of [...out, '/package.json', '/constructor', '/__proto__', '/api/', '/api/nothing']) {
      expect(await raw(port, { path, headers: own })).toMatchObject({ status: 404, text: '' });
    }
    for (const path of ['http://evil.example/', '//evil.example/api/builds', '*']) {
      expect(await raw(port, { path, headers: own })).toMatchObject(FORBIDDEN);
    }
    for (const method of ['OPTIONS', 'HEAD', 'TRACE', 'PUT', 'DELETE']) {
      const { headers, status } = await raw(port, { method, path: '/', headers: { ...own, origin } });
      expect(status).toBe(404);
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });

  it('bodies that are too large, without reading them to their end', async ({ onTestFinished }) => {
    const { origin, own, port } = await open(onTestFinished);
    const headers = { ...own, origin, 'content-type': 'application/json' };
    for (const [path, size] of [
      ['/api/plan', 70_000],
      ['/api/uploads', 9_000_000],
    ] as const) {
      const answer = await raw(port, { method: 'POST', path, headers, body: 'x'.repeat(size) }).catch(() => 'cut off');
      if (answer !== 'cut off') expect(answer).toMatchObject({ status: 413, text: '' });
    }
  });

  it('every action with --read-only', async ({ onTestFinished }) => {
    const { origin, own, port } = await open(onTestFinished, { readOnly: true });
    const headers = { ...own, origin, 'content-type': 'application/json' };
    for (const path of ['/api/plan', '/api/do', '/api/uploads', '/api/uploads/x/start', '/api/uploads/x/stop']) {
      expect(await raw(port, { method: 'POST', path, headers, body: '{}' })).toMatchObject(FORBIDDEN);
    }
    for (const method of ['PUT', 'DELETE']) {
      const path = '/api/uploads/x/slices/1';
      expect(await raw(port, { method, path, headers, body: '{}' })).toMatchObject(FORBIDDEN);
    }
    expect(await raw(port, { path: '/api/builds', headers: own })).toMatchObject({ status: 200 });
  });
});

it('the port of HTTP is in no Host that a browser sends', () => {
  const { address, admit, origin } = createGuard(80);
  const { search } = new URL(address);
  expect(origin).toBe('http://127.0.0.1');
  const headers = { host: '127.0.0.1' };
  expect(admit({ method: 'GET', url: `/${search}`, headers })).toMatchObject({ kind: 'enter' });
});

describe('the board', () => {
  it('gives each answer the rules for the browser: no other origin, no inline script, nothing kept', async ({
    onTestFinished,
  }) => {
    const { own, port } = await open(onTestFinished);
    const requests = [{}, { path: '/board.js' }, { path: '/api/builds' }, { path: '/api/nothing' }];
    const answers = await Promise.all(requests.map((each) => raw(port, { ...each, headers: own })));
    const refused = [await raw(port, {}), await raw(port, { headers: { expect: 'anything' } })];
    for (const { headers } of [...answers, ...refused]) {
      const policy = headers['content-security-policy'];
      expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; /);
      for (const none of ['base-uri', 'form-action', 'frame-ancestors']) expect(policy).toContain(`${none} 'none'`);
      expect(policy).not.toMatch(/unsafe|\*|https?:/);
      expect(headers).toMatchObject({
        'cache-control': 'no-store',
        'cross-origin-resource-policy': 'same-origin',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      });
    }
  });

  it('listens on 127.0.0.1 only', async ({ onTestFinished }) => {
    const listen = vi.spyOn(Server.prototype, 'listen');
    onTestFinished(() => listen.mockRestore());
    const { port } = await open(onTestFinished);
    const own = listen.mock.results.find(({ value }) => (value.address() as AddressInfo)?.port === port);
    expect(own?.value.address()).toMatchObject({ address: '127.0.0.1', family: 'IPv4' });
  });

  it('lives through what is no HTTP', async ({ onTestFinished }) => {
    const { own, port } = await open(onTestFinished);
    for (const nonsense of [
      '\x16\x03\x01\n\n',
      'GET / HTTP/9.9\r\n\r\n',
      `GET ${'/x'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
    ]) {
      expect(await saidTo(port, nonsense)).toBe('');
    }
    expect(await raw(port, { headers: own })).toMatchObject({ status: 200 });
  });
});

/** What the server answers to these bytes. */
function saidTo(port: number, bytes: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.end(bytes);
  return text(socket).catch(() => '');
}
