import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { Ledger, type PaymentKey } from '../src/ledger/ledger.js';
import { benchPolicy } from './policy.js';

/** A loyalty payment whose invoice has been read and priced: what a hold begins with. */
export async function openQuoted(
  ledger: Ledger,
  partnerId: string,
  price: { readonly amountMinor: number; readonly points: number },
): Promise<PaymentKey> {
  const at = Date.now();
  const opened = await ledger.openPayment({
    ...{ partnerId, paymentId: uuidv7(), scheme: 'loyalty', invoiceId: randomUUID(), memberId: null },
    ...{ openedBy: { kind: 'saga', id: 'bench' }, policy: benchPolicy, links: {}, at },
  });
  if (opened.outcome === 'refused') throw new Error(opened.reason);
  const key = { partnerId, paymentId: opened.paymentId, epoch: opened.epoch };
  const { amountMinor, points } = price;
  const read = {
    ...{ status: 'pending', number: 'N-1', description: 'a stay', amountMinor, vatAmountMinor: null, currency: 'RUB' },
    ...{ expiresAt: new Date(at + 86_400_000).toISOString(), paymentUrl: null },
  };
  await ledger.quote(key, read, { points, pricedAt: at }, 0, at);
  return key;
}

/** Holds the points, reserves the fund, and captures both, as for a payment that Invoicebox has confirmed. */
export async function holdAndCapture(
  ledger: Ledger,
  key: PaymentKey,
  memberId: string,
  { amountMinor, points }: { readonly amountMinor: number; readonly points: number },
): Promise<void> {
  const at = Date.now();
  const confirmation = {
    ...{ memberId, seen: { amountMinor, currency: 'RUB', points }, confirmationId: randomUUID() },
    actor: { kind: 'member', id: memberId } as const,
  };
  const held = await ledger.hold(key, confirmation, at);
  const captured = await ledger.capture(key, 1, randomUUID(), 'request', at);
  if (held.outcome !== 'held' || captured.outcome !== 'captured') {
    throw new Error(`A payment went wrong: ${held.outcome}, ${captured.outcome}`);
  }
}
