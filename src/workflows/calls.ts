/** The activities as a payment calls them: where each runs, how long it may take, what it says in the Temporal UI. */
import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type * as invoiceboxActivities from '../activities/invoicebox.js';
import type * as ledgerActivities from '../activities/ledger.js';
import { callPriority, type InvoiceboxCall } from '../domain/quota.js';
import { taskQueues, type OpenPayment } from './messages.js';

type InvoiceboxActivities = ReturnType<typeof invoiceboxActivities.createInvoiceboxActivities>;
type LedgerActivities = ReturnType<typeof ledgerActivities.createLedgerActivities>;

/** Whose quota a call takes. */
type Payer = Pick<OpenPayment, 'partnerId' | 'policy'>;

/** Postgres steps: short, idempotent, repeated until Postgres answers; they have no time-out as a whole. */
function step<Name extends keyof LedgerActivities>(name: Name, summary: string): LedgerActivities[Name] {
  return proxyLocalActivities<LedgerActivities>({
    startToCloseTimeout: '10 s',
    retry: { initialInterval: '100 ms', backoffCoefficient: 2, maximumInterval: '10 s' },
    localRetryThreshold: '5 s',
    summary,
  })[name];
}

export const ledger: LedgerActivities = {
  holdPointsAndReserveFund: step('holdPointsAndReserveFund', 'Hold the points and reserve the fund'),
  endAttempt: step('endAttempt', 'Write down what the confirm was answered'),
  capturePointsAndDrawFund: step('capturePointsAndDrawFund', 'Paid: take the points and draw the fund'),
  closePayment: step('closePayment', 'Give back what is held, if nothing may have been paid'),
  noteUnproven: step('noteUnproven', 'Write down that the outcome is not known'),
  resolvePayment: step('resolvePayment', 'Do what a person has decided, if it is possible'),
  fenceConfirm: step('fenceConfirm', 'Find out whether the confirm had begun'),
};

/**
 * Calls to Invoicebox, on the queue where the server enforces its quota, fair between accounts.
 * A read is repeated by its retry policy; `giveUpAfterMs` bounds the whole, 0 means two tries: a worker may be killed in one.
 */
export function invoiceboxRead(payer: Payer, giveUpAfterMs: number, call: InvoiceboxCall): InvoiceboxActivities {
  return proxyActivities<InvoiceboxActivities>({
    taskQueue: taskQueues.invoicebox,
    priority: callPriority(payer.partnerId, payer.policy.quota, call),
    startToCloseTimeout: '45 s',
    heartbeatTimeout: '6 s',
    ...(giveUpAfterMs > 0 ? { scheduleToCloseTimeout: giveUpAfterMs } : {}),
    retry:
      giveUpAfterMs > 0
        ? { initialInterval: '1 s', backoffCoefficient: 2, maximumInterval: '60 s' }
        : { initialInterval: '1 s', maximumAttempts: 2 },
    summary: 'Read the invoice at Invoicebox and quote it',
  });
}

/** The pivot call is made once an order: whether to repeat it is the saga's decision, never a retry policy's. */
export function invoiceboxConfirm(payer: Payer, call: InvoiceboxCall): InvoiceboxActivities {
  return proxyActivities<InvoiceboxActivities>({
    taskQueue: taskQueues.invoicebox,
    priority: callPriority(payer.partnerId, payer.policy.quota, call),
    startToCloseTimeout: '60 s',
    heartbeatTimeout: '6 s',
    retry: { maximumAttempts: 1 },
    summary: 'Confirm the invoice at Invoicebox (the point of no return)',
  });
}
