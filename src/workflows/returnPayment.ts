/**
 * Books a return that was approved, once. Invoicebox is asked before what the invoice reads, for the record alone: a refund
 * after the goods were sent leaves it paid, so no answer decides anything, and the buyer's points don't wait long for one.
 * The partner is told in the booking's transaction. Started after the approval's commit, or by the Schedule.
 */
import { ActivityFailure, proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type * as returnActivities from '../activities/returns.js';
import type { ReturnEnd, ReturnRead } from '../activities/returns.js';
import { priorities } from './calls.js';
import { taskQueues, type ReturnPayment } from './messages.js';

type ReadActivities = ReturnType<typeof returnActivities.createReturnReadActivities>;
type BookActivities = ReturnType<typeof returnActivities.createReturnActivities>;

const { bookReturn } = proxyLocalActivities<BookActivities>({
  startToCloseTimeout: '10 s',
  retry: { initialInterval: '100 ms', backoffCoefficient: 2, maximumInterval: '10 s' },
  localRetryThreshold: '5 s',
});

export async function returnPayment(key: ReturnPayment): Promise<ReturnEnd> {
  const read = await readInvoice(key);
  return bookReturn(key, read, Date.now());
}

async function readInvoice(key: ReturnPayment): Promise<ReturnRead | null> {
  const { readInvoiceForReturn } = proxyActivities<ReadActivities>({
    taskQueue: taskQueues.invoicebox,
    priority: { fairnessKey: key.partnerId, priorityKey: priorities.lateProof },
    startToCloseTimeout: '45 s',
    heartbeatTimeout: '6 s',
    scheduleToCloseTimeout: '1 min',
    retry: { initialInterval: '1 s', backoffCoefficient: 2, maximumInterval: '15 s' },
    summary: 'Read what the invoice says at Invoicebox, for the record',
  });
  try {
    return await readInvoiceForReturn(key);
  } catch (error) {
    // Booked all the same, with nothing read: the approval decided, not the invoice.
    if (error instanceof ActivityFailure) return null;
    throw error;
  }
}
