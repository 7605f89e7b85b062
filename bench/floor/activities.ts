/** What the no-op payment orders: nothing, told as much as ours is told, and answered with as much. */
import type { ConfirmOrder, ConfirmOutcome, QuoteAnswer, ReadOrder } from '../../src/activities/invoicebox.js';
import type { Confirmation } from '../../src/domain/payment.js';
import type { PaymentKey } from '../../src/ledger/ledger.js';

/** As a worker of ours runs them on the queue of Invoicebox. */
export interface Calls {
  readNothing(order: ReadOrder): Promise<QuoteAnswer>;
  confirmNothing(order: ConfirmOrder): Promise<ConfirmOutcome>;
}

/** As it runs the steps of the ledger. */
export interface Steps {
  holdNothing(
    key: PaymentKey,
    confirmation: Omit<Confirmation, 'notAfter'>,
    at: number,
  ): Promise<{ outcome: 'held'; confirmation: Omit<Confirmation, 'notAfter'> }>;
  captureNothing(
    key: PaymentKey,
    n: number,
    transactionId: string,
    requestId: string | null,
    at: number,
  ): Promise<{ outcome: 'captured' }>;
}

export const calls: Calls = {
  readNothing() {
    const at = Date.now();
    const times = { pricedAt: at, readAt: at, expiresAt: at + 86_400_000 };
    return Promise.resolve({ kind: 'quoted', quote: { amountMinor: 100_00, currency: 'RUB', points: 100, ...times } });
  },

  confirmNothing({ key }) {
    const transactionId = key.paymentId;
    const meaning = { kind: 'paid', transactionId, code: 'paid' } as const;
    return Promise.resolve({ kind: 'answered', n: 1, meaning, requestId: transactionId, unrecorded: null });
  },
};

export const steps: Steps = {
  holdNothing: (_key, confirmation) => Promise.resolve({ outcome: 'held', confirmation }),
  captureNothing: () => Promise.resolve({ outcome: 'captured' }),
};
