/** The codec server that the Temporal UI asks: for its pages alone, for operators alone, and every time in the audit log. */
import { randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { defaultPayloadConverter } from '@temporalio/common';
import { HttpBuyer } from '../../scripts/httpBuyer.js';
import { EncryptingCodec } from '../../src/codec.js';
import { actsOf, addOperator } from '../support/console.js';
import { World } from '../support/world.js';

const key = (id: string) => `${id}:${randomBytes(32).toString('base64')}`;
const codecKeys = key('k1');

let world: World;
let viewer: string;
/** The UI's origin. */
let ui: string;
beforeAll(async () => {
  world = await World.open({ codecKeys });
  ui = world.temporal.uiUrl;
  viewer = await cookieOf('viktor');
});
afterAll(async () => {
  await world.close();
});

/** Logs in as a browser does. @returns the Cookie header of the session */
async function cookieOf(login: string): Promise<string> {
  const operator = new HttpBuyer();
  const page = await operator.open(`${world.surety.apiUrl}/console`);
  const isOffered = page.html.includes(`value="${login}"`);
  await operator.press(page, isOffered ? login : 'Войти', undefined, isOffered ? {} : { login });
  return operator.cookiesOf(world.surety.apiUrl);
}

async function payloads(values: readonly unknown[], keys = codecKeys) {
  const encoded = await new EncryptingCodec(keys).encode(
    values.map((value) => defaultPayloadConverter.toPayload(value)),
  );
  const text = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString('base64');
  return encoded.map(({ metadata, data }) => ({
    metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [name, text(value)])),
    data: text(data),
  }));
}

function decode(body: unknown, headers: Record<string, string> = {}, method = 'POST') {
  return fetch(`${world.surety.apiUrl}/codec/decode?preserveStorageRefs=true`, {
    method,
    headers: { 'content-type': 'application/json', 'x-namespace': 'surety', ...headers },
    ...(method === 'POST' ? { body: typeof body === 'string' ? body : JSON.stringify(body) } : {}),
  });
}
const asViewer = () => ({ origin: ui, cookie: viewer });

async function read(response: Response): Promise<unknown[]> {
  const { payloads: opened } = (await response.json()) as { payloads: { data: string }[] };
  return opened.map(({ data }) => JSON.parse(Buffer.from(data, 'base64').toString()) as unknown);
}

describe('the codec server', () => {
  it('decrypts for an operator who asks from the Temporal UI, and writes it down', async () => {
    const response = await decode({ payloads: await payloads([{ points: 100 }, 'two']) }, asViewer());
    expect(response.status).toBe(200);
    expect(await read(response)).toEqual([{ points: 100 }, 'two']);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'access-control-allow-origin': ui,
      'access-control-allow-credentials': 'true',
      'cache-control': 'no-store',
      vary: expect.stringContaining('Origin'),
    });
    expect((await actsOf(world, 'codec.decode'))[0]).toMatchObject({
      operator: 'viktor',
      outcome: 'done',
      subject: 'surety',
      detail: { payloads: 2 },
    });
  });

  it('gives back what is not encrypted as it is', async () => {
    const response = await decode({ payloads: await payloads([7], 'plain') }, asViewer());
    expect(await read(response)).toEqual([7]);
  });

  it('lets the UI’s origin alone ask in a browser', async () => {
    const preflight = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-namespace' };
    const allowed = await decode(null, { ...preflight, origin: ui }, 'OPTIONS');
    expect([allowed.status, allowed.headers.get('access-control-allow-origin')]).toEqual([204, ui]);
    expect(allowed.headers.get('access-control-allow-headers')).toContain('x-namespace');
    const before = (await actsOf(world, 'codec.decode')).length;
    const others = [world.surety.apiUrl, ui.replace('http:', 'https:'), `${ui}.evil.example`, `${ui}0`, 'null', ''];
    for (const origin of others) {
      for (const method of ['OPTIONS', 'POST']) {
        const headers = { ...preflight, cookie: viewer, ...(origin === '' ? {} : { origin }) };
        const refused = await decode({ payloads: await payloads([1]) }, headers, method);
        const seen = [refused.status, refused.headers.get('access-control-allow-origin'), await refused.text()];
        expect([origin, method, ...seen]).toEqual([origin, method, 403, null, '']);
      }
    }
    expect((await actsOf(world, 'codec.decode')).length).toBe(before);
  });

  it('shows nothing to whoever is not logged in, or no longer', async () => {
    const body = { payloads: await payloads(['secret']) };
    for (const cookie of ['', '__Host-surety-console=made-up', viewer.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A'))]) {
      const response = await decode(body, { origin: ui, cookie });
      expect([response.status, (await response.text()).includes('secret')]).toEqual([401, false]);
      // The UI may read why.
      expect(response.headers.get('access-control-allow-origin')).toBe(ui);
    }
  });

  it('refuses who sees some partners only, since a payload does not say whose it is; and writes that down', async () => {
    await addOperator(world, {
      login: 'one-partner',
      roles: ['viewer', 'operator', 'approver'],
      partners: [world.partnerIds.loyalty],
    });
    const response = await decode(
      { payloads: await payloads(['secret']) },
      { origin: ui, cookie: await cookieOf('one-partner') },
    );
    expect([response.status, (await response.text()).includes('secret')]).toEqual([403, false]);
    expect((await actsOf(world, 'codec.decode'))[0]).toMatchObject({ operator: 'one-partner', outcome: 'refused' });
  });

  it.each([
    ['no JSON', '{', 400],
    ['nothing', '', 400],
    ['no payloads', {}, 400],
    ['data that is no base64', { payloads: [{ metadata: {}, data: '!' }] }, 400],
    ['a payload that is text', { payloads: ['x'] }, 400],
    ['more payloads than a page has', { payloads: Array.from({ length: 5_001 }, () => ({})) }, 400],
    ['a body past every page', { payloads: [{ data: 'A'.repeat(3_000_000) }] }, 413],
  ])('refuses %s', async (_, body, status) => {
    expect((await decode(body, asViewer())).status).toBe(status);
  });

  it('refuses what was encrypted with another key, or was touched, and names no key', async () => {
    const [touched] = await payloads(['secret']);
    const bytes = Buffer.from(touched?.data ?? '', 'base64');
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    for (const wrong of [await payloads(['secret'], key('k2')), [{ ...touched, data: bytes.toString('base64') }]]) {
      const response = await decode({ payloads: wrong }, asViewer());
      expect([response.status, (await response.text()).includes('k2')]).toEqual([422, false]);
    }
  });

  it('is for POST alone, and encrypts for nobody', async () => {
    for (const [method, path] of [
      ['GET', '/codec/decode'],
      ['POST', '/codec/encode'],
      ['POST', '/codec'],
    ] as const) {
      const response = await fetch(world.surety.apiUrl + path, { method, headers: asViewer() });
      expect([method, path, response.status]).toEqual([method, path, 404]);
    }
  });

  it('does not take two origins for one', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest(`${world.surety.apiUrl}/codec/decode`, { method: 'POST' }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on('error', reject);
      request.setHeader('origin', [ui, 'https://evil.example']);
      request.end();
    });
    expect(status).toBe(403);
  });
});
