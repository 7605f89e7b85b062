/**
 * Reconciles a partner's books with Invoicebox: the statements first, which need nobody, then the invoices of ended payments,
 * page by page and behind everybody else. One workflow a partner; it does the runs that are wanted, and ends when none is.
 */
import {
  ActivityFailure,
  ApplicationFailure,
  continueAsNew,
  isCancellation,
  log,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type * as readEndedActivities from '../activities/readEnded.js';
import type * as reconcileActivities from '../activities/reconcile.js';
import type { PartnerOrder, RunResult } from '../activities/reconcile.js';
import { callPriority, type QuotaShare } from '../domain/quota.js';
import { taskQueues, wantedSignal } from './messages.js';

type ReconcileActivities = ReturnType<typeof reconcileActivities.createReconcileActivities>;
type ReadEndedActivities = ReturnType<typeof readEndedActivities.createReadEndedActivities>;

const { beginReconciliation, endReconciliation } = proxyActivities<ReconcileActivities>({
  startToCloseTimeout: '1 min',
  retry: { initialInterval: '1 s', maximumInterval: '1 min' },
  summary: 'Begin or end a run',
});
const { compareStatements, findEndedPayments } = proxyActivities<ReconcileActivities>({
  startToCloseTimeout: '1 h',
  // A killed worker's run goes on elsewhere after this.
  heartbeatTimeout: '30 s',
  retry: { initialInterval: '1 s', maximumInterval: '1 min', maximumAttempts: 20 },
  summary: 'Compare with the books what is here',
});

interface Reconcile extends PartnerOrder {
  /** Of the run that goes on in this new history. */
  readonly result?: RunResult;
}

export async function reconcile({ partnerId, result: before }: Reconcile): Promise<void> {
  let isWanted = true;
  setHandler(wantedSignal, () => {
    isWanted = true;
  });
  let carried: RunResult | undefined = before;
  while (isWanted) {
    isWanted = false;
    for (;;) {
      const reconciliationId = await beginReconciliation({ partnerId });
      if (reconciliationId === null) break;
      let result: RunResult = carried ?? {};
      carried = undefined;
      let failure: string | null = null;
      explain('Statements are compared with the books.');
      try {
        result = { ...(await compareStatements({ partnerId })), ...result };
        result = await readInvoices(partnerId, result);
      } catch (error) {
        if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
        failure = failureOf(error);
        log.warn('a reconciliation has failed', { reconciliationId, failure });
      }
      await endReconciliation({ partnerId, reconciliationId, failure, result });
    }
  }
}

/** Until none is due. A history that has become long goes on in a new one, from what is due then. */
async function readInvoices(partnerId: string, before: RunResult): Promise<RunResult> {
  let { readInvoices: read = 0, openedDifferences: opened = 0 } = before;
  const { areDue, quota } = await findEndedPayments({ partnerId });
  if (!areDue) return { ...before, readInvoices: read };
  const invoicebox = invoiceboxFor(partnerId, quota);
  for (;;) {
    explain(
      `Invoices of ended payments are read at Invoicebox, behind everything else: ${read} so far, ${opened} new differences.`,
    );
    const page = await invoicebox.readEndedPayments({ partnerId });
    read += page.read;
    opened += page.opened;
    for (const payment of page.unlisted) {
      opened += (await invoicebox.readEndedPayment({ partnerId, ...payment })).opened;
      read += 1;
    }
    const result = { ...before, readInvoices: read, openedDifferences: opened };
    if (page.isLast) return result;
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof reconcile>({ partnerId, result });
  }
}

function explain(doing: string): void {
  setCurrentDetails(
    `**running** · ${doing}\n\nNothing to do. Terminating it loses nothing: what is wanted is begun anew within a minute.`,
  );
}

const invoiceboxFor = (partnerId: string, quota: QuotaShare | undefined): ReadEndedActivities =>
  proxyActivities<ReadEndedActivities>({
    taskQueue: taskQueues.invoicebox,
    priority: callPriority(partnerId, quota, 'reconciliation'),
    startToCloseTimeout: '45 s',
    retry: { initialInterval: '5 s', backoffCoefficient: 2, maximumInterval: '5 min', maximumAttempts: 10 },
    summary: 'Read invoices of ended payments again',
  });

/** What a failure of an activity is called in the run. */
function failureOf({ cause }: ActivityFailure): string {
  const known = ['too_many_differences', 'credentials', 'invoicebox_unavailable'];
  return cause instanceof ApplicationFailure && known.includes(cause.type ?? '')
    ? (cause.type ?? 'internal')
    : 'internal';
}
