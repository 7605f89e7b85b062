/** The partner's API and the saga behind it, in good health and with bad input. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { verifyPassport } from '../../scripts/verify/passport.js';
import { sealScheduleId } from '../../src/workflows/messages.js';
import { World, eventually, type ApiAnswer } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

describe('an organisation', () => {
  it('has its invoice paid: the fund here and at Invoicebox drawn once, with its transaction id', async () => {
    const invoice = await world.invoice();
    const opened = await world.payAsOrganisation(invoice.id);
    expect(opened.status).toBe(202);
    expect(opened.headers.get('location')).toBe(`/v1/payments/${opened.body.id}`);
    await world.until(opened.body.id, ['paid'], world.keys.organisation);
    const { confirmations } = await world.twin.account('demo-organisation');
    const passport = (await world.call(world.keys.organisation, 'GET', `/v1/payments/${opened.body.id}/passport`)).body;
    expect(confirmations).toContainEqual(
      expect.objectContaining({
        partnerOperationId: opened.body.id,
        transactionId: passport.transactionId,
        amountMinor: 12_345_67,
      }),
    );
    expect(passport).toMatchObject({ state: 'paid', fundDrawnMinor: 12_345_67, pointsCaptured: 0 });
  });

  it('can be proven by its passport once the Schedule has sealed the books', async () => {
    const opened = await world.payAsOrganisation((await world.invoice()).id);
    await world.until(opened.body.id, ['paid'], world.keys.organisation);
    let verdict = verifyPassport(null, null);
    await eventually(
      async () => {
        await world.client.schedule.getHandle(sealScheduleId).trigger();
        const path = `/v1/payments/${opened.body.id}/passport`;
        verdict = verifyPassport((await world.call(world.keys.organisation, 'GET', path)).body, null);
        return verdict.pending === 0 && verdict.sealed > 0;
      },
      () => `it is never sealed: ${JSON.stringify(verdict)}`,
    );
    expect(verdict.findings).toEqual([]);
  });
});

describe('a loyalty payment', () => {
  it('is opened with its price, confirmed, and paid with points rounded up', async () => {
    const before = await world.balance('anna');
    const opened = await world.open((await world.invoice()).id);
    expect([opened.status, opened.body]).toMatchObject([201, { state: 'awaiting_confirmation', points: 12_346 }]);
    const paid = await world.confirm(opened);
    expect([paid.status, paid.body]).toMatchObject([200, { state: 'paid' }]);
    expect(await world.balance('anna')).toEqual({ available: before.available - 12_346, held: 0 });
  });

  it('is the same for whoever opens the invoice again', async () => {
    const invoice = await world.invoice();
    const [first, second] = await Promise.all([world.open(invoice.id), world.open(invoice.id.toUpperCase())]);
    expect(first.body.id).toBe(second.body.id);
    expect([first.status, second.status].sort()).toEqual([200, 201]);
  });

  it('comes back to the buyer with nothing held when his points do not suffice', async () => {
    const opened = await world.open((await world.invoice()).id);
    const answer = await world.confirm(opened, {}, 'boris');
    expect([answer.status, answer.body.code, answer.body.payment]).toMatchObject([
      409,
      'conflict',
      { state: 'awaiting_confirmation', reason: 'insufficient_points' },
    ]);
    expect((await world.balance('boris')).held).toBe(0);
    expect((await world.confirm(opened)).body.state).toBe('paid');
  });

  it('is cancelled by the partner, and then can be confirmed no more', async () => {
    const opened = await world.open((await world.invoice()).id);
    const cancelled = await world.call(world.keys.loyalty, 'POST', `/v1/payments/${opened.body.id}/cancel`, {});
    expect([cancelled.status, cancelled.body.state]).toEqual([200, 'cancelled']);
    const late = await world.confirm(opened);
    expect([late.status, late.body.payment.state]).toEqual([409, 'cancelled']);
  });

  it('expires with its invoice', async () => {
    const invoice = await world.invoice({ expiresAt: new Date(Date.now() + 2_500).toISOString() });
    const opened = await world.open(invoice.id);
    expect(opened.body.state).toBe('awaiting_confirmation');
    await world.until(opened.body.id, ['expired']);
  });
});

describe('Idempotency-Key', () => {
  const key = () => ({ 'idempotency-key': randomUUID() });

  it('answers the first response again, and says so', async () => {
    const [invoice, header] = [await world.invoice(), key()];
    const first = await world.open(invoice.id, header);
    const again = await world.open(invoice.id, header);
    expect(again.body).toEqual(first.body);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
  });

  it('freezes no state of an invoice’s payment that moves: opened again while it settles, it is told as it is', async () => {
    const invoice = await world.invoice();
    const opened = await world.open(invoice.id);
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'confirm', kind: 'pause', when: 'before' });
    const said = world.confirm(opened);
    await world.until(opened.body.id, ['settling']);
    const header = key();
    const moving = await world.open(invoice.id, header);
    expect([moving.status, moving.body]).toMatchObject([202, { id: opened.body.id, state: 'settling' }]);
    await eventually(
      async () => (await world.twin.requests(invoice.id)).some(({ paused }) => paused),
      () => 'Invoicebox is not asked',
    );
    await world.twin.resume(invoice.id, 'confirm');
    await said;
    await world.until(opened.body.id, ['paid']);
    const again = await world.open(invoice.id, header);
    expect([again.status, again.body]).toMatchObject([200, { id: opened.body.id, state: 'paid' }]);
  });

  it('[case idempot-js PR#191] refuses another body under the same key, and knows keys by their route', async () => {
    const header = key();
    const opened = await world.open((await world.invoice()).id, header);
    const other = await world.open((await world.invoice()).id, header);
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_other_body']);
    const paid = await world.confirm(opened, header);
    expect(paid.body.state).toBe('paid');
  });

  it('confirms once for a hundred clicks with one key', async () => {
    const opened = await world.open((await world.invoice()).id);
    const header = key();
    const before = await world.balance('anna');
    const answers = await Promise.all(Array.from({ length: 100 }, () => world.confirm(opened, header)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 409]));
    for (const { status, body } of answers) if (status === 409) expect(body.code).toBe('idempotency_in_flight');
    expect((await world.balance('anna')).available).toBe(before.available - 12_346);
    expect(
      (await world.twin.requests((opened.body as unknown as { invoice: { id: string } }).invoice.id)).filter(
        ({ operation }) => operation === 'confirm',
      ),
    ).toHaveLength(1);
  });

  it('confirms once for fifty clicks with fifty keys, of one member or of two, ten times over', async () => {
    // The server allows ten updates at once; past that it drops workflow tasks that have held already.
    for (let turn = 0; turn < 10; turn++) {
      const opened = await world.open((await world.invoice({ amountMinor: 100 })).id);
      const before = await Promise.all(['anna', 'gleb'].map((member) => world.balance(member)));
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, click) =>
          world.confirm(opened, {}, turn % 2 === 0 || click % 2 === 0 ? 'anna' : 'gleb'),
        ),
      );
      for (const { status } of answers) expect([200, 202, 409, 429]).toContain(status);
      expect((await world.until(opened.body.id, ['paid'])).at(-1)).toBe('paid');
      expect(await world.handle(opened.body.id).result()).toMatchObject({ state: 'paid' });
      const after = await Promise.all(['anna', 'gleb'].map((member) => world.balance(member)));
      const spent = before.map(({ available }, index) => available - (after[index]?.available ?? 0));
      expect([...spent].sort()).toEqual([0, 1]);
    }
  });

  it('is asked for where it is missing', async () => {
    const answer = await world.call(
      world.keys.loyalty,
      'POST',
      '/v1/payments',
      { scheme: 'loyalty', invoiceId: randomUUID() },
      { 'idempotency-key': '' },
    );
    expect([answer.status, answer.body.code]).toEqual([400, 'idempotency_key_required']);
  });

  it('tells the true state now on the replay of a 202', async () => {
    const [invoice, header] = [await world.invoice(), key()];
    const body = { scheme: 'organisation', invoiceId: invoice.id };
    const first = await world.call(world.keys.organisation, 'POST', '/v1/payments', body, header);
    expect(first.status).toBe(202);
    await world.until(first.body.id, ['paid'], world.keys.organisation);
    const again = await world.call(world.keys.organisation, 'POST', '/v1/payments', body, header);
    expect([again.status, again.body.state, again.body.id]).toEqual([200, 'paid', first.body.id]);
  });
});

describe('bad input', () => {
  const problem = ({ status, body, headers }: ApiAnswer) => [
    status,
    body.code,
    headers.get('content-type')?.split(';')[0],
  ];
  const json = 'application/problem+json';

  it.each(['', 'x', '01771534-1a57-f184-dee3', '../../confirm', '01771534-1a57-f184-dee3-ebeb91dded7g', null, 5])(
    'a malformed invoice id (%p): 422, and nothing is called',
    async (invoiceId) => {
      const answer = await world.call(world.keys.loyalty, 'POST', '/v1/payments', { scheme: 'loyalty', invoiceId });
      expect(problem(answer)).toEqual([422, 'invalid_request', json]);
    },
  );

  it('an invoice that Invoicebox does not know: 404', async () => {
    expect(problem(await world.open(randomUUID()))).toEqual([404, 'not_found', json]);
  });

  it("an unknown payment and another partner's: the same 404", async () => {
    const opened = await world.open((await world.invoice()).id);
    const foreign = await world.call(world.keys.organisation, 'GET', `/v1/payments/${opened.body.id}`);
    const unknown = await world.call(world.keys.organisation, 'GET', `/v1/payments/${randomUUID()}`);
    expect(problem(foreign)).toEqual([404, 'not_found', json]);
    expect({ ...foreign.body, requestId: '' }).toEqual({ ...unknown.body, requestId: '' });
    for (const verb of ['confirm', 'cancel']) {
      const body = verb === 'confirm' ? { memberExternalId: 'anna', seen: world.seenOf(opened) } : {};
      expect(
        problem(await world.call(world.keys.organisation, 'POST', `/v1/payments/${opened.body.id}/${verb}`, body)),
      ).toEqual([404, 'not_found', json]);
    }
    expect(problem(await world.call(world.keys.organisation, 'GET', '/v1/payments/nonsense'))).toEqual([
      422,
      'invalid_request',
      json,
    ]);
  });

  it('a wrong, missing or revoked key: 401', async () => {
    for (const key of ['', 'sk_test_wrong', '../']) {
      expect(problem(await world.call(key, 'GET', `/v1/payments/${randomUUID()}`))).toEqual([
        401,
        'unauthorized',
        json,
      ]);
    }
  });

  const expired = () => ({ expiresAt: new Date(Date.now() - 1_000).toISOString() });
  it.each([
    ['expired', expired, 'invoice_expired'],
    ['paid', () => ({ status: 'paid' }), 'paid_elsewhere'],
    ['canceled', () => ({ status: 'canceled' }), 'invoice_canceled'],
    ['partial', () => ({ status: 'partial' }), 'invoice_partial'],
    ['in a currency without a fund', () => ({ currency: 'USD' }), 'currency_unsupported'],
    ['of zero', () => ({ amountMinor: 0 }), 'invoice_unpayable_amount'],
    ['negative', () => ({ rawAmount: -5 }), 'invoice_unpayable_amount'],
    ['with too many fraction digits', () => ({ rawAmount: 1.005 }), 'invoice_unpayable_amount'],
  ])('an invoice that is %s: declined with the reason, nothing held', async (_, change, reason) => {
    const opened = await world.open((await world.invoice(change())).id);
    expect([opened.status, opened.body.state, opened.body.reason]).toEqual([201, 'declined', reason]);
  });

  it.each([
    ['points as text', { points: '12346' }],
    ['points with a fraction', { points: 1.5 }],
    ['points past 2^53', { points: 9007199254740993 }],
    ['an unknown field', { surprise: true }],
  ])('a confirm with %s: 422 naming the field', async (_, change) => {
    const opened = await world.open((await world.invoice()).id);
    const body = { memberExternalId: 'anna', seen: { ...world.seenOf(opened), ...change } };
    const answer = await world.call(world.keys.loyalty, 'POST', `/v1/payments/${opened.body.id}/confirm`, body);
    expect(problem(answer)).toEqual([422, 'invalid_request', json]);
    expect(JSON.stringify(answer.body)).toContain('seen');
    expect((await world.read(opened.body.id)).state).toBe('awaiting_confirmation');
  });

  it('a confirm of another sum than the invoice has: 409 with the true state, nothing held', async () => {
    const opened = await world.open((await world.invoice()).id);
    const body = { memberExternalId: 'anna', seen: { ...world.seenOf(opened), amountMinor: 1 } };
    const answer = await world.call(world.keys.loyalty, 'POST', `/v1/payments/${opened.body.id}/confirm`, body);
    expect([answer.status, answer.body.payment.state]).toEqual([409, 'awaiting_confirmation']);
  });

  it('a body over the limit: 413; not JSON: 400', async () => {
    const large = { scheme: 'loyalty', invoiceId: randomUUID(), padding: 'x'.repeat(100_000) };
    expect(problem(await world.call(world.keys.loyalty, 'POST', '/v1/payments', large))).toEqual([
      413,
      'body_too_large',
      json,
    ]);
    expect(problem(await world.call(world.keys.loyalty, 'POST', '/v1/payments', '{"scheme":'))).toEqual([
      400,
      'malformed_json',
      json,
    ]);
  });
});
