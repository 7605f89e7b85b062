/**
 * Every address of the console, by the metadata of its controllers, as everybody who should not have it: nobody, each role,
 * an operator of another partner, a login that is old, a form that is not ours. An address that is not told here fails.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { addOperator } from '../support/console.js';
import { consoleRoutes } from '../support/routes.js';
import { everything } from '../support/everything.js';
import { OperatorVisit } from '../support/operatorVisit.js';
import { eventually, World } from '../support/world.js';

type Role = 'viewer' | 'operator' | 'approver';

interface Told {
  /** `everybody`: before any login, and shows nothing of a partner. */
  readonly role: Role | 'everybody';
  /** Needs a login of a short while ago. */
  readonly fresh?: boolean;
  /** Of what belongs to A: in the address, by the kind of its id; or in the form or query, by A's slug. */
  readonly subject?: string;
  /** A form that would do it. */
  readonly form?: Readonly<Record<string, string>>;
  /** A query that names A. */
  readonly query?: string;
}

const slug = 'kafeteriy';
const evidence = (reason: string) => ({ reason, comment: 'looked at it', reference: 'case-7' });
const month = new Date().toISOString().slice(0, 7);
const ofA = `partner=${slug}`;

const told: Readonly<Record<string, Told>> = {
  'GET /console/login': { role: 'everybody' },
  'GET /console/login/callback': { role: 'everybody' },
  'GET /console/logged-out': { role: 'everybody' },
  'POST /console/logout': { role: 'viewer' },
  'GET /console': { role: 'viewer' },
  'GET /console/review': { role: 'viewer', query: ofA },
  'GET /console/fund': { role: 'viewer', query: ofA },
  'GET /console/fund/statement.csv': { role: 'viewer', query: `${ofA}&currency=RUB&month=${month}` },
  'POST /console/fund/changes': {
    ...{ role: 'operator', fresh: true },
    form: { partner: slug, kind: 'deposit', currency: 'RUB', version: '0', amount: '1', ...evidence('bill_paid') },
  },
  'POST /console/fund/doubt/clear': {
    ...{ role: 'operator', fresh: true },
    form: { partner: slug, version: '1', ...evidence('corrected') },
  },
  'POST /console/fund/low-water': {
    role: 'operator',
    form: { partner: slug, currency: 'RUB', version: 'none', amount: '1', ...evidence('agreed') },
  },
  'POST /console/fund/pause': { role: 'operator', form: { partner: slug, version: 'none', ...evidence('fraud') } },
  'POST /console/fund/resume': { role: 'operator', form: { partner: slug, version: 'none', ...evidence('solved') } },
  'GET /console/reconciliation': { role: 'viewer', query: ofA },
  'GET /console/reconciliation/runs': { role: 'viewer', query: ofA },
  'GET /console/reconciliation/differences/:id': { role: 'viewer', subject: 'difference' },
  'POST /console/reconciliation/run': { role: 'operator', form: { partner: slug } },
  'POST /console/reconciliation/statements': { role: 'operator', form: { partner: slug, key: randomUUID() } },
  'POST /console/reconciliation/differences/:id/explain': {
    ...{ role: 'operator', subject: 'difference' },
    form: { version: 'x', ...evidence('fee') },
  },
  'POST /console/reconciliation/differences/:id/correct': {
    ...{ role: 'operator', fresh: true, subject: 'difference' },
    form: { version: 'x', kind: 'deposit', amount: '5', bookAs: 'case-7', ...evidence('other') },
  },
  'GET /console/members': { role: 'viewer' },
  'POST /console/members/search': { role: 'viewer', form: { partner: slug, member: 'anna' } },
  'GET /console/members/:id': { role: 'viewer', subject: 'member' },
  'POST /console/members/:id/adjust': {
    ...{ role: 'operator', fresh: true, subject: 'member' },
    form: { kind: 'credit', version: 'x', points: '5', expiresOn: '2099-01-01', ...evidence('goodwill') },
  },
  'GET /console/webhooks': { role: 'viewer', query: ofA },
  'GET /console/webhooks/endpoints/:id': { role: 'viewer', subject: 'endpoint' },
  'POST /console/webhooks/endpoints/:id/replay/:eventId': { role: 'operator', subject: 'endpoint' },
  'POST /console/webhooks/endpoints/:id/replay': {
    ...{ role: 'operator', subject: 'endpoint' },
    form: { version: 'disabled', from: '2026-01-01T00:00:00Z', to: '2099-01-01T00:00:00Z', which: 'all' },
  },
  'POST /console/webhooks/endpoints/:id/enable': {
    ...{ role: 'operator', subject: 'endpoint' },
    form: { version: 'disabled', ...evidence('mended') },
  },
  'GET /console/approvals': { role: 'viewer', query: ofA },
  'GET /console/approvals/:id': { role: 'viewer', subject: 'approval' },
  'POST /console/approvals/:id/approve': {
    ...{ role: 'approver', fresh: true, subject: 'approval' },
    form: { version: '1', ...evidence('bill_seen') },
  },
  'POST /console/approvals/:id/reject': {
    ...{ role: 'approver', subject: 'approval' },
    form: { version: '1', ...evidence('not_proven') },
  },
  'POST /console/approvals/:id/withdraw': {
    ...{ role: 'operator', subject: 'approval' },
    form: { version: '1', ...evidence('mistake') },
  },
  'GET /console/audit': { role: 'viewer', query: ofA },
  'GET /console/audit/export.csv': { role: 'viewer', query: ofA },
  'GET /console/audit/:n': { role: 'viewer' },
  'POST /console/audit/verify': { role: 'viewer' },
  'GET /console/payments': { role: 'viewer', query: ofA },
  'POST /console/payments/search': { role: 'viewer', form: { q: 'anna' } },
  'GET /console/payments/export.csv': { role: 'viewer', query: ofA },
  'GET /console/payments/:id': { role: 'viewer', subject: 'payment' },
  'GET /console/payments/:id/passport.json': { role: 'viewer', subject: 'payment' },
  'POST /console/payments/:id/probe': { role: 'operator', subject: 'payment' },
  'POST /console/payments/:id/retry': {
    ...{ role: 'operator', fresh: true, subject: 'payment' },
    form: { version: '1', ...evidence('cause_mended') },
  },
  'POST /console/payments/:id/confirm-again': {
    ...{ role: 'operator', fresh: true, subject: 'payment' },
    form: { version: '1', ...evidence('buyer_waits') },
  },
  'POST /console/payments/:id/resolve': {
    ...{ role: 'operator', fresh: true, subject: 'payment' },
    form: { version: '1', resolution: randomUUID(), outcome: 'not_paid', transaction: '', ...evidence('statement') },
  },
  'POST /codec/decode': { role: 'viewer' },
};

const routes = consoleRoutes;
/** The codec server has answers of its own (test/temporal/codecServer.test.ts). */
const walked = routes.filter((route) => route.startsWith('GET /console') || route.startsWith('POST /console'));
const behindLogin = walked.filter((route) => told[route]?.role !== 'everybody');
const acting = behindLogin.filter((route) => route.startsWith('POST '));
const mayBe = (of: readonly Role[], role: Told['role']): boolean =>
  role === 'everybody' || role === 'viewer' || of.includes(role);

let world: World;
/** A's, by kind. */
let ids: Readonly<Record<string, string>>;
let unknown: Readonly<Record<string, string>>;
const people: Record<string, { visit: OperatorVisit; roles: readonly Role[] }> = {};

beforeAll(async () => {
  world = await World.open({ environment: { SURETY_KEY_REQUESTS_PER_SECOND: '10000' } });
  const post = async (path: string, body: object) => (await world.call(world.keys.loyalty, 'POST', path, body)).body;
  const opened = await world.open((await world.invoice()).id);
  const member = await post('/v1/members', { externalId: 'roles' });
  const endpoint = await post('/v1/webhook-endpoints', { url: `${world.twin.url}/webhook` });
  await world.call(world.keys.loyalty, 'PATCH', `/v1/webhook-endpoints/${endpoint.id}`, { state: 'disabled' });
  const wish = await post('/v1/fund/deposits', { currency: 'RUB', amountMinor: 100, reference: 'roles' });
  ids = {
    payment: opened.body.id,
    member: member.id,
    endpoint: endpoint.id,
    approval: (wish as unknown as { approval: { id: string } }).approval.id,
    difference: await differenceOf(),
    eventId: randomUUID(),
    n: '1',
  };
  unknown = Object.fromEntries(Object.keys(ids).map((kind) => [kind, kind === 'n' ? '999999' : randomUUID()]));
  const partners = [world.partnerIds.organisation];
  await addOperator(world, { login: 'foreign', roles: ['operator', 'approver'], partners });
  people['viktor'] = { visit: await OperatorVisit.of(world, 'viktor'), roles: ['viewer'] };
  people['olga'] = { visit: await OperatorVisit.of(world, 'olga'), roles: ['operator'] };
  people['alla'] = { visit: await OperatorVisit.of(world, 'alla'), roles: ['approver'] };
  people['foreign'] = { visit: await OperatorVisit.of(world, 'foreign', false), roles: ['operator', 'approver'] };
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

const visitOf = (who: string): OperatorVisit => {
  const visit = people[who]?.visit;
  if (visit === undefined) throw new Error(`Nobody is called ${who}`);
  return visit;
};

/** The address of a route, with these ids, and with what names A in its query. */
function addressOf(route: string, of: Readonly<Record<string, string>>, query = ''): string {
  const { subject = 'payment' } = told[route] ?? {};
  const path = route.slice(route.indexOf(' ') + 1);
  const filled = path.replaceAll(/:(\w+)/g, (_, name: string) => of[name === 'id' ? subject : name] ?? '');
  return query === '' ? filled : `${filled}?${query}`;
}

const ask = (who: string, route: string, address: string, form: Readonly<Record<string, string>> = {}) => {
  const visit = visitOf(who);
  return visit.ask(route.split(' ')[0] ?? '', address, { csrf: visit.csrf, ...told[route]?.form, ...form });
};

const actsSince = async (n: number) =>
  (
    await world.surety.admin.query<{ n: string; operator: string; action: string; outcome: string; subject: string }>(
      'SELECT n, operator, action, outcome, subject FROM operator_act WHERE n > $1 ORDER BY n',
      [n],
    )
  ).rows;
const lastAct = async () =>
  Number(
    (await world.surety.admin.query<{ n: string | null }>('SELECT max(n) AS n FROM operator_act')).rows[0]?.n ?? 0,
  );
/** The books of partners; the log of what operators tried is not among them. */
const books = async () => {
  // The other comes at its own hour.
  return { ...(await everything(world.surety.admin)), operator_act: 'any', points_closing: 'any' };
};

it('every address is told here: who may have it, and what names a partner in it', () => {
  expect(Object.keys(told).sort()).toEqual([...routes].sort());
  for (const route of acting.filter((one) => one.includes(':')))
    expect([route, told[route]?.subject]).not.toContain(undefined);
});

describe('nobody', () => {
  it.each(behindLogin.map((route) => [route]))('%s: to the login, or refused; nothing is done', async (route) => {
    const before = await books();
    const [method = '', address] = [route.split(' ')[0], addressOf(route, ids)];
    for (const cookie of ['', '__Host-surety-console=nobody', `__Host-surety-kafeteriy=${randomUUID()}`]) {
      const response = await fetch(world.surety.apiUrl + address, { method, redirect: 'manual', headers: { cookie } });
      const expected = method === 'GET' ? [303, `/console/login?goOn=${encodeURIComponent(address)}`] : [401, null];
      expect([response.status, response.headers.get('location')]).toEqual(expected);
    }
    expect(await books()).toEqual(before);
  });
});

describe.each(['viktor', 'olga', 'alla'])('%s', (who) => {
  it.each(acting.filter((route) => route !== 'POST /console/logout').map((route) => [route]))(
    'refuses %s without the role, with a line in the log, before anything is read; with it, not for want of it',
    async (route) => {
      const { role = 'everybody' } = told[route] ?? {};
      const [before, act] = [await books(), await lastAct()];
      // Of what there is not: nothing is to be done, whoever may.
      const answer = await ask(who, route, addressOf(route, unknown), { partner: 'nothing', version: '0' });
      const refused = (await actsSince(act)).filter(({ action }) => action === 'console.role');
      if (mayBe(people[who]?.roles ?? [], role)) {
        expect([answer.status === 403 && answer.html.includes('Your role does not allow this'), refused]).toEqual([
          false,
          [],
        ]);
        expect(answer.status).toBeLessThan(500);
      } else {
        expect([answer.status, refused]).toMatchObject([
          403,
          [{ operator: who, outcome: 'refused', subject: addressOf(route, unknown) }],
        ]);
      }
      expect(await books()).toEqual(before);
    },
  );
});

describe('an operator of another partner', () => {
  const ofSomebody = behindLogin.filter((route) => {
    const { subject, form, query } = told[route] ?? {};
    return subject !== undefined || form?.['partner'] !== undefined || query !== undefined;
  });

  it.each(ofSomebody.map((route) => [route]))(
    '%s of A: refused with a line in the log, nothing shown, nothing done',
    async (route) => {
      const [before, act] = [await books(), await lastAct()];
      const answer = await ask('foreign', route, addressOf(route, ids, told[route]?.query));
      const lines = await actsSince(act);
      expect([answer.status, lines]).toMatchObject([
        403,
        [{ operator: 'foreign', action: 'console.partner', outcome: 'refused' }],
      ]);
      for (const id of Object.values(ids).filter((one) => one.length > 10)) expect(answer.html).not.toContain(id);
      expect(answer.html).not.toContain('Кафетерий');
      expect(await books()).toEqual(before);
    },
  );

  it('sees nothing of A in any list, export or search', async () => {
    for (const route of behindLogin.filter((one) => one.startsWith('GET ') && !one.includes(':'))) {
      if (route.endsWith('statement.csv')) continue;
      const answer = await ask('foreign', route, addressOf(route, ids));
      expect([route, answer.status]).toEqual([route, 200]);
      for (const id of Object.values(ids).filter((one) => one.length > 10))
        expect([route, answer.html.includes(id)]).toEqual([route, false]);
      expect([route, answer.html.includes('Кафетерий')]).toEqual([route, false]);
    }
    for (const id of [ids['payment'] ?? '', 'anna', 'roles']) {
      const found = await ask('foreign', 'POST /console/payments/search', '/console/payments/search', { q: id });
      expect([found.status, found.location]).toEqual([404, null]);
    }
  });

  it('turns no switch of all partners', async () => {
    const answer = await ask('foreign', 'POST /console/fund/pause', '/console/fund/pause', { partner: '' });
    expect(answer.status).toBe(403);
    expect((await world.surety.admin.query('SELECT FROM pause')).rowCount).toBe(0);
  });
});

describe('who may', () => {
  it.each(acting.filter((route) => told[route]?.fresh === true).map((route) => [route]))(
    '%s: but not with a login of long ago',
    async (route) => {
      const who = told[route]?.role === 'approver' ? 'alla' : 'olga';
      const set = (at: string) =>
        world.surety.admin.query(`UPDATE operator_session SET authenticated_at = ${at} WHERE operator = $1`, [who]);
      await set("now() - interval '1 day'");
      const before = await books();
      const answer = await ask(who, route, addressOf(route, ids));
      expect([answer.status, answer.html.includes('Log in again to do this')]).toEqual([403, true]);
      expect(await books()).toEqual(before);
      await set('now()');
    },
  );

  it.each(acting.map((route) => [route]))('%s: but not by a form that is not ours', async (route) => {
    const who = told[route]?.role === 'approver' ? 'alla' : 'olga';
    const visit = visitOf(who);
    const form = { csrf: visit.csrf, ...told[route]?.form };
    const foreign = visitOf(who === 'olga' ? 'alla' : 'olga').csrf;
    const before = await books();
    const attempts: [Record<string, string>, Record<string, string>][] = [
      [{}, { ...form, csrf: '' }],
      [{}, { ...form, csrf: foreign }],
      [{}, { ...form, csrf: visit.csrf.slice(0, -1) }],
      [{ origin: 'https://evil.example' }, form],
      [{ origin: `${world.surety.apiUrl}.evil.example` }, form],
      [{ 'sec-fetch-site': 'cross-site' }, form],
      [{ 'sec-fetch-site': 'same-site' }, form],
    ];
    for (const [headers, fields] of attempts) {
      const act = await lastAct();
      const response = await fetch(world.surety.apiUrl + addressOf(route, ids), {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie: visit.cookie, ...headers },
        body: new URLSearchParams(fields),
      });
      expect([headers, response.status, await actsSince(act)]).toMatchObject([
        headers,
        403,
        [{ operator: who, action: 'console.form', outcome: 'refused' }],
      ]);
    }
    expect(await books()).toEqual(before);
  });

  it('everything else shows to whoever looks', async () => {
    for (const route of behindLogin.filter((one) => one.startsWith('GET '))) {
      const answer = await ask('viktor', route, addressOf(route, ids, told[route]?.query));
      expect([route, answer.status]).toEqual([route, 200]);
    }
  });
});

/** What a statement tells of and nobody knows. */
async function differenceOf(): Promise<string> {
  const writing = { authorization: `Bearer ${world.keys.loyalty}`, 'idempotency-key': randomUUID() };
  await world.call(world.keys.loyalty, 'PUT', '/v1/fund/statement-mapping', {
    ...{ currency: 'RUB', direction: 'sign' },
    columns: { date: 'date', amount: 'amount', transactionId: 'transaction' },
  });
  await fetch(`${world.surety.apiUrl}/v1/fund/statements`, {
    method: 'POST',
    headers: { ...writing, 'content-type': 'text/csv' },
    body: 'date;amount;transaction\n01.11.2026;-5,00;roles\n',
  });
  let id: string | undefined;
  await eventually(
    async () => {
      const { body } = await world.call(world.keys.loyalty, 'GET', '/v1/fund/differences');
      id = (body as unknown as { data: { id: string }[] }).data[0]?.id;
      return id !== undefined;
    },
    () => 'the statement makes no difference',
  );
  return id ?? '';
}
