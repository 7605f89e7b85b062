/**
 * Whatever an operator does stands in the audit log before it is done, with what he saw and why, and after it, with what came of
 * it: each action of the console, done once. (Those on a payment whose outcome is not known: test/console/paymentActions.test.ts.)
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from '../../scripts/httpBuyer.js';
import { consoleRoutes } from '../support/routes.js';
import { OperatorVisit } from '../support/operatorVisit.js';
import { eventually, World } from '../support/world.js';
import { Receiver, status } from '../webhooks/receiver.js';

let world: World;
let receiver: Receiver;
/** Operator and approver, and another approver. */
let oleg: OperatorVisit;
let alla: OperatorVisit;
let ids: Readonly<Record<'member' | 'endpoint' | 'explained' | 'corrected', string>>;
const fund = '/console/fund?partner=kafeteriy&currency=RUB';

beforeAll(async () => {
  receiver = await Receiver.open(status(204));
  world = await World.open();
  const post = async (path: string, body: object) => (await world.call(world.keys.loyalty, 'POST', path, body)).body;
  const endpoint = await post('/v1/webhook-endpoints', { url: receiver.url });
  await post('/v1/credits', { memberExternalId: 'acts', points: 100, reference: 'acts' });
  await eventually(
    () => Promise.resolve(receiver.received.length > 0),
    () => 'nothing is delivered',
  );
  await world.call(world.keys.loyalty, 'PATCH', `/v1/webhook-endpoints/${endpoint.id}`, { state: 'disabled' });
  const [explained = '', corrected = ''] = await differences();
  const member = await post('/v1/members/lookup', { externalId: 'acts' });
  ids = { member: member.id, endpoint: endpoint.id, explained, corrected };
  [oleg, alla] = [await OperatorVisit.of(world, 'oleg'), await OperatorVisit.of(world, 'alla')];
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
  await receiver.close();
});

interface Written {
  readonly operator: string;
  readonly outcome: string;
  readonly partner_id: string | null;
  readonly request_id: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

const actsOf = async (action: string): Promise<Written[]> =>
  (
    await world.surety.admin.query<Written>(
      'SELECT operator, outcome, partner_id, request_id, detail FROM operator_act WHERE action = $1 ORDER BY n',
      [action],
    )
  ).rows;

const evidence = (reason: string) => ({
  reason,
  comment: 'looked at it',
  reference: `case-${randomUUID().slice(0, 8)}`,
});
const done = new Set<string>();

/** Does it, and looks for its two lines. @returns the page that it leads to */
async function does(
  who: 'oleg' | 'alla',
  route: string,
  action: string,
  page: string,
  button: string,
  typed: Record<string, string>,
): Promise<Page> {
  done.add(route);
  const before = await actsOf(action);
  const visit = who === 'oleg' ? oleg : alla;
  const answer = await visit.visitor.press(await visit.open(page), button, undefined, typed);
  expect([answer.status, /<h1[^>]*>([^<]*)/.exec(answer.html)?.[1]]).toEqual([200, expect.any(String)]);
  const lines = (await actsOf(action)).slice(before.length);
  expect(lines).toMatchObject([
    { operator: who, outcome: 'asked', partner_id: world.partnerIds.loyalty },
    { operator: who, outcome: 'done', partner_id: world.partnerIds.loyalty, request_id: lines[0]?.request_id },
  ]);
  const { reason, comment } = typed;
  if (reason !== undefined) expect(lines[0]?.detail).toMatchObject({ reason, comment });
  return answer;
}

const pathOf = ({ url }: Page): string => new URL(url).pathname;

describe('the audit log has a line before and a line after', () => {
  it('what is asked of the fund, and who decides it: granted, rejected, taken back', async () => {
    const ask = (button: string, action: string, amount: string, reason: string) =>
      does('oleg', 'POST /console/fund/changes', action, fund, button, { amount, ...evidence(reason) });
    const decide = (who: 'oleg' | 'alla', decision: string, page: Page, button: string, reason: string) =>
      does(
        who,
        `POST /console/approvals/:id/${decision}`,
        `approval.${decision}`,
        pathOf(page),
        button,
        evidence(reason),
      );
    const deposit = await ask('Ask for the deposit', 'fund.deposit', '5', 'bill_paid');
    await decide('alla', 'approve', deposit, 'Approve', 'bill_seen');
    const repayment = await ask('Ask for the repayment', 'fund.repayment', '1', 'bill_paid');
    await decide('alla', 'reject', repayment, 'Reject', 'not_proven');
    const correction = await ask('Ask for the correction', 'fund.correction', '-1', 'other');
    await decide('oleg', 'withdraw', correction, 'Take back', 'mistake');
    for (const action of ['fund.deposit', 'fund.repayment', 'fund.correction'])
      expect((await actsOf(action))[0]?.detail).toMatchObject({
        amountMinor: expect.any(Number),
        shown: { sizeMinor: expect.any(Number) },
      });
    for (const decision of ['approve', 'reject', 'withdraw'])
      expect((await actsOf(`approval.${decision}`))[0]?.detail).toMatchObject({
        shown: { action: expect.stringMatching(/^fund\./) },
      });
  });

  it('the switches and marks of the fund', async () => {
    await does('oleg', 'POST /console/fund/low-water', 'fund.low_water', fund, 'Set the mark', {
      amount: '7',
      ...evidence('agreed'),
    });
    expect((await actsOf('fund.low_water'))[0]?.detail).toMatchObject({ lowWaterMinor: 700, shown: 'none' });
    await world.surety.admin.query('UPDATE surety.partner SET fund_doubted_at = now() WHERE id = $1', [
      world.partnerIds.loyalty,
    ]);
    await does(
      'oleg',
      'POST /console/fund/doubt/clear',
      'fund.doubt_clear',
      fund,
      'Clear the doubt',
      evidence('corrected'),
    );
    expect((await actsOf('fund.doubt_clear'))[0]?.detail).toMatchObject({ shown: { doubtedAtMs: expect.any(Number) } });
    await does('oleg', 'POST /console/fund/pause', 'payments.pause', fund, 'Pause new payments', evidence('fraud'));
    await does('oleg', 'POST /console/fund/resume', 'payments.resume', fund, 'Resume new payments', evidence('solved'));
    expect((await actsOf('payments.pause'))[0]?.detail).toMatchObject({ shown: 'none' });
    expect((await actsOf('payments.resume'))[0]?.detail).toMatchObject({
      shown: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  it('differences and reconciliations', async () => {
    const page = (id: string) => `/console/reconciliation/differences/${id}`;
    await does(
      'oleg',
      'POST /console/reconciliation/differences/:id/explain',
      'difference.explain',
      page(ids.explained),
      'Explain',
      evidence('fee'),
    );
    await does(
      'oleg',
      'POST /console/reconciliation/differences/:id/correct',
      'difference.correct',
      page(ids.corrected),
      'Ask for the correction',
      {
        ...{ kind: 'correction', amount: '-5', bookAs: 'acts-correction' },
        ...evidence('statement_right'),
      },
    );
    for (const action of ['difference.explain', 'difference.correct'])
      expect((await actsOf(action))[0]?.detail).toMatchObject({ shown: expect.stringContaining('open') });
    await does(
      'oleg',
      'POST /console/reconciliation/run',
      'reconciliation.run',
      '/console/reconciliation/runs?partner=kafeteriy',
      'Run now',
      {},
    );
    // A file, as a browser sends it.
    const form = new FormData();
    const fields = { csrf: oleg.csrf, partner: 'kafeteriy', key: randomUUID(), from: '', to: '' };
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    form.set('file', new Blob(['date;amount;transaction\n02.11.2026;-7,00;acts-3\n']), 'statement.csv');
    const answer = await fetch(`${world.surety.apiUrl}/console/reconciliation/statements`, {
      method: 'POST',
      redirect: 'manual',
      headers: { cookie: oleg.cookie },
      body: form,
    });
    done.add('POST /console/reconciliation/statements');
    expect(answer.status).toBe(303);
    expect(await actsOf('reconciliation.upload')).toMatchObject([
      { operator: 'oleg', outcome: 'asked' },
      { outcome: 'done', detail: { statementId: expect.any(String) } },
    ]);
  });

  it('a member’s points', async () => {
    await does(
      'oleg',
      'POST /console/members/:id/adjust',
      'points.adjust',
      `/console/members/${ids.member}`,
      'Ask for the credit',
      {
        ...{ points: '5', expiresOn: '2099-01-01' },
        ...evidence('goodwill'),
      },
    );
    expect((await actsOf('points.adjust'))[0]?.detail).toMatchObject({
      kind: 'credit',
      points: 5,
      shown: expect.any(String),
    });
  });

  it('what is sent again', async () => {
    const page = `/console/webhooks/endpoints/${ids.endpoint}`;
    const of = (what: string) => `POST /console/webhooks/endpoints/:id/${what}`;
    await does('oleg', of('enable'), 'webhook.enable', page, 'Enable again', evidence('mended'));
    expect((await actsOf('webhook.enable'))[0]?.detail).toMatchObject({ shown: { state: 'disabled' } });
    await does('oleg', of('replay'), 'webhook.replay_range', page, 'Replay the range', { which: 'all' });
    const eventId = receiver.received[0]?.event.id ?? '';
    const answer = await oleg.ask('POST', `${page}/replay/${eventId}`, { csrf: oleg.csrf });
    done.add(of('replay/:eventId'));
    expect([answer.status, await actsOf('webhook.replay')]).toMatchObject([
      303,
      [{ outcome: 'asked', detail: { eventId } }, { outcome: 'done' }],
    ]);
  });

  it('whoever is looked at, looked for or taken away: one line, before it is shown', async () => {
    const ask = async (route: string, path: string, fields: Record<string, string>, action: string) => {
      done.add(route);
      const before = (await actsOf(action)).length;
      const [method = ''] = route.split(' ');
      const { status: answered } = await oleg.ask(method, path, { csrf: oleg.csrf, ...fields });
      expect([route, answered < 400]).toEqual([route, true]);
      expect((await actsOf(action)).slice(before)).toMatchObject([{ operator: 'oleg' }]);
    };
    const post = (path: string, fields: Record<string, string>, action: string) =>
      ask(`POST ${path}`, path, fields, action);
    const month = new Date().toISOString().slice(0, 7);
    await post('/console/members/search', { partner: 'kafeteriy', member: 'acts' }, 'member.search');
    await post('/console/payments/search', { q: 'acts' }, 'payment.search');
    await post('/console/audit/verify', {}, 'audit.verify');
    await ask('GET member', `/console/members/${ids.member}`, {}, 'member.look');
    await ask('GET export', '/console/payments/export.csv', {}, 'export.payments');
    await ask('GET export', '/console/audit/export.csv', {}, 'export.audit');
    await ask(
      'GET export',
      `/console/fund/statement.csv?partner=kafeteriy&currency=RUB&month=${month}`,
      {},
      'export.fund_statement',
    );
    await post('/console/logout', {}, 'console.logout');
  });

  it('that is every action there is', () => {
    const acting = consoleRoutes.filter((route) => route.startsWith('POST /console'));
    const elsewhere = acting.filter((route) => /\/payments\/:id\/(probe|retry|confirm-again|resolve)$/.test(route));
    expect(elsewhere.length).toBe(4);
    expect(acting.filter((route) => !done.has(route) && !elsewhere.includes(route))).toEqual([]);
  });
});

/** Two that a statement tells of and nobody knows. */
async function differences(): Promise<string[]> {
  await world.call(world.keys.loyalty, 'PUT', '/v1/fund/statement-mapping', {
    ...{ currency: 'RUB', direction: 'sign' },
    columns: { date: 'date', amount: 'amount', transactionId: 'transaction' },
  });
  await fetch(`${world.surety.apiUrl}/v1/fund/statements`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${world.keys.loyalty}`,
      'idempotency-key': randomUUID(),
      'content-type': 'text/csv',
    },
    body: 'date;amount;transaction\n01.11.2026;-5,00;acts-1\n01.11.2026;-6,00;acts-2\n',
  });
  let found: string[] = [];
  await eventually(
    async () => {
      const { body } = await world.call(world.keys.loyalty, 'GET', '/v1/fund/differences');
      found = (body as unknown as { data: { id: string }[] }).data.map(({ id }) => id);
      return found.length >= 2;
    },
    () => 'the statement makes no differences',
  );
  return found;
}
