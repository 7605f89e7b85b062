import type { PaymentPolicy } from '../src/domain/payment.js';

/** Of the payments that a bench opens by the ledger itself. */
export const benchPolicy: PaymentPolicy = {
  ...{ freshnessMs: 60_000, quoteTtlMs: 1_800_000, giveUpAfterMs: 900_000, pendingGapMs: 30_000, quietMs: 120_000 },
  ...{ marginMs: 600_000, waitScale: 1, trustTemporalSignals: true },
};
