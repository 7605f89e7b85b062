/** Bytes on the wire that no client library would send: each is answered with a problem, none changes anything. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { everything } from '../support/everything.js';
import { operations, withLabel } from '../support/operations.js';
import { problemOf, send, sendBytes } from '../support/rawHttp.js';
import { eventually, World } from '../support/world.js';

const member = '{"externalId":"vera"}';

let world: World;
let before: Record<string, string>;
beforeAll(async () => {
  world = await World.open({ environment: { SURETY_KEY_REQUESTS_PER_SECOND: '10000' } });
});
afterAll(async () => {
  await world.close();
});
beforeEach(async () => {
  before = await everything(world.surety.admin);
});
afterEach(async () => {
  expect(await everything(world.surety.admin)).toEqual(before);
});

const own = (): Record<string, string> => ({ authorization: `Bearer ${world.keys.loyalty}` });
const writing = (): Record<string, string> => ({
  ...own(),
  'content-type': 'application/json',
  'idempotency-key': randomUUID(),
});
const call = (method: string, path: string, headers = own(), body: string | Buffer = '') =>
  send(world.surety.apiUrl, method, path, headers, body);
/** Creates a member unless something is wrong with it. */
const put = async (headers: Record<string, string>, body: string | Buffer = '{"externalId":"nobody"}') =>
  problemOf(await call('POST', '/v1/members', { ...writing(), ...headers }, body));

describe('headers', () => {
  it('an Idempotency-Key of 10 kB: 422 that names the header and its length alone', async () => {
    const { code, fields } = await put({ 'idempotency-key': 'k'.repeat(10_240) });
    expect([code, fields]).toMatchObject([
      'invalid_request',
      [{ field: 'Idempotency-Key', given: 'text of 10240 characters' }],
    ]);
  });

  it.each(['key with spaces', 'ключ', '\t', '"ü"'].map((key) => [key]))(
    'an Idempotency-Key that is not visible ASCII (%p): a problem',
    async (key) => {
      const { code } = await put({ 'idempotency-key': Buffer.from(key).toString('latin1') });
      expect(['invalid_request', 'idempotency_key_required']).toContain(code);
    },
  );

  it('past 16 kB: 431, which Node decides and we put in words', async () => {
    const { status, code } = await put({ 'idempotency-key': 'k'.repeat(20_000) });
    expect([status, code]).toEqual([431, 'headers_too_large']);
  });

  it.each(withLabel(operations.filter(({ isIdempotent }) => isIdempotent)))(
    '%s without an Idempotency-Key: a problem',
    async (_, { method, path, body }) => {
      const headers = { ...own(), ...(body === null ? {} : { 'content-type': 'application/json' }) };
      const answer = await call(
        method,
        path.replaceAll(/\{[^}]+\}/g, randomUUID()),
        headers,
        body === null ? '' : '{}',
      );
      expect(['idempotency_key_required', 'invalid_request']).toContain(problemOf(answer).code);
    },
  );
});

describe('bodies', () => {
  it('a gzip bomb: 413 when it has grown past the limit; one that is none: 400', async () => {
    const bomb = gzipSync(`{"externalId":"${'x'.repeat(50_000_000)}"}`);
    expect((await put({ 'content-encoding': 'gzip' }, bomb)).code).toBe('body_too_large');
    expect((await put({ 'content-encoding': 'gzip' }, '{"externalId":"nobody"}')).status).toBe(400);
    expect((await put({ 'content-encoding': 'deflate' }, Buffer.alloc(100, 0xff))).status).toBe(400);
  });

  it('shorter than its Content-Length: nothing is done with a half', async () => {
    const { hostname, port } = new URL(world.surety.apiUrl);
    const socket = connect(Number(port), hostname);
    const head = Object.entries({ host: 'x', ...writing(), 'content-length': '500' }).map((line) => line.join(': '));
    socket.write(`POST /v1/members HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n{"externalId":"nobody"}`);
    socket.end();
    await once(socket.resume(), 'close');
  });

  it('longer than its Content-Length: a problem for what is cut', async () => {
    const head = Object.entries({ host: 'x', ...writing(), 'content-length': '5' }).map((line) => line.join(': '));
    const answer = await sendBytes(
      world.surety.apiUrl,
      `POST /v1/members HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n{"externalId":"nobody"}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('application/problem+json');
  });

  it('two lengths, or a length and chunks: refused, as smuggling is tried so', async () => {
    for (const lengths of [
      'Content-Length: 3\r\nContent-Length: 4',
      'Content-Length: 3\r\nTransfer-Encoding: chunked',
    ]) {
      const answer = await sendBytes(
        world.surety.apiUrl,
        `POST /v1/members HTTP/1.1\r\nHost: x\r\n${lengths}\r\n\r\n0\r\n\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*application\/problem\+json[\s\S]*"code":"malformed_request"/);
    }
  });
});

describe('addresses and methods', () => {
  it.each(['/v1', '/v1/', '/v1/nothing', '/v1//payments', '/v1/payments/', '/v1/payments//passport', '/v1/%E0%A4%A'])(
    '%s: a problem of a 4xx',
    async (path) => {
      expect([400, 404]).toContain(problemOf(await call('GET', path)).status);
    },
  );

  it('an address of 10 kB is not found, and of 20 kB not read', async () => {
    expect(problemOf(await call('GET', `/v1/${'x'.repeat(10_000)}`)).code).toBe('not_found');
    expect(problemOf(await call('GET', `/v1/${'x'.repeat(20_000)}`)).code).toBe('headers_too_large');
  });

  it('methods that an address does not have: 404, with and without a key', async () => {
    for (const path of new Set(operations.map((operation) => operation.path))) {
      const known = operations.filter((operation) => operation.path === path).map(({ method }) => method);
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((one) => !known.includes(one))) {
        for (const headers of [own(), {}]) {
          const answer = await call(method, path.replaceAll(/\{[^}]+\}/g, randomUUID()), headers);
          // GET /v1/members/lookup is a member whose id is none.
          expect([401, 404, 422]).toContain(problemOf(answer).status);
        }
      }
    }
  });

  it('a method that HTTP does not have: a problem', async () => {
    const answer = await sendBytes(world.surety.apiUrl, 'BREW /v1/payments HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"malformed_request"/);
  });

  it('HEAD says what GET would, without a body; OPTIONS changes nothing', async () => {
    const got = await call('HEAD', '/v1/payments');
    expect([got.status, got.text]).toEqual([200, '']);
    expect((await call('HEAD', '/v1/payments', {})).status).toBe(401);
    for (const path of ['/v1/payments', '/v1/members', '/v1/nothing']) {
      expect((await call('OPTIONS', path)).status).toBeLessThan(500);
    }
  });
});

it('a request whose sender has gone is logged and does no harm: the next is answered', async () => {
  const aborted = Array.from({ length: 50 }, async () => {
    const gone = new AbortController();
    const answer = fetch(`${world.surety.apiUrl}/v1/members/lookup`, {
      method: 'POST',
      headers: writing(),
      body: member,
      signal: gone.signal,
    });
    gone.abort();
    await answer.catch(() => undefined);
  });
  await Promise.all(aborted);
  await eventually(
    async () => (await call('POST', '/v1/members/lookup', writing(), member)).status === 200,
    () => 'no answer any more',
  );
});
