/** One attempt to deliver, against real servers: what a partner's endpoint gets, and how little a bad one can do. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { AddressGuard, isPublicAddress, type Resolve } from '../../src/webhooks/address.js';
import { WebhookClient, type WebhookMessage } from '../../src/webhooks/client.js';
import { whatIsWrongWith } from '../../src/webhooks/endpointUrl.js';
import { newWebhookSecret } from '../../src/webhooks/signature.js';
import { drip, Receiver, silence, status, stream, verifies } from './receiver.js';

const secret = newWebhookSecret();
const body = '{"id":"1","type":"points.credited","data":{"points":1.0,"reference":"Счёт \\u2116 5"}}';
const open: { close(): Promise<void> }[] = [];
const timeouts = { connectMs: 1_000, totalMs: 1_500 };

function client(guard = new AddressGuard(true)): WebhookClient {
  const made = new WebhookClient(guard, timeouts, 'Surety/test');
  open.push(made);
  return made;
}

async function receiver(answer = status(204)): Promise<Receiver> {
  const made = await Receiver.open(answer);
  open.push(made);
  return made;
}

const to = (url: string, change: Partial<WebhookMessage> = {}): WebhookMessage => ({
  url,
  id: '019a-1',
  body,
  secrets: [secret],
  ...change,
});

/** What is wrong with a URL for ever. */
const final = (problem: string) => ({ problem, mayPass: false });

/** Whatever a name resolves to, in turn; the last stays. */
function resolving(...answers: string[]): Resolve {
  return () => {
    const address = (answers.length > 1 ? answers.shift() : answers[0]) ?? '';
    return Promise.resolve([{ address, family: address.includes(':') ? 6 : 4 }]);
  };
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

describe('what an endpoint gets', () => {
  it('the raw bytes, signed as Standard Webhooks says', async () => {
    const endpoint = await receiver();
    const before = Math.floor(Date.now() / 1_000);
    expect(await client().deliver(to(`${endpoint.url}/hooks?a=b`))).toEqual({
      kind: 'answered',
      status: 204,
      retryAfterMs: null,
    });
    const [received] = endpoint.received;
    if (received === undefined) throw new Error('nothing came');
    expect(received.body.toString()).toBe(body);
    expect(received.path).toBe('/hooks?a=b');
    expect(received.headers['content-type']).toBe('application/json');
    expect(received.id).toBe('019a-1');
    expect(received.timestamp).toBeGreaterThanOrEqual(before);
    expect(verifies(received, secret)).toBe(true);
    expect(verifies(received, newWebhookSecret())).toBe(false);
  });

  it('[case webhooks.js#71] the raw bytes decide: the same JSON written anew does not verify', async () => {
    const endpoint = await receiver();
    await client().deliver(to(endpoint.url));
    const [received] = endpoint.received;
    if (received === undefined) throw new Error('nothing came');
    const again = Buffer.from(JSON.stringify(JSON.parse(body)));
    expect(again.equals(received.body)).toBe(false);
    expect(verifies({ ...received, body: again }, secret)).toBe(false);
    expect(verifies(received, secret)).toBe(true);
  });

  it('two signatures while its secret is replaced: each verifies alone', async () => {
    const endpoint = await receiver();
    const next = newWebhookSecret();
    await client().deliver(to(endpoint.url, { secrets: [next, secret] }));
    const [received] = endpoint.received;
    if (received === undefined) throw new Error('nothing came');
    expect(received.signatures).toHaveLength(2);
    expect(verifies(received, next)).toBe(true);
    expect(verifies(received, secret)).toBe(true);
  });
});

describe('what it answers', () => {
  it.each([200, 302, 410, 429, 500])('status %i is told as it is', async (code) => {
    const endpoint = await receiver(status(code, { 'retry-after': '7' }));
    expect(await client().deliver(to(endpoint.url))).toEqual({ kind: 'answered', status: code, retryAfterMs: 7_000 });
  });

  it('[case documenso PR#3166, oneuptime#2578] a 302 to a loopback address: followed nowhere', async () => {
    const inside = await receiver();
    const endpoint = await receiver(status(302, { location: inside.url }));
    expect(await client().deliver(to(endpoint.url))).toMatchObject({ kind: 'answered', status: 302 });
    expect(inside.received).toEqual([]);
  });

  it('a body without end: decided by the status line, at once', async () => {
    const endpoint = await receiver(stream);
    const beganMs = performance.now();
    expect(await client().deliver(to(endpoint.url))).toMatchObject({ kind: 'answered', status: 200 });
    expect(performance.now() - beganMs).toBeLessThan(1_000);
  });

  it.each([
    ['a byte a second', drip],
    ['nothing at all', silence],
  ])('%s: given up when the time is over', async (_, answer) => {
    const endpoint = await receiver(answer);
    const beganMs = performance.now();
    expect(await client().deliver(to(endpoint.url))).toEqual({ kind: 'problem', problem: 'timeout' });
    expect(performance.now() - beganMs).toBeLessThan(timeouts.totalMs + 1_000);
  });

  it.each([
    ['headers without end', 'HTTP/1.1 200 OK\r\n' + 'x-more: 0123456789\r\n'.repeat(5_000), 'malformed_answer'],
    ['what is no HTTP', '220 mail.example.org ESMTP\r\n', 'malformed_answer'],
    ['an end before the first byte', '', 'connection_lost'],
  ] as const)('%s: a problem, and no more', async (_, text, problem) => {
    const server: Server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(text));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await client().deliver(to(`http://127.0.0.1:${port}/`))).toEqual({ kind: 'problem', problem });
    server.close();
  });

  it('nobody listens: said as it is', async () => {
    const endpoint = await Receiver.open();
    await endpoint.close();
    expect(await client().deliver(to(endpoint.url))).toEqual({ kind: 'problem', problem: 'connection_refused' });
  });
});

const inside = [
  'https://[::ffff:7f00:1]/', 'https://[::ffff:127.0.0.1]/', 'https://[::]/', 'https://[::1]/', 'https://0x7f000001/',
  'https://2130706433/', 'https://0177.0.0.1/', 'https://127.1/', 'https://0/', 'https://0.0.0.0/', 'https://100.64.0.1/',
  'https://10.1.2.3/', 'https://172.16.0.1/', 'https://192.168.1.1/', 'https://169.254.169.254/latest/meta-data/',
  'https://198.18.0.1/', 'https://224.0.0.1/', 'https://255.255.255.255/', 'https://[fe80::1]/', 'https://[fd00::1]/',
  'https://[::7f00:1]/', 'https://[64:ff9b::7f00:1]/', 'https://[2002:7f00:1::]/', 'https://[ff02::1]/',
  'https://017700000001/', 'https://0x7f.0x0.0x0.0x1/', 'https://0x7f.1/', 'https://127.0.1/', 'https://127.255.255.254/',
  'https://%31%32%37.0.0.1/', 'https://１２７.０.０.１/', 'https://①②⑦.⓪.⓪.①/', 'https://127。0。0。1/', 'https://127.0.0.1./',
  'https://0xa9fea9fe/', 'https://2852039166/', 'https://[::ffff:a9fe:a9fe]/', 'https://[::ffff:10.0.0.1]/', 'https://[0:0:0:0:0:ffff:7f00:0001]/',
  'https://[0000::1]/', 'https://[64:ff9b::a00:1]/', 'https://[2002:a00:1::]/', 'https://[fc00::1]/', 'https://[febf::1]/',
  'https://[ff05::2]/', 'https://[100::1]/', 'https://[2001:db8::1]/', 'https://192.0.2.1/', 'https://198.51.100.1/', 'https://203.0.113.1/',
  'https://192.0.0.1/', 'https://172.31.255.255/', 'https://240.0.0.1/', 'https://0.1.2.3/',
]; // prettier-ignore

describe('[case documenso PR#3166, oneuptime#2578] addresses of our own network', () => {
  const guard = new AddressGuard(false);

  it.each(inside)('%s: refused when registered, and when connecting', async (url) => {
    expect(await whatIsWrongWith(url, guard, false)).toEqual(final('must lead to a public address'));
    expect(await client(guard).deliver(to(url))).toEqual({ kind: 'problem', problem: 'refused_address' });
  });

  it.each(['localhost', 'LOCALHOST.', 'foo.localhost'])(
    '%s: refused when registered, and when connecting',
    async (host) => {
      const wrong = await whatIsWrongWith(`https://${host}/`, guard, false);
      expect(wrong?.problem).toMatch(/public address|does not resolve/);
      const attempt = await client(guard).deliver(to(`https://${host}/`));
      expect(attempt).toMatchObject({ kind: 'problem' });
      expect(['refused_address', 'dns']).toContain(attempt.kind === 'problem' ? attempt.problem : '');
    },
  );

  it('a name that changes to 127.0.0.1 after it was registered: refused when connecting, and nothing is sent', async () => {
    const endpoint = await receiver();
    const { port } = new URL(endpoint.url);
    const changing = new AddressGuard(false, resolving('93.184.215.14', '127.0.0.1'));
    expect(await whatIsWrongWith(`https://hooks.example.org:${port}/`, changing, false)).toBeNull();
    const attempt = await client(changing).deliver(to(`http://hooks.example.org:${port}/`));
    expect(attempt).toEqual({ kind: 'problem', problem: 'refused_address' });
    expect(endpoint.received).toEqual([]);
  });

  it('a name with one private address among public ones: refused', async () => {
    const mixed = new AddressGuard(false, () =>
      Promise.resolve([
        { address: '93.184.215.14', family: 4 },
        { address: '::ffff:10.0.0.1', family: 6 },
      ]),
    );
    expect(await whatIsWrongWith('https://hooks.example.org/', mixed, false)).toEqual(
      final('must lead to a public address'),
    );
    expect(await client(mixed).deliver(to('https://hooks.example.org/'))).toMatchObject({ problem: 'refused_address' });
  });

  it.each<[string, Resolve]>([
    ['is not known', () => Promise.resolve([])],
    ['cannot be looked up at the moment', () => Promise.reject(new Error('ESERVFAIL'))],
  ])('a name that %s is no refused address, and may be right tomorrow', async (_, resolve) => {
    const unsure = new AddressGuard(false, resolve);
    const url = 'https://hooks.example.org/';
    expect(await whatIsWrongWith(url, unsure, false)).toEqual({
      problem: 'has a host name that does not resolve',
      mayPass: true,
    });
    expect(await client(unsure).deliver(to(url))).toEqual({ kind: 'problem', problem: 'dns' });
  });

  it('the same where both look-ups of a name fail, by whatever name servers there are', async () => {
    expect(await whatIsWrongWith('https://hooks.invalid/', guard, false)).toEqual({
      problem: expect.stringContaining('does not resolve'),
      mayPass: true,
    });
  });

  it.each(['8.8.8.8', '93.184.215.14', '2a00:1450:4001:82f::200e'])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
});

describe('what may be registered', () => {
  const guard = new AddressGuard(false, resolving('93.184.215.14'));

  it.each([
    ['http://hooks.example.org/', 'must begin with https://'],
    ['ftp://hooks.example.org/', 'must begin with https://'],
    ['https://user:secret@hooks.example.org/', 'must not carry credentials'],
    ['https://hooks.example.org/#part', 'must not have a fragment'],
    ['https://hooks.example.org:25/', 'must use port 443, or one from 1024 up'],
    ['hooks.example.org', 'is not a URL'],
    [`https://hooks.example.org/${'x'.repeat(2_000)}`, 'is longer than 2000 characters'],
    ['https://hooks.example.org/a?b=c', null],
    ['https://hooks.example.org:8443/', null],
  ])('%.60s: %j', async (url, wrong) => {
    expect(await whatIsWrongWith(url, guard, false)).toEqual(wrong === null ? null : final(wrong));
  });

  it('loopback over http in test mode alone', async () => {
    expect(await whatIsWrongWith('http://127.0.0.1:3000/', new AddressGuard(true), true)).toBeNull();
    expect(await whatIsWrongWith('http://10.0.0.1:3000/', new AddressGuard(true), true)).toEqual(
      final('must lead to a public address'),
    );
  });
});

afterAll(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});
