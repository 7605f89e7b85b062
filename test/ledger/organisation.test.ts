/** What an organisation's policy asks of the ledger: whose word counts and for what, and the limits of a day and a month. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import type { Actor } from '../../src/domain/payment.js';
import type { PaymentKey } from '../../src/ledger/ledger.js';
import { Books, policy, saga } from '../support/books.js';

const opener: Actor = { kind: 'api_key', id: '11111111-0000-4000-8000-000000000000' };
const approver: Actor = { kind: 'api_key', id: '22222222-0000-4000-8000-000000000000' };

let books: Books;
beforeAll(async () => {
  books = await Books.open({ fundMinor: 1_000_000_000 });
});
afterAll(async () => {
  expect(await books.violations()).toEqual([]);
  await books.close();
});

const limit = (limits: object, zone = 'Europe/Moscow') =>
  books.admin.query(
    `UPDATE partner SET organisation_policy = $2, settings = settings || jsonb_build_object('timeZone', $3::text) WHERE id = $1`,
    [books.partnerId, { limits: { RUB: limits } }, zone],
  );

async function opened(at = Date.now()): Promise<PaymentKey> {
  const { partnerId } = books;
  const paymentId = uuidv7();
  await books.ledger.openPayment({
    ...{ partnerId, paymentId, scheme: 'organisation', invoiceId: randomUUID(), memberId: null },
    ...{ openedBy: opener, policy, links: {}, at },
  });
  return { partnerId, paymentId, epoch: 1 };
}

function read(
  key: PaymentKey,
  change: { amountMinor?: number; print?: string; approval?: string | null } = {},
  at = Date.now(),
) {
  const said = {
    ...{ status: 'pending', number: 'N-1', description: 'test', amountMinor: change.amountMinor ?? 100 },
    ...{ vatAmountMinor: null, currency: 'RUB', paymentUrl: null, print: change.print ?? 'one' },
    expiresAt: new Date(at + 86_400_000).toISOString(),
    approval: (change.approval ?? null) as never,
  };
  return books.ledger.quote(key, said, { points: 0, pricedAt: at }, 0, at);
}

const hold = (
  key: PaymentKey,
  actor: Actor,
  { amountMinor = 100, version }: { amountMinor?: number; version?: number } = {},
  at = Date.now(),
  confirmationId: string = randomUUID(),
) =>
  books.ledger.hold(
    key,
    {
      ...{ memberId: null, actor, confirmationId },
      seen: { amountMinor, currency: 'RUB', points: 0, ...(version === undefined ? {} : { version }) },
    },
    at,
  );

const begin = (key: PaymentKey) => books.ledger.beginAttempt(key, randomUUID(), false, 60_000, Date.now());

async function row({ paymentId }: PaymentKey) {
  const { rows } = await books.admin.query<{ state: string; reason: string | null; read_version: number }>(
    'SELECT state, reason, read_version FROM payment WHERE id = $1',
    [paymentId],
  );
  return rows[0];
}

describe('what needs an approver', () => {
  it('waits for one, and is held on his word alone: not the saga’s, nor the opener’s', async () => {
    const key = await opened();
    expect(await read(key, { approval: 'approval_above_amount' })).toMatchObject({ outcome: 'quoted', version: 1 });
    expect(await row(key)).toEqual({ state: 'awaiting_approval', reason: 'approval_above_amount', read_version: 1 });
    expect(await hold(key, { kind: 'saga', id: key.paymentId })).toEqual({ outcome: 'not_approved' });
    expect(await hold(key, opener, { version: 1 })).toEqual({ outcome: 'own_approval' });
    expect(await hold(key, approver, { version: 1 })).toEqual({ outcome: 'held' });
    expect(await begin(key)).toMatchObject({ outcome: 'go' });
  });

  it('is not held for another version than the one that he saw, although the sum is the same', async () => {
    const key = await opened();
    await read(key, { approval: 'approval_by_rule' });
    expect(await read(key, { approval: 'approval_by_rule' })).toMatchObject({ changed: false, version: 1 });
    expect(await read(key, { print: 'two', approval: 'approval_by_rule' })).toMatchObject({
      changed: true,
      version: 2,
    });
    expect(await row(key)).toMatchObject({ state: 'awaiting_approval', reason: 'invoice_changed' });
    expect(await hold(key, approver, { version: 1 })).toEqual({ outcome: 'changed' });
    expect(await hold(key, approver)).toEqual({ outcome: 'changed' });
    expect(await hold(key, approver, { version: 2 })).toEqual({ outcome: 'held' });
  });

  it('is not paid once the invoice has changed under the hold: it goes back with nothing held', async () => {
    const key = await opened();
    await read(key, { approval: 'approval_by_rule' });
    const confirmationId = randomUUID();
    await hold(key, approver, { version: 1 }, Date.now(), confirmationId);
    await read(key, { print: 'two', approval: 'approval_by_rule' });
    expect(await begin(key)).toEqual({ outcome: 'stale' });
    expect(
      await books.ledger.close(key, 'awaiting_approval', 'invoice_changed', confirmationId, saga, Date.now()),
    ).toEqual({
      outcome: 'closed',
    });
    expect(await row(key)).toEqual({ state: 'awaiting_approval', reason: 'invoice_changed', read_version: 2 });
    expect(await hold(key, approver, { version: 1 }, Date.now(), confirmationId)).toEqual({ outcome: 'given_up' });
    expect(await hold(key, approver, { version: 2 })).toEqual({ outcome: 'held' });
  });

  it('tells the partner each time what the approver has to look at', async () => {
    const key = await opened();
    await read(key, { approval: 'approval_by_rule' });
    await read(key, { amountMinor: 200, print: 'two', approval: 'approval_by_rule' });
    const { rows } = await books.admin.query<{ type: string; data: object }>(
      "SELECT type, body -> 'data' AS data FROM event WHERE payment_id = $1 ORDER BY position",
      [key.paymentId],
    );
    expect(rows).toMatchObject([
      { type: 'payment.awaiting_approval', data: { reason: 'approval_by_rule', amountMinor: 100, version: 1 } },
      { type: 'payment.awaiting_approval', data: { reason: 'amount_changed', amountMinor: 200, version: 2 } },
    ]);
  });

  it('stays so for a read that a worker without policies has made, and nothing that it alone has read is paid', async () => {
    await limit({ dayMinor: 1_000_000 });
    const asked = await opened();
    await read(asked, { approval: 'approval_by_rule' });
    await books.read(asked, { amountMinor: 100 }, 0);
    expect(await hold(asked, { kind: 'saga', id: asked.paymentId })).toEqual({ outcome: 'not_approved' });
    const unjudged = await opened();
    await books.read(unjudged, { amountMinor: 100 }, 0);
    expect(await hold(unjudged, { kind: 'saga', id: unjudged.paymentId })).toEqual({ outcome: 'not_approved' });
  });
});

describe('the limits of a day and a month', () => {
  const minuteMs = 60_000;

  /** In a time that no other case of this file counts in: a property is tried with its like many times. */
  let next = Date.parse('2031-01-31T00:00:00Z');
  const aYearOn = () => (next += 400 * 86_400_000);

  async function spent(period: 'day' | 'month'): Promise<Record<string, number>> {
    const { rows } = await books.admin.query<{ starts_on: string; amount: string }>(
      `SELECT starts_on::text, amount_minor AS amount FROM organisation_spending
        WHERE partner_id = $1 AND period = $2 AND amount_minor <> 0`,
      [books.partnerId, period],
    );
    return Object.fromEntries(rows.map((one) => [one.starts_on, Number(one.amount)]));
  }

  const dateIn = (zone: string, at: number) => new Intl.DateTimeFormat('sv-SE', { timeZone: zone }).format(at);

  it.each(['Asia/Kamchatka', 'Europe/Moscow', 'Europe/Kaliningrad'])(
    'begin at midnight and on the first in %s: what was taken before is given back to before',
    async (zone) => {
      await limit({ dayMinor: 100 }, zone);
      const noon = aYearOn();
      const today = dateIn(zone, noon);
      let at = noon;
      while (dateIn(zone, at) === today) at += minuteMs;
      const before = await opened(at - minuteMs);
      const tooMuch = await opened(at - minuteMs);
      const after = await opened(at);
      for (const key of [before, tooMuch, after]) await read(key);
      const own = (key: PaymentKey) => ({ kind: 'saga', id: key.paymentId }) as const;
      expect(await hold(before, own(before), {}, at - minuteMs)).toEqual({ outcome: 'held' });
      expect(await hold(tooMuch, own(tooMuch), {}, at - 1)).toEqual({ outcome: 'over_limit', which: 'day' });
      expect(await row(tooMuch)).toMatchObject({ state: 'opening', reason: 'over_day_limit' });
      expect(await hold(after, own(after), {}, at)).toEqual({ outcome: 'held' });
      await books.ledger.close(before, 'cancelled', 'test', null, saga, at + minuteMs);
      const days = await spent('day');
      expect([days[today], days[dateIn(zone, at)]]).toEqual([undefined, 100]);
    },
  );

  const step = fc.record({
    do: fc.constantFrom('hold', 'hold', 'hold', 'close', 'capture'),
    which: fc.nat(7),
    amountMinor: fc.integer({ min: 1, max: 60 }),
    minutes: fc.integer({ min: 0, max: 3 * 24 * 60 }),
  });

  it('are never passed, in whatever order; what counts is what is held or paid, on the day that it was taken', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ dayMinor: fc.integer({ min: 20, max: 120 }), monthMinor: fc.integer({ min: 60, max: 200 }) }),
        fc.constantFrom('Asia/Kamchatka', 'Europe/Moscow', 'Europe/Kaliningrad'),
        fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 6 }),
        async (limits, zone, rounds) => {
          await limit(limits, zone);
          const begins = aYearOn();
          const [daysBefore, monthsBefore] = [await spent('day'), await spent('month')];
          const held = new Map<string, { key: PaymentKey; amountMinor: number; day: string }>();
          const final: { amountMinor: number; day: string }[] = [];
          for (const round of rounds) {
            const [closing, ...rest] = [...held.values()];
            await Promise.all([
              ...round
                .filter((one) => one.do === 'hold')
                .map(async ({ amountMinor, minutes }) => {
                  const at = begins + minutes * minuteMs;
                  const key = await opened(at);
                  await read(key, { amountMinor });
                  const answer = await hold(key, { kind: 'saga', id: key.paymentId }, { amountMinor }, at);
                  expect(['held', 'over_limit']).toContain(answer.outcome);
                  if (answer.outcome === 'held') held.set(key.paymentId, { key, amountMinor, day: dateIn(zone, at) });
                }),
              ...(closing !== undefined && round.some((one) => one.do === 'close')
                ? [
                    books.ledger
                      .close(closing.key, 'cancelled', 'test', null, saga, begins + 9e8)
                      .then(() => held.delete(closing.key.paymentId)),
                  ]
                : []),
              ...(rest[0] !== undefined && round.some((one) => one.do === 'capture')
                ? [
                    books.ledger.capture(rest[0].key, 1, randomUUID(), null, begins + 9e8).then((answer) => {
                      expect(answer.outcome).toBe('captured');
                      held.delete(rest[0]?.key.paymentId ?? '');
                      if (rest[0] !== undefined) final.push(rest[0]);
                    }),
                  ]
                : []),
            ]);
            const counted = [...held.values(), ...final];
            const sums = (keyOf: (day: string) => string) => {
              const all: Record<string, number> = {};
              for (const { day, amountMinor } of counted) all[keyOf(day)] = (all[keyOf(day)] ?? 0) + amountMinor;
              return all;
            };
            const [byDay, byMonth] = [sums((day) => day), sums((day) => `${day.slice(0, 7)}-01`)];
            expect([await spent('day'), await spent('month')]).toEqual([
              { ...daysBefore, ...byDay },
              { ...monthsBefore, ...byMonth },
            ]);
            for (const sum of Object.values(byDay)) expect(sum).toBeLessThanOrEqual(limits.dayMinor);
            for (const sum of Object.values(byMonth)) expect(sum).toBeLessThanOrEqual(limits.monthMinor);
          }
        },
      ),
      { numRuns: 25, endOnFailure: true, interruptAfterTimeLimit: 20_000 },
    );
  }, 40_000);

  it('count again what was released by a person and then proves to be paid', async () => {
    await limit({});
    const at = aYearOn();
    const key = await opened(at);
    await read(key);
    await hold(key, { kind: 'saga', id: key.paymentId }, {}, at);
    await begin(key);
    await books.ledger.noteUnproven(
      key,
      { state: 'in_review', reason: 'unproven', lastProbe: null, nextProbeAt: at },
      at,
    );
    const resolutionId = randomUUID();
    await books.recovery.openResolution({
      ...{
        partnerId: books.partnerId,
        paymentId: key.paymentId,
        resolutionId,
        outcome: 'not_paid',
        transactionId: null,
      },
      ...{ reason: 'r', comment: 'c', reference: 'f', actor: saga, at },
    });
    // The last call was long enough ago, and the invoice was read since.
    await books.admin.query(
      "UPDATE payment_attempt SET started_at = started_at - interval '1 hour' WHERE payment_id = $1",
      [key.paymentId],
    );
    await read(key);
    expect(await books.ledger.resolve(key, resolutionId, 60_000, at)).toMatchObject({ outcome: 'resolved' });
    const day = dateIn('Europe/Moscow', at);
    expect((await spent('day'))[day]).toBeUndefined();
    expect(await books.ledger.capture(key, 1, randomUUID(), null, at + 5 * 86_400_000)).toEqual({
      outcome: 'captured_late',
    });
    expect((await spent('day'))[day]).toBe(100);
  });
});
