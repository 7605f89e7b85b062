import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { InvoiceFacts, InvoiceStatus } from '../../src/domain/invoice.js';
import { mayConfirmAfter, mayConfirmAgainFrom, proofOf, type ProofSituation } from '../../src/domain/proof.js';
import { probesBeforeReview, proveDelayMs } from '../../src/domain/proveSchedule.js';

const times = { pendingGapMs: 30_000, quietMs: 120_000, marginMs: 600_000 };
const invoice: InvoiceFacts = { status: 'pending', amountMinor: 100, currency: 'RUB', expiresAtMs: 10_000_000 };
const situation: ProofSituation = {
  nowMs: 1_000_000,
  heldAmountMinor: 100,
  heldCurrency: 'RUB',
  lastAttemptEndedAtMs: 1_000_000 - times.quietMs,
  pendingSinceMs: 1_000_000 - times.pendingGapMs,
};

describe('what a read proves about an unknown outcome', () => {
  it('paid: by somebody; only the repeat tells by whom', () => {
    expect(proofOf({ ...invoice, status: 'paid' }, situation, times)).toEqual({ kind: 'paid_by_somebody' });
  });

  it.each([
    ['two reads far enough apart, long enough after the last attempt', {}, true],
    ['the first pending read', { pendingSinceMs: null }, false],
    ['two reads 29 s apart', { pendingSinceMs: situation.nowMs - 29_000 }, false],
    ['119 s after the last attempt', { lastAttemptEndedAtMs: situation.nowMs - 119_000 }, false],
  ])('pending, %s: may confirm again = %s', (_, change, mayConfirmAgain) => {
    expect(proofOf(invoice, { ...situation, ...change }, times)).toEqual({ kind: 'still_pending', mayConfirmAgain });
  });

  it.each([
    ['another amount', { amountMinor: 101 }, 'changed_after_unknown'],
    ['another currency', { currency: 'USD' }, 'changed_after_unknown'],
    ['an amount that cannot be read', { amountMinor: null }, 'changed_after_unknown'],
    ['partial', { status: 'partial' as const }, 'partial_after_unknown'],
  ])('%s: never confirmed again', (_, change, reason) => {
    expect(proofOf({ ...invoice, ...change }, situation, times)).toEqual({ kind: 'never_confirm_again', reason });
  });

  it.each([
    [
      'canceled, margin past the attempt',
      { status: 'canceled' as const },
      { lastAttemptEndedAtMs: 400_000 },
      'not_paid',
    ],
    [
      'canceled, a moment before the margin',
      { status: 'canceled' as const },
      { lastAttemptEndedAtMs: 400_001 },
      'nothing',
    ],
    ['expired, margin past both', { expiresAtMs: 400_000 }, { lastAttemptEndedAtMs: 400_000 }, 'not_paid'],
    ['expired, within the margin of the expiry', { expiresAtMs: 400_001 }, { lastAttemptEndedAtMs: 0 }, 'nothing'],
    ['expired, within the margin of the attempt', { expiresAtMs: 0 }, { lastAttemptEndedAtMs: 400_001 }, 'nothing'],
    ['a status nobody has seen', { status: 'unknown' as const }, {}, 'nothing'],
  ])('%s: %s', (_, change, past, kind) => {
    expect(proofOf({ ...invoice, ...change }, { ...situation, ...past }, times).kind).toBe(kind);
  });

  it('never says "not paid" of a paid invoice, nor allows a repeat at another amount', () => {
    const anyInvoice = fc.record({
      status: fc.constantFrom<InvoiceStatus>('pending', 'paid', 'canceled', 'partial', 'unknown'),
      amountMinor: fc.option(fc.constantFrom(100, 101)),
      currency: fc.constantFrom('RUB', 'USD'),
      expiresAtMs: fc.option(fc.integer({ min: 0, max: 2_000_000 })),
    });
    const anySituation = fc.record({
      nowMs: fc.integer({ min: 0, max: 2_000_000 }),
      heldAmountMinor: fc.constant(100),
      heldCurrency: fc.constant('RUB'),
      lastAttemptEndedAtMs: fc.integer({ min: 0, max: 2_000_000 }),
      pendingSinceMs: fc.option(fc.integer({ min: 0, max: 2_000_000 })),
    });
    fc.assert(
      fc.property(anyInvoice, anySituation, (read, at) => {
        const proof = proofOf(read, at, times);
        if (read.status === 'paid') expect(proof.kind).toBe('paid_by_somebody');
        if (proof.kind === 'still_pending' && proof.mayConfirmAgain) {
          expect([read.status, read.amountMinor, read.currency]).toEqual(['pending', 100, 'RUB']);
        }
        if (proof.kind === 'not_paid')
          expect(at.nowMs - at.lastAttemptEndedAtMs).toBeGreaterThanOrEqual(times.marginMs);
      }),
    );
  });
});

describe('the prove schedule', () => {
  it('reads at 5 s, 15 s, 1 min, 5 min, 15 min, 1 h, then hourly for a day, then daily', () => {
    const seconds = Array.from({ length: probesBeforeReview + 2 }, (_, probe) => proveDelayMs(probe, 1) / 1000);
    expect(seconds.slice(0, 7)).toEqual([5, 15, 60, 300, 900, 3600, 3600]);
    expect(seconds.slice(6, probesBeforeReview).every((delay) => delay === 3600)).toBe(true);
    expect(seconds.slice(probesBeforeReview)).toEqual([86_400, 86_400]);
    const firstDay = seconds.slice(0, probesBeforeReview).reduce((sum, delay) => sum + delay, 0);
    expect(firstDay).toBeGreaterThanOrEqual(24 * 3600);
    expect(firstDay).toBeLessThan(26 * 3600);
  });
});

describe('repeating the confirm at somebody’s wish', () => {
  it('is possible from exactly then on', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 5_000_000 }),
        fc.integer({ min: 0, max: 5_000_000 }),
        (pendingSinceMs, lastAttemptEndedAtMs) => {
          const from = mayConfirmAgainFrom({ lastAttemptEndedAtMs }, pendingSinceMs, times);
          const at = (nowMs: number) =>
            proofOf(
              { ...invoice, expiresAtMs: null },
              { ...situation, nowMs, pendingSinceMs, lastAttemptEndedAtMs },
              times,
            );
          expect(at(from)).toEqual({ kind: 'still_pending', mayConfirmAgain: true });
          expect(at(from - 1)).toEqual({ kind: 'still_pending', mayConfirmAgain: false });
        },
      ),
    );
  });

  it.each([
    [null, false, 'when_proven_safe'],
    [null, true, 'when_paid'],
    ['unproven', false, 'when_proven_safe'],
    ['already_paid_after_unknown', false, 'when_proven_safe'],
    ['already_paid_after_unknown', true, 'when_paid'],
    ['ledger_refused', false, 'when_paid'],
    ['released_by_person', true, 'when_paid'],
    ['changed_after_unknown', false, 'never'],
    ['partial_after_unknown', false, 'never'],
    ['paid_after_release', true, 'never'],
  ] as const)('in review for %s, released %s: %s', (review, released, expected) => {
    expect(mayConfirmAfter(review, released)).toBe(expected);
  });
});
