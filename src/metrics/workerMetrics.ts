/**
 * What a worker counts, where it happens and once: ends and releases by what the ledger has committed (src/ledger/call.ts), so
 * that a step which answers "already" counts nothing; calls and deliveries when their answer is there. A worker that is killed
 * between a commit and its count leaves one out: exact figures are the books', the gauges read those.
 */
import { activityInfo } from '@temporalio/activity';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Fact } from '../ledger/call.js';
import type { ObservedCall } from '../invoicebox/observe.js';

/** What becomes of what was held: given back; not, since a call may have paid; not, since the ledger refuses to. */
type CompensationResult = 'released' | 'outstanding' | 'refused';
export type DeliveryResult = 'delivered' | 'failed' | 'again';

/** What Schedules start, by its activity: each does all that is due, or fails and is tried again. */
const runs: readonly string[] = [
  'sweepPayments',
  'expirePoints',
  'sealLedger',
  'checkLedger',
  'startBatches',
  'startImports',
  'startReconciliations',
  'startReturns',
  'startWebhooks',
];

export class WorkerMetrics {
  readonly #payments: Counter<'scheme' | 'outcome'>;
  readonly #durations: Histogram;
  readonly #compensations: Counter<'step' | 'result'>;
  readonly #deliveries: Counter<'event' | 'result'>;
  readonly #calls: Histogram<'operation' | 'status_class'>;
  readonly #runs: Gauge<'run'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#payments = new Counter({
      name: 'surety_payments_total',
      help: 'Payments that came to their end, by scheme and by what they ended as',
      labelNames: ['scheme', 'outcome'],
      registers,
    });
    this.#durations = new Histogram({
      name: 'surety_payment_duration_seconds',
      help: 'From the confirmation that was held to the end, of payments that held something; the time of Temporal',
      buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400],
      registers,
    });
    this.#compensations = new Counter({
      name: 'surety_compensations_total',
      help: 'Steps that were to be undone: released; outstanding, as a call may have paid; refused by the ledger',
      labelNames: ['step', 'result'],
      registers,
    });
    this.#deliveries = new Counter({
      name: 'surety_webhook_deliveries_total',
      help: 'Attempts to deliver an event: delivered; again, it is tried once more; failed, it is not',
      labelNames: ['event', 'result'],
      registers,
    });
    this.#calls = new Histogram({
      name: 'surety_invoicebox_request_duration_seconds',
      help: 'Requests to Invoicebox until their answer is read; not_sent: none left, no_answer: none came',
      labelNames: ['operation', 'status_class'],
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 45],
      registers,
    });
    this.#runs = new Gauge({
      name: 'surety_run_last_success_timestamp_seconds',
      help: 'When this worker last saw a run of what Schedules start come to its end; at first, since when it runs',
      labelNames: ['run'],
      registers,
    });
    // From the beginning, so that the first of a kind is an increase.
    for (const scheme of ['loyalty', 'organisation']) {
      for (const outcome of ['paid', 'declined', 'expired', 'cancelled']) this.#payments.inc({ scheme, outcome }, 0);
    }
    for (const result of ['released', 'outstanding', 'refused']) this.#compensations.inc({ step: 'hold', result }, 0);
    for (const run of runs) this.ran(run);
  }

  /** What the ledger has committed. */
  count(fact: Fact): void {
    switch (fact.kind) {
      case 'ended':
        this.#payments.inc({ scheme: fact.scheme, outcome: fact.state });
        if (fact.settledMs !== null) this.#durations.observe(fact.settledMs / 1_000);
        return;
      case 'released':
        this.compensated('released');
        return;
    }
  }

  compensated(result: CompensationResult): void {
    this.#compensations.inc({ step: 'hold', result });
  }

  delivered(event: string, result: DeliveryResult): void {
    this.#deliveries.inc({ event, result });
  }

  called({ operation, statusClass, seconds }: ObservedCall): void {
    this.#calls.observe({ operation, status_class: statusClass }, seconds);
  }

  /** @param activity any activity's name: those of Schedules count */
  ran(activity: string): void {
    if (runs.includes(activity)) this.#runs.set({ run: activity }, Date.now() / 1_000);
  }
}

/** A line of the log for a call: whose payment it was for stands in the activity that makes it. */
export function callLine({ operation, httpStatus, requestId, seconds, statusClass }: ObservedCall) {
  const { workflowExecution } = activityInfo();
  return {
    operation,
    statusClass,
    httpStatus,
    invoiceboxRequestId: requestId,
    ms: Math.round(seconds * 1_000),
    workflowId: workflowExecution?.workflowId,
  };
}
