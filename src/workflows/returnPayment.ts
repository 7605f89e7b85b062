/**
 * Books a return that was approved, once. Invoicebox is asked before what the invoice reads, for the record alone: a refund
 * after the goods were sent leaves it paid, so no answer decides anything, and the buyer's points don't wait long for one.
 * The partner is told in the booking's transaction. Started after the approval's commit, or by the Schedule.
 */
import { ActivityFailure, proxyActivities, proxyLocalActivities, setCurrentDetails } from '@temporalio/workflow';
import type * as returnActivities from '../activities/returns.js';
import type { ReturnEnd, ReturnRead, ReturnWork } from '../activities/returns.js';
import { callPriority } from '../domain/quota.js';
import { taskQueues, type ReturnPayment } from './messages.js';

type ReadActivities = ReturnType<typeof returnActivities.createReturnReadActivities>;
type BookActivities = ReturnType<typeof returnActivities.createReturnActivities>;

const { findReturn, bookReturn } = proxyLocalActivities<BookActivities>({
  startToCloseTimeout: '10 s',
  retry: { initialInterval: '100 ms', backoffCoefficient: 2, maximumInterval: '10 s' },
  localRetryThreshold: '5 s',
});

/** Longer the buyer's points don't wait for what decides nothing. */
const readWithinMs = 10 * 60_000;
const atLeastMs = 3_000;

export async function returnPayment(key: ReturnPayment): Promise<ReturnEnd> {
  const work = await findReturn(key);
  const read = work?.state === 'approved' ? await readInvoice(key.partnerId, work) : null;
  setCurrentDetails('**approved** · The points are being given back.\n\nNothing to do.');
  const end = await bookReturn(key, read, Date.now());
  setCurrentDetails(`**${end.outcome}** · It is over.`);
  return end;
}

async function readInvoice(partnerId: string, { invoiceId, policy }: ReturnWork): Promise<ReturnRead | null> {
  const { readInvoiceForReturn } = proxyActivities<ReadActivities>({
    taskQueue: taskQueues.invoicebox,
    priority: callPriority(partnerId, policy.quota, 'lateProof'),
    startToCloseTimeout: '45 s',
    heartbeatTimeout: '6 s',
    scheduleToCloseTimeout: Math.max(atLeastMs, readWithinMs * policy.waitScale),
    retry: { initialInterval: '1 s', backoffCoefficient: 2, maximumInterval: '60 s' },
    summary: 'Read what the invoice says at Invoicebox, for the record',
  });
  setCurrentDetails(
    '**approved** · The invoice is read at Invoicebox, for the record alone.\n\nThe points are given back with or without an answer. Nothing to do.',
  );
  try {
    return await readInvoiceForReturn(partnerId, invoiceId);
  } catch (error) {
    // Booked all the same, with nothing read: the approval decided, not the invoice.
    if (error instanceof ActivityFailure) return null;
    throw error;
  }
}
