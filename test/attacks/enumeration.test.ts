/**
 * Looking for what there is: an id that is another's is answered as one that there is not, on every page of the buyer and
 * whatever door is tried; and no id leads to the next. (The API: test/api/walls.test.ts. The console says that something is
 * another partner's, with a line in its log: test/attacks/consoleRoles.test.ts.)
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { loyaltyPartner } from '../../scripts/demoWorld.js';
import { HttpBuyer } from '../../scripts/httpBuyer.js';
import { applyPartner } from '../../scripts/partner.js';
import { KeyRing } from '../../src/keyring.js';
import { testKeys } from '../support/books.js';
import { entryLink } from '../support/browser.js';
import { everything } from '../support/everything.js';
import { send, type RawAnswer } from '../support/rawHttp.js';
import { buyerRoutes } from '../support/routes.js';
import { World } from '../support/world.js';

let world: World;
/** Another programme, with an id of each kind that there is. */
let otherKey: string;
let payments: Readonly<Record<'own' | 'foreign' | 'organisation', string>>;
let anna: HttpBuyer;
let csrf: string;
beforeAll(async () => {
  world = await World.open({ environment: { SURETY_KEY_REQUESTS_PER_SECOND: '10000' } });
  const file = loyaltyPartner(world.surety.twin.host, world.surety.options.timings);
  const client = await world.surety.admin.connect();
  const applied = await applyPartner(client, { ...file, slug: 'other' }, new KeyRing(testKeys), true);
  client.release();
  otherKey = applied.apiKey ?? '';
  const open = async (key: string, scheme: string) => {
    const { body } = await world.call(key, 'POST', '/v1/payments', { scheme, invoiceId: (await world.invoice()).id });
    return body.id;
  };
  payments = {
    own: await open(world.keys.loyalty, 'loyalty'),
    foreign: await open(otherKey, 'loyalty'),
    organisation: await open(world.keys.organisation, 'organisation'),
  };
  anna = new HttpBuyer();
  const page = await anna.press(await anna.open(entryLink(world, (await world.invoice()).id)), 'anna');
  csrf = /name="csrf" value="([^"]*)"/.exec(page.html)?.[1] ?? '';
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

/** Without what is made anew each time, and without what was asked for itself. */
const told = (
  { status, text, headers: { date, etag, 'content-length': length, ...headers } }: RawAnswer,
  id: string,
) => {
  expect([typeof date, typeof etag, typeof length].includes('undefined') && status === 200).toBe(false);
  const plain = (value: unknown) =>
    String(value)
      .replaceAll(id, '<id>')
      .replaceAll(/(state|nonce|code_challenge)=[\w-]+/g, '$1=')
      .replaceAll(/-login-[\w-]+=[\w-]+/g, '-login-')
      .replaceAll(/Expires=[^;]+/g, '')
      .replaceAll(/name="idempotencyId" value="[^"]*"/g, '');
  return [status, Object.entries(headers).map(([name, value]) => `${name}: ${plain(value)}`), plain(text)];
};

function ask(route: string, id: string, cookie: string, query = ''): Promise<RawAnswer> {
  const [method = '', path = ''] = route.split(' ');
  const address = path.replace(':slug', 'kafeteriy').replace(':id', id);
  const form = new URLSearchParams({
    csrf,
    idempotencyId: randomUUID(),
    amountMinor: '1234567',
    currency: 'RUB',
    points: '12346',
  });
  const posts = method === 'POST';
  return send(
    world.surety.apiUrl,
    method,
    query === '' ? address : `${address}?${query}`,
    { cookie, ...(posts ? { 'content-type': 'application/x-www-form-urlencoded', origin: world.surety.apiUrl } : {}) },
    posts ? form.toString() : '',
  );
}

describe('a payment', () => {
  const routes = buyerRoutes.filter((route) => route.includes(':id'));

  it('has these addresses', () => {
    expect(routes.length).toBeGreaterThanOrEqual(6);
  });

  it.each(routes.map((route) => [route]))(
    '%s: of somebody logged in, another partner’s is not there',
    async (route) => {
      const before = await everything(world.surety.admin);
      const cookie = anna.cookiesOf(world.surety.apiUrl);
      const [unknown, ...others] = [uuidv7(), payments.foreign, payments.organisation, randomUUID()];
      const right = await ask(route, unknown, cookie);
      expect([right.status, right.text]).toEqual([404, expect.stringContaining('data-view="not_found"')]);
      for (const id of others) expect(told(await ask(route, id, cookie), id)).toEqual(told(right, unknown));
      expect(await everything(world.surety.admin)).toEqual(before);
    },
  );

  it.each(routes.map((route) => [route]))('%s: of nobody logged in, none is there, and none is not', async (route) => {
    const unknown = uuidv7();
    const right = await ask(route, unknown, '');
    expect([right.status, right.text]).toEqual([401, expect.stringContaining('data-view="session_lost"')]);
    for (const id of Object.values(payments)) expect(told(await ask(route, id, ''), id)).toEqual(told(right, unknown));
    // A session of another programme is none here.
    const cookie = anna.cookiesOf(world.surety.apiUrl).replaceAll('kafeteriy', 'other');
    for (const id of Object.values(payments))
      expect(told(await ask(route, id, cookie), id)).toEqual(told(right, unknown));
  });
});

describe('an invoice', () => {
  it('is answered the same to nobody whether there is one, it is being paid, it is paid, or there is none', async () => {
    const waiting = await world.invoice();
    const opened = await world.open((await world.invoice()).id);
    const paid = await world.open((await world.invoice()).id);
    await world.confirm(paid);
    await world.until(paid.body.id, ['paid']);
    const { rows } = await world.surety.admin.query<{ invoice_id: string }>(
      'SELECT invoice_id FROM payment WHERE id = ANY ($1)',
      [[opened.body.id, paid.body.id]],
    );
    const invoices = [waiting.id, ...rows.map(({ invoice_id: id }) => id)];
    const unknown = randomUUID();
    for (const route of ['GET /pay/:slug', 'GET /pay/:slug/login', 'GET /pay/:slug/payments']) {
      const right = await ask(route, '', '', `invoiceId=${unknown}&payment=${unknown}`);
      for (const id of invoices)
        expect(told(await ask(route, '', '', `invoiceId=${id}&payment=${id}`), id)).toEqual(told(right, unknown));
    }
  });
});

describe('what opens a door', () => {
  it('a login token that is spent, over, another programme’s or none: the same page', async () => {
    const make = async (key: string) =>
      (await world.call(key, 'POST', '/v1/login-tokens', { memberExternalId: 'boris' })).body as unknown as {
        token: string;
      };
    const [spent, over, foreign] = [
      await make(world.keys.loyalty),
      await make(world.keys.loyalty),
      await make(otherKey),
    ];
    const link = async (token: string) => entryLink(world, (await world.invoice()).id, `&token=${token}`);
    const press = async (token: string) => {
      const buyer = new HttpBuyer();
      const { status, html } = await buyer.press(await buyer.open(await link(token)), 'Продолжить');
      return [status, html.replaceAll(/[0-9a-f-]{36}/g, '<id>')];
    };
    expect((await press(spent.token))[0]).toBe(200);
    await world.surety.admin.query(`UPDATE login_token SET expires_at = now() WHERE spent_at IS NULL`);
    const right = await press('A'.repeat(43));
    expect(right[0]).toBe(400);
    for (const { token } of [spent, over, foreign]) expect(await press(token)).toEqual(right);
  });

  it('an API key that is revoked, over or none, and what is no key: the same answer', async () => {
    const make = async () =>
      (await world.call(world.keys.loyalty, 'POST', '/v1/api-keys', { name: 'x', scopes: ['fund:read'] }))
        .body as unknown as { id: string; key: string };
    const [revoked, over] = [await make(), await make()];
    await world.call(world.keys.loyalty, 'POST', `/v1/api-keys/${revoked.id}/revoke`);
    await world.surety.admin.query('UPDATE api_key SET expires_at = now() WHERE id = $1', [over.id]);
    const keyed = (authorization: string) => send(world.surety.apiUrl, 'GET', '/v1/fund', { authorization });
    const plain = ({ status, text, headers: { date, etag, ...headers } }: RawAnswer) => {
      expect([typeof date, typeof etag]).toEqual(['string', 'string']);
      return [status, headers, text.replace(/"requestId":"[^"]*"/, '')];
    };
    const right = plain(await keyed(`Bearer sk_test_${'A'.repeat(43)}`));
    expect(right[0]).toBe(401);
    for (const authorization of [
      `Bearer ${revoked.key}`,
      `Bearer ${over.key}`,
      `Bearer ${world.keys.loyalty.slice(0, -1)}`,
      `Bearer ${world.keys.loyalty}x`,
      `bearer ${world.keys.loyalty}`,
      `Basic ${world.keys.loyalty}`,
      'Bearer ',
      'Bearer \u00e4',
      `Bearer ${'x'.repeat(5_000)}`,
      '',
    ])
      // prettier-ignore
      expect([authorization, plain(await keyed(authorization))]).toEqual([authorization, right]);
  });
});

it('no id leads to the next: what is not the time in it is random', async () => {
  const made = await Promise.all(
    Array.from({ length: 40 }, async (_, n) => {
      const { body } = await world.call(world.keys.loyalty, 'POST', '/v1/members', { externalId: `guess-${n}` });
      return body.id;
    }),
  );
  const opened = await Promise.all(
    Array.from({ length: 10 }, async () => (await world.open((await world.invoice()).id)).body.id),
  );
  for (const ids of [made, opened]) {
    const tails = ids.map((id) => BigInt(`0x${id.replaceAll('-', '').slice(20)}`)).sort((a, b) => (a < b ? -1 : 1));
    const gaps = tails.slice(1).map((tail, n) => tail - (tails[n] ?? 0n));
    // Of 48 bits: no two of fifty are within a thousand of each other, but for one time in a hundred millions.
    expect(gaps.every((gap) => gap > 1_000n)).toBe(true);
  }
});
