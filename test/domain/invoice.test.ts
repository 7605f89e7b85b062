import { describe, expect, it } from '@jest/globals';
import { payabilityOf, type InvoiceFacts } from '../../src/domain/invoice.js';

const now = Date.UTC(2026, 0, 1);
const invoice: InvoiceFacts = { status: 'pending', amountMinor: 11_000, currency: 'RUB', expiresAtMs: now + 1 };

describe('whether an invoice can be paid', () => {
  it('pending, in time, in a currency that has a fund: payable', () => {
    expect(payabilityOf(invoice, ['RUB'], now)).toEqual({ kind: 'payable', amountMinor: 11_000, currency: 'RUB' });
  });

  it.each([
    ['paid', { status: 'paid' as const }, 'paid_elsewhere'],
    ['canceled', { status: 'canceled' as const }, 'invoice_canceled'],
    ['partial', { status: 'partial' as const }, 'invoice_partial'],
    ['of an unseen status', { status: 'unknown' as const }, 'invoice_status_unknown'],
    ['of zero', { amountMinor: 0 }, 'invoice_unpayable_amount'],
    ['negative or not exact', { amountMinor: null }, 'invoice_unpayable_amount'],
    ['in a currency without a fund', { currency: 'USD' }, 'currency_unsupported'],
  ])('%s: unpayable', (_, change, reason) => {
    expect(payabilityOf({ ...invoice, ...change }, ['RUB'], now)).toEqual({ kind: 'unpayable', reason });
  });

  it.each([now, now - 1, null])('with an expiry at %p: expired', (expiresAtMs) => {
    expect(payabilityOf({ ...invoice, expiresAtMs }, ['RUB'], now)).toEqual({ kind: 'expired' });
  });
});
