/** Requests to the server of the board. */

/** What the server says is wrong, with what to do. */
export class ServerError extends Error {
  /** @param {{ code: string, message: string, remedy: string }} problem @param {any} [body] */
  constructor(problem, body) {
    super(problem.message);
    this.problem = problem;
    this.body = body;
  }
}

const UNREACHABLE = {
  code: 'Unreachable',
  message: 'The board does not answer.',
  remedy: 'Is it still running in its terminal? If it was started again, open the address that it has printed.',
};

/**
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<any>}
 * @throws ServerError
 */
async function request(path, init) {
  /** @type {Response} */
  let response;
  /** @type {string} */
  let text;
  try {
    response = await fetch(path, init);
    text = await response.text();
  } catch {
    throw new ServerError(UNREACHABLE);
  }
  /** @type {any} */
  let body;
  try {
    body = text === '' ? undefined : JSON.parse(text);
  } catch {
    // No JSON: the status is all there is.
  }
  if (response.ok) return body;
  throw new ServerError(
    body?.error ?? { ...UNREACHABLE, code: 'Refused', message: `The board refuses the request (${response.status}).` },
    body,
  );
}

/** @param {string} path @param {Record<string, string | undefined>} [query] */
export function get(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const search = new URLSearchParams(/** @type {[string, string][]} */ (given)).toString();
  return request(search === '' ? path : `${path}?${search}`);
}

/** @param {string} path @param {unknown} body */
export function post(path, body) {
  return request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

/** @param {string} path @param {'PUT' | 'DELETE'} method @param {Blob} [bytes] */
export function send(path, method, bytes) {
  return request(path, { method, headers: { 'content-type': 'application/octet-stream' }, body: bytes ?? null });
}
