/** An organisation's policy in the whole of Surety: what is paid of itself, what waits for an approver, what is declined. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { stateQuery } from '../../src/workflows/messages.js';
import { eventually, World, type ApiAnswer } from '../support/world.js';

const policy = {
  currencies: ['RUB'],
  limits: { RUB: { invoiceMinor: 100_000_00, approvalAboveMinor: 10_000_00 } },
  rules: [
    { effect: 'refuse', vatNumberStartsWith: '666' },
    { effect: 'ask', descriptionContains: 'подарок' },
  ],
};

let world: World;
/** Of somebody who approves and can do nothing else. */
let approver: string;
beforeAll(async () => {
  // A read of a second ago is old: what an approver says is always compared with what the invoice says then.
  world = await World.open({
    timings: { freshnessMs: 1_000 },
    temporalSetup: { SWEEP_EVERY_MS: '1000', SWEEP_GRACE_MS: '300' },
  });
  await world.surety.admin.query('UPDATE partner SET organisation_policy = $2 WHERE id = $1', [
    world.partnerIds.organisation,
    { ...policy, otherwise: 'allow' },
  ]);
  const body = { name: 'approver', scopes: ['payments:approve', 'payments:read'] };
  const made = await world.call(world.keys.organisation, 'POST', '/v1/api-keys', body);
  ({ key: approver } = made.body as unknown as { key: string });
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

const say = (id: string, verb: 'confirm' | 'refuse' | 'cancel', body: object, key = approver) =>
  world.call(key, 'POST', `/v1/payments/${id}/${verb}`, body);

interface Waiting {
  readonly invoice: { readonly amountMinor: number; readonly currency: string; readonly version: number };
  readonly reason: string;
  readonly state: string;
}

const read = async (id: string) => (await world.read(id, approver)) as unknown as Waiting;

async function seen(id: string) {
  const { invoice } = await read(id);
  return { amountMinor: invoice.amountMinor, currency: invoice.currency, version: invoice.version };
}

async function waiting(change: Record<string, unknown> = { amountMinor: 20_000_00 }) {
  const invoice = await world.invoice(change);
  const { body } = await world.payAsOrganisation(invoice.id);
  await world.until(body.id, ['awaiting_approval'], approver);
  // The ledger knows it a moment before the workflow, and a signal that comes between is too early: it is ignored.
  await eventually(
    async () => (await world.handle(body.id).query(stateQuery)).state === 'awaiting_approval',
    () => `the workflow of ${body.id} waits for nobody`,
  );
  return { id: body.id, invoiceId: invoice.id };
}

const confirms = async (invoiceId: string) =>
  (await world.twin.requests(invoiceId)).filter(({ operation }) => operation === 'confirm').length;
const problem = ({ status, body }: ApiAnswer) => [status, body.code, (body as unknown as { refusal?: string }).refusal];

describe('an organisation’s invoice', () => {
  it.each<[string, Record<string, unknown>, string, string | null]>([
    ['of a small sum is paid of itself', { amountMinor: 10_000_00 }, 'paid', null],
    ['above the sum waits for an approver', { amountMinor: 10_000_01 }, 'awaiting_approval', 'approval_above_amount'],
    ['for what a rule names waits too', { amountMinor: 5, description: 'Подарок' }, 'awaiting_approval', 'approval_by_rule'],
    ['past the limit is declined', { amountMinor: 100_000_01 }, 'declined', 'over_invoice_limit'],
    ['of a refused customer is declined', { amountMinor: 5, customer: { vatNumber: '6660001' } }, 'declined', 'refused_by_rule'],
  ])('%s', async (_, change, state, reason) => {
    const { body } = await world.payAsOrganisation((await world.invoice(change)).id);
    await world.until(body.id, [state], approver);
    expect(await read(body.id)).toMatchObject({ state, reason });
  }); // prettier-ignore

  it('never puts into its history whose it is and what for', async () => {
    const { id } = await waiting({
      amountMinor: 5,
      description: 'Подарок тайный',
      customer: { vatNumber: '7710044140' },
    });
    const history = JSON.stringify(await world.handle(id).fetchHistory());
    const all = Buffer.from(history).toString() + decodedOf(history);
    for (const secret of ['тайный', '7710044140']) expect(all).not.toContain(secret);
    expect(all).toContain('approval_by_rule');
  });
});

it('an invoice of a batch whose sum changes while its calls are turned away is not paid, the others are', async () => {
  const [edited, other] = await Promise.all([1, 2].map(() => world.invoice({ amountMinor: 100 })));
  if (edited === undefined || other === undefined) throw new Error('no invoices');
  await world.twin.arrangeFault({
    ...{ invoiceId: edited.id, operation: 'confirm', kind: 'refuse', status: 429, code: 'busy', times: 9_999 },
  });
  const batches = '/v1/payment-batches';
  const batch = async (path: string, body?: object) =>
    (await world.call(world.keys.organisation, body === undefined ? 'GET' : 'POST', `${batches}${path}`, body)).body;
  const { id } = await batch('', { invoiceIds: [edited.id, other.id] });
  await eventually(
    async () => (await confirms(edited.id)) > 0,
    () => 'it was never called',
  );
  await world.twin.editInvoice(edited.id, { amountMinor: 101 });
  await eventually(
    async () => (await batch(`/${id}`)).state === 'finished',
    () => 'the batch does not finish',
  );
  const { data } = (await batch(`/${id}/items`)) as unknown as { data: object[] };
  expect(data).toMatchObject([
    { invoiceId: edited.id, state: 'declined', reason: 'amount_changed' },
    { invoiceId: other.id, state: 'paid', reason: null },
  ]);
  const { confirmations } = await world.twin.account('demo-organisation');
  expect(confirmations.map(({ invoiceId }) => invoiceId)).not.toContain(edited.id);
});

describe('an approver', () => {
  it('approves what he saw, and it is paid once', async () => {
    const { id, invoiceId } = await waiting();
    expect(await confirms(invoiceId)).toBe(0);
    const answer = await say(id, 'confirm', { seen: await seen(id) });
    expect([answer.status, answer.body.state]).toEqual([200, 'paid']);
    expect(await confirms(invoiceId)).toBe(1);
    const passport = await world.call(approver, 'GET', `/v1/payments/${id}/passport`);
    const { openedBy, confirmation } = passport.body as unknown as {
      openedBy: { id: string };
      confirmation: { actor: { kind: string; id: string } };
    };
    expect(confirmation.actor.kind).toBe('api_key');
    expect(confirmation.actor.id).not.toBe(openedBy.id);
  });

  it('is not who has opened it, whatever his key may', async () => {
    const { id } = await waiting();
    const own = await say(id, 'confirm', { seen: await seen(id) }, world.keys.organisation);
    expect(problem(own)).toEqual([409, 'conflict', 'own_approval']);
    // Past the API, the ledger says the same.
    const { rows } = await world.surety.admin.query<{ opener: object }>(
      'SELECT opened_by AS opener FROM payment WHERE id = $1',
      [id],
    );
    await world.handle(id).signal('confirmPayment', {
      ...{ memberId: null, seen: { ...(await seen(id)), points: 0 }, actor: rows[0]?.opener },
      ...{ confirmationId: randomUUID(), notAfter: Date.now() + 60_000 },
    });
    await eventually(
      async () => (await read(id)).reason === 'own_approval',
      () => 'nobody was told',
    );
    expect((await say(id, 'confirm', { seen: await seen(id) })).body.state).toBe('paid');
  });

  it('needs the scope; without it nothing happens', async () => {
    const { id } = await waiting();
    const made = await world.call(world.keys.organisation, 'POST', '/v1/api-keys', {
      name: 'opener',
      scopes: ['payments:write', 'payments:read'],
    });
    const { key } = made.body as unknown as { key: string };
    expect(problem(await say(id, 'confirm', { seen: await seen(id) }, key)).slice(0, 2)).toEqual([403, 'forbidden']);
    expect(problem(await say(id, 'refuse', {}, key)).slice(0, 2)).toEqual([403, 'forbidden']);
    expect((await read(id)).state).toBe('awaiting_approval');
  });

  it('is asked again when the sum has changed since he looked, with nothing held and nothing called', async () => {
    const { id, invoiceId } = await waiting();
    const before = await seen(id);
    await world.twin.editInvoice(invoiceId, { amountMinor: 30_000_00 });
    await world.untilStale(id, 1_000, approver);
    const answer = await say(id, 'confirm', { seen: before });
    expect(problem(answer)).toEqual([409, 'conflict', 'amount_changed']);
    expect(await read(id)).toMatchObject({
      state: 'awaiting_approval',
      reason: 'amount_changed',
      invoice: { amountMinor: 30_000_00, version: before.version + 1 },
    });
    expect(await confirms(invoiceId)).toBe(0);
    expect((await say(id, 'confirm', { seen: await seen(id) })).body.state).toBe('paid');
  });

  it('is asked again when it is for something else by now, at the same sum', async () => {
    const { id, invoiceId } = await waiting();
    const before = await seen(id);
    await world.twin.editInvoice(invoiceId, { description: 'Совсем другое' });
    await world.untilStale(id, 1_000, approver);
    expect(problem(await say(id, 'confirm', { seen: before }))).toEqual([409, 'conflict', 'invoice_changed']);
    expect((await say(id, 'confirm', { seen: await seen(id) })).body.state).toBe('paid');
  });

  it('says no, with a reason that is kept', async () => {
    const { id, invoiceId } = await waiting();
    const answer = await say(id, 'refuse', { reason: 'not_our_order' });
    expect([answer.status, answer.body.state, answer.body.reason]).toEqual([200, 'declined', 'not_our_order']);
    expect(await confirms(invoiceId)).toBe(0);
    expect(problem(await say(id, 'confirm', { seen: await seen(id) })).slice(0, 2)).toEqual([409, 'conflict']);
  });

  it('finds it expired with its invoice, or cancelled by who has opened it', async () => {
    const expiresAt = new Date(Date.now() + 3_000).toISOString();
    const { id } = await waiting({ amountMinor: 20_000_00, expiresAt });
    const other = await waiting();
    const cancelled = await say(other.id, 'cancel', { reason: 'not_needed' }, world.keys.organisation);
    expect([cancelled.body.state, cancelled.body.reason]).toEqual(['cancelled', 'not_needed']);
    await world.until(id, ['expired'], approver);
  });

  it('may speak by a signal, where the partner trusts signals', async () => {
    const { id } = await waiting();
    const message = {
      memberId: null,
      confirmationId: randomUUID(),
      notAfter: Date.now() + 60_000,
      actor: { kind: 'signal', id: 'their-erp' },
    };
    // Without a version it is no approval of anything.
    const { version, ...sum } = await seen(id);
    await world.handle(id).signal('confirmPayment', { ...message, seen: { ...sum, points: 0 } });
    await world.handle(id).signal('confirmPayment', { ...message, seen: { ...sum, points: 0, version } });
    await world.until(id, ['paid'], approver);
  });

  it('is still waited for by a payment whose workflow was lost', async () => {
    const { id } = await waiting();
    await world.handle(id).terminate('lost');
    let answer: ApiAnswer | null = null;
    await eventually(
      async () => {
        answer = await say(id, 'confirm', { seen: await seen(id) });
        return answer.body.state === 'paid';
      },
      () => `it could not be approved any more: ${JSON.stringify(answer)}`,
    );
  });

  it.each([
    ['without a version', { seen: { amountMinor: 1, currency: 'RUB' } }, 'seen.version'],
    ['of points', { seen: { amountMinor: 1, currency: 'RUB', points: 5, version: 1 } }, 'seen.points'],
    [
      'of a member',
      { memberExternalId: 'anna', seen: { amountMinor: 1, currency: 'RUB', version: 1 } },
      'memberExternalId',
    ],
  ])('cannot give an approval %s: 422 by name', async (_, body, field) => {
    const { id } = await waiting();
    const answer = await say(id, 'confirm', body);
    expect(answer.status).toBe(422);
    expect(JSON.stringify(answer.body)).toContain(field);
  });
});

describe('a limit of the day', () => {
  it('declines what would pass it, and counts again what was given back', async () => {
    const { rows } = await world.surety.admin.query<{ spent: string }>(
      "SELECT coalesce(max(amount_minor), 0) AS spent FROM organisation_spending WHERE partner_id = $1 AND period = 'month'",
      [world.partnerIds.organisation],
    );
    const monthMinor = Number(rows[0]?.spent) + 1_000;
    await world.surety.admin.query(
      `UPDATE partner SET organisation_policy = jsonb_set(organisation_policy, '{limits,RUB,monthMinor}', to_jsonb($2::bigint)) WHERE id = $1`,
      [world.partnerIds.organisation, monthMinor],
    );
    const refusedByInvoicebox = await world.invoice({ amountMinor: 900 });
    await world.twin.arrangeFault({
      invoiceId: refusedByInvoicebox.id,
      operation: 'confirm',
      kind: 'refuse',
      status: 422,
      code: 'limit_reached',
    });
    const pay = async (invoiceId: string, state: string) => {
      const { body } = await world.payAsOrganisation(invoiceId);
      await world.until(body.id, ['paid', 'declined'], approver);
      expect(await read(body.id)).toMatchObject({ state });
      return read(body.id);
    };
    expect((await pay(refusedByInvoicebox.id, 'declined')).reason).toBe('refused');
    await pay((await world.invoice({ amountMinor: 900 })).id, 'paid');
    expect((await pay((await world.invoice({ amountMinor: 101 })).id, 'declined')).reason).toBe('over_month_limit');
    await pay((await world.invoice({ amountMinor: 100 })).id, 'paid');
  });
});

/** What the payloads of a history hold, in plain text. */
function decodedOf(history: string): string {
  return [...history.matchAll(/"data":\{"type":"Buffer","data":\[([\d,]*)\]\}|"data":"([A-Za-z0-9+/=]+)"/g)]
    .map(([, bytes, base64]) =>
      bytes === undefined
        ? Buffer.from(base64 ?? '', 'base64').toString()
        : Buffer.from(bytes.split(',').map(Number)).toString(),
    )
    .join('\n');
}
