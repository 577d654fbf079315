import { describe, expect, it } from 'vitest';
import { decodePath, findRoute, readRouteKey } from '../../local/aws/http-api-routes.ts';

const routes = (...keys: string[]) => keys.map((text) => ({ key: readRouteKey(text) }));

function find(keys: string[], method: string, rawPath: string) {
  const path = decodePath(rawPath);
  const found = path && findRoute(routes(...keys), method, path);
  return found && { key: found.route.key.text, parameters: found.pathParameters };
}

const KEY = 'POST /{projectId}/{token}';

describe('a path', () => {
  // As sent to an HTTP API at AWS, and as its function was told.
  it.each([
    ['/capture/plain', '/capture/plain'],
    ['/capture/space%20value', '/capture/space value'],
    ['/capture/question%3Fvalue', '/capture/question'],
    ['/capture/hash%23value', '/capture/hash#value'],
    ['/capture/slash%2Fvalue', '/capture/slash/value'],
    ['/capture/unicode-%CE%BB-%E4%B8%96%E7%95%8C', '/capture/unicode-λ-世界'],
    ['/capture/literal%252Fvalue', '/capture/literal/value'],
    ['/capture/literal%253Fvalue', '/capture/literal?value'],
    ['/capture/literal%2525value', '/capture/literal%value'],
    ['/a+b', '/a+b'],
  ])('is decoded as API Gateway decodes it: %s', (sent, told) => {
    expect(decodePath(sent)?.text).toBe(told);
  });

  it.each(['/capture/percent%25done', '/%', '/%zz', '/%ff', '/%E4%B8'])('is refused if it is none: %s', (sent) => {
    expect(decodePath(sent)).toBeUndefined();
  });
});

describe('a route with variables', () => {
  it('takes what has its method and as many segments, and says what they are', () => {
    expect(find([KEY], 'POST', '/66b0/s3cret%2B%C3%A4')).toEqual({
      key: KEY,
      parameters: { projectId: '66b0', token: 's3cret+ä' },
    });
  });

  it.each([
    ['another method', 'GET', '/66b0/token'],
    ['a method in small letters', 'post', '/66b0/token'],
    ['a segment less', 'POST', '/66b0'],
    ['a segment more', 'POST', '/66b0/token/more'],
    ['a slash at the end', 'POST', '/66b0/token/'],
    ['two slashes at the start', 'POST', '//66b0/token'],
    ['an empty segment', 'POST', '/66b0/'],
    ['nothing', 'POST', '/'],
    ['an encoded slash, which parts segments', 'POST', '/66b0/to%2Fken'],
    ['a token that an encoded question mark cuts off', 'POST', '/66b0/%3Ftoken'],
  ])('leaves a request with %s', (_, method, path) => {
    expect(find([KEY], method, path)).toBeUndefined();
  });

  it.each([
    ['an encoded slash where it can only be the one in a segment', '/66b0%2Ftoken', '66b0', 'token'],
    ['a slash encoded twice', '/66b0/to%252Fken', '66b0', 'to/ken'],
    ['dots, which lead nowhere', '/../..', '..', '..'],
    ['encoded dots and a slash encoded twice', '/%2e%2e/..%252F..%252Fetc', '..', '../../etc'],
    ['names of properties that objects have', '/__proto__/constructor', '__proto__', 'constructor'],
    ['a byte that ends strings elsewhere', '/a%00/b', 'a\0', 'b'],
  ])('takes %s for nothing but text', (_, path, projectId, token) => {
    expect(find([KEY], 'POST', path)?.parameters).toEqual({ projectId, token });
  });

  it('keeps a variable by any name', () => {
    const found = find(['GET /{__proto__}'], 'GET', '/x');
    expect(Object.entries(found?.parameters ?? {})).toEqual([['__proto__', 'x']]);
  });
});

describe('of several routes', () => {
  const KEYS = ['ANY /{a}/{b}', 'POST /{a}/{b}', 'ANY /health/{b}', 'GET /health/now', 'GET /'];
  it.each([
    ['GET', '/health/now', 'GET /health/now'],
    ['POST', '/health/now', 'ANY /health/{b}'],
    ['POST', '/x/now', 'POST /{a}/{b}'],
    ['DELETE', '/x/now', 'ANY /{a}/{b}'],
    ['GET', '/', 'GET /'],
  ])('the one that says most takes %s %s: %s', (method, path, key) => {
    expect(find(KEYS, method, path)?.key).toBe(key);
  });
});

describe('a route key', () => {
  it.each([
    ['$default', 'its route $default is no method with a path'],
    ['POST', 'its route POST is no method with a path'],
    ['GET /a/{proxy+}', 'its route GET /a/{proxy+} has {proxy+}'],
    ['GET /a{b}', 'has a{b}'],
    ['GET /{}', 'has {}'],
  ])('is refused by name where it is not known: %s', (key, message) => {
    expect(() => readRouteKey(key)).toThrow(message);
  });
});
