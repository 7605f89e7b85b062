/** A paid purchase is given back: the merchant's refund at the twin, then two people of the partner's say so here. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Scene } from './plots.js';

const pollMs = 200;
const patienceMs = 120_000;

/** In two parts at once, each asked for and approved; then all must be back, and not a kopeck more can be. */
export async function giveBack({ machines, caller, purchase }: Scene): Promise<void> {
  const payment = await caller.read();
  if (payment?.state !== 'paid') return;
  const { invoiceId } = purchase;
  const { amountMinor } = payment.invoice;
  purchase.stage = 'giving back';
  caller.takeTime(patienceMs);
  await machines.persistently(async () => {
    try {
      await machines.surety.twin.reverseInvoice(invoiceId, { restoreFund: true, status: 'paid' });
    } catch (error) {
      // Done before, and its answer was lost.
      if (!/ 0 minor units are left/.test(String(error))) throw error;
    }
  });
  const first = Math.floor(amountMinor / 3);
  // What an operator does is done to one saga.
  const isOne = purchase.planned.cell.fault.kind === 'operator';
  const parts = isOne ? [amountMinor] : [first, amountMinor - first];
  await Promise.all(parts.map((part, index) => giveBackPart(part, `part-${index}`, caller, purchase)));
  if (caller.isOutOfTime) return;
  const after = await caller.read();
  if (after !== null && (after.returnedMinor !== amountMinor || after.returnedPoints !== after.points)) {
    purchase.complaints.push(
      `${after.returnedMinor} of ${amountMinor} and ${after.returnedPoints} of ${after.points} points came back`,
    );
  }
  const tooMuch = await caller.ask('returns', wishOf(1, 'too much'), randomUUID());
  if (tooMuch.status !== 0 && tooMuch.body.code !== 'more_than_paid') {
    purchase.complaints.push(`a kopeck more was answered ${tooMuch.status} ${tooMuch.body.code ?? ''}`);
  }
}

const wishOf = (amountMinor: number, reference: string) => ({
  amountMinor,
  fundRestored: true,
  reference: reference.replaceAll(' ', '-'),
  reason: 'the fault run',
});

async function giveBackPart(
  amountMinor: number,
  reference: string,
  caller: Scene['caller'],
  purchase: Scene['purchase'],
): Promise<void> {
  const asked = await caller.ask('returns', wishOf(amountMinor, reference), randomUUID());
  const { id: returnId, approvalId } = asked.body;
  if (returnId === undefined || typeof approvalId !== 'string') {
    if (!caller.isOutOfTime) purchase.complaints.push(`a return was answered ${asked.status} ${asked.body.code ?? ''}`);
    return;
  }
  purchase.returnIds.push(returnId);
  caller.willBeNamed(returnId);
  caller.willBeNamed(approvalId);
  await caller.approve(approvalId);
  while (!caller.isOutOfTime) {
    const one = (await caller.returns()).find(({ id }) => id === returnId);
    purchase.stage = `giving back, ${one?.state ?? 'unknown'}`;
    if (one?.state === 'returned') return;
    await pause(pollMs);
  }
  purchase.complaints.push(`the return ${returnId} was never booked`);
}
