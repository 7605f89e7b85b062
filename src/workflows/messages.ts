/** Names and payloads of everything that is said to a payment's workflow, and what it answers. All that api/ imports. */
import { defineSearchAttributeKey } from '@temporalio/common';
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type {
  Actor,
  Cancellation,
  Confirmation,
  PaymentPolicy,
  PaymentState,
  Probing,
  Quote,
  Resolution,
  Resumption,
  Scheme,
} from '../domain/payment.js';

/** What a payment's workflow is started with. */
export interface OpenPayment {
  readonly partnerId: string;
  readonly paymentId: string;
  readonly epoch: number;
  readonly invoiceId: string;
  readonly policy: PaymentPolicy;
  /**
   * When the start was ordered, in milliseconds since 1970. A run that has it takes no decision by the clock of a task that a
   * step of the ledger may prolong (waits.ts); one that has it not was begun by 0.1.0, and decides as it always did.
   */
  readonly startedAt?: number | undefined;
  /**
   * Who has opened it, and for which member alone: the workflow has no use for it, but a history is all that is left of a
   * payment once the ledger was restored to before (docs/backup.md).
   */
  readonly opened?: Opener | undefined;
}

interface Opener {
  readonly by: Actor;
  readonly memberId: string | null;
  /** Of whose invoices it is one. */
  readonly batchId?: string | undefined;
}

/** An organisation's payment of a batch, which has read its invoice by the page. */
export interface OpenOrganisationPayment extends OpenPayment {
  readonly quote?: Quote | undefined;
}

/** What a run is started with that takes over from one that was lost. */
export interface ResumePayment extends OpenPayment {
  readonly scheme: Scheme;
  readonly resumed: Resumption;
  /** The run before was not lost: it had forgotten what was held, and had told nobody that it goes forward. */
  readonly forgotten: boolean;
}

/** What a message is answered with; the whole truth is in the payment's row. */
export interface PaymentAnswer {
  readonly state: PaymentState;
  readonly reason: string | null;
}

/** What came of a person's resolution, and what the invoice said when it was read for it. */
export type ResolutionAnswer = {
  readonly read: {
    readonly status: string;
    readonly amountMinor: number | null;
    readonly currency: string;
  } | null;
} & (
  | { readonly kind: 'resolved'; readonly state: PaymentState; readonly reason: string | null }
  /** Nothing was changed. */
  | { readonly kind: 'refused'; readonly why: string }
);

/** What came of a probe that a person asked for. */
export interface ProbeAnswer {
  readonly state: PaymentState;
  readonly reason: string | null;
  /** The invoice's status as it was read for him; null: it could not be read. */
  readonly read: string | null;
  /**
   * Of the confirm with the same operation id. `waits`: the rules do not allow it yet, and it is looked at again at
   * `nextProbeAt`, as soon as they may. `not_allowed`: what was read does not allow it. `not_asked`: nobody has asked for it.
   */
  readonly confirm: 'sent' | 'waits' | 'not_allowed' | 'not_asked';
  /** null: the payment is over. */
  readonly nextProbeAt: number | null;
}

/** Why a message is refused before it counts; the type of the ApplicationFailure that carries it. */
export type Refusal = 'malformed' | 'too_late' | 'not_waiting' | 'too_many_tries' | 'untrusted';

export const openUpdate = defineUpdate<PaymentAnswer>('open');
export const confirmUpdate = defineUpdate<PaymentAnswer, [Confirmation]>('confirm');
export const cancelUpdate = defineUpdate<PaymentAnswer, [Cancellation]>('cancel');
export const resolveUpdate = defineUpdate<ResolutionAnswer, [Resolution]>('resolve');
export const probeUpdate = defineUpdate<ProbeAnswer, [Probing]>('probe');
/** Where the run stands: for the sweeper, which compares it with the row. */
export const stateQuery = defineQuery<PaymentAnswer>('state');
export const confirmPaymentSignal = defineSignal<[Confirmation]>('confirmPayment');
export const cancelPaymentSignal = defineSignal<[Cancellation]>('cancelPayment');

export const workflowNames: Readonly<Record<Scheme, string>> = {
  loyalty: 'loyaltyPayment',
  organisation: 'organisationPayment',
};
/** A type of its own: a worker of a release that cannot resume leaves it to those that can. */
export const resumedWorkflow = 'resumedPayment';
export const workflowIdOf = (paymentId: string): string => `payment-${paymentId}`;

/**
 * `webhooks`: attempts to deliver, apart from the rest, since a partner's endpoint may be slow. `imports`: lines of imports are
 * booked there, which takes as long as they are many.
 */
export const taskQueues = {
  payments: 'payments',
  invoicebox: 'invoicebox',
  background: 'background',
  webhooks: 'webhooks',
  imports: 'imports',
} as const;

/** Of the worker deployment, where versions are pinned. */
export const deploymentName = 'surety';

/** Which batch of an organisation's payments. */
export interface BatchKey {
  readonly partnerId: string;
  readonly batchId: string;
}

export const batchWorkflow = 'payBatch';
/** Something has changed in Postgres, which is where a batch's state is kept: look at once. */
export const lookAgainSignal = defineSignal('lookAgain');
export const startBatchesWorkflow = 'startBatches';
export const startBatchesScheduleId = 'start-batches';

/** How a batch is set to work, the first time or again; what becomes of a run that there is, is the caller's to say. */
export function batchStart(key: BatchKey) {
  return {
    workflowId: `batch-${key.batchId}`,
    taskQueue: taskQueues.background,
    args: [key] as [BatchKey],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE' as const,
    typedSearchAttributes: [{ key: searchAttributes.partnerId, value: key.partnerId }],
  };
}

export const importWorkflow = 'importCredits';
export const startImportsWorkflow = 'startImports';
export const startImportsScheduleId = 'start-imports';

/** One a partner: it works off the runs that are wanted, one after the other, and ends when there are none. */
export const reconcileWorkflow = 'reconcile';
/** Something is wanted: looked for once more before the end. */
export const wantedSignal = defineSignal('wanted');
/** Started by a partner's own Schedule: wants a run. */
export const wantReconciliationWorkflow = 'wantReconciliation';
export const reconcileSchedulePrefix = 'reconcile-';
/** Keeps a Schedule for each partner, and wakes what waits. */
export const startReconciliationsWorkflow = 'startReconciliations';
export const startReconciliationsScheduleId = 'start-reconciliations';
/** A refund of a paid payment, approved. Ids alone: the rest is read where it is booked. */
export interface ReturnPayment {
  readonly partnerId: string;
  readonly returnId: string;
}

export const returnWorkflow = 'returnPayment';
export const startReturnsWorkflow = 'startReturns';
export const startReturnsScheduleId = 'start-returns';

export const sweepWorkflow = 'sweepPayments';
export const sweepScheduleId = 'sweep-payments';

export const expirePointsWorkflow = 'expirePoints';
export const expirePointsScheduleId = 'expire-points';

export const sealWorkflow = 'sealLedger';
export const sealScheduleId = 'seal-ledger';

export const checkWorkflow = 'checkLedger';
export const checkScheduleId = 'check-ledger';

/** An event on its way to an endpoint. Ids alone: what is sent is read when it is sent. */
export interface DeliverWebhook {
  readonly partnerId: string;
  readonly eventId: string;
  readonly endpointId: string;
  /** Lower goes first, from 1 to 5. Absent where it was started by a release that knew none. */
  readonly priority?: number;
}

/** What is of a payment: no flood of other events keeps it waiting. */
export const isUrgent = ({ priority }: DeliverWebhook): boolean => priority === 1;

export const deliverWebhookWorkflow = 'deliverWebhook';
export const startWebhooksWorkflow = 'startWebhooks';
export const startWebhooksScheduleId = 'start-webhooks';

/** How a delivery's workflow is started, the first time or by a replay; what becomes of one that runs is the caller's to say. */
export function deliveryStart(delivery: DeliverWebhook) {
  return {
    workflowId: `webhook-${delivery.eventId}-${delivery.endpointId}`,
    taskQueue: taskQueues.background,
    args: [delivery] as [DeliverWebhook],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    // Fair between endpoints: the backlog of one is nobody else's wait.
    priority: { priorityKey: delivery.priority, fairnessKey: delivery.endpointId },
  } as const;
}

/** Typed, registered by set-up, never encrypted, never personal. */
export const searchAttributes = {
  partnerId: defineSearchAttributeKey('PartnerId', 'KEYWORD'),
  invoiceId: defineSearchAttributeKey('InvoiceId', 'KEYWORD'),
  paymentState: defineSearchAttributeKey('PaymentState', 'KEYWORD'),
  reviewReason: defineSearchAttributeKey('ReviewReason', 'KEYWORD'),
} as const;

/** How a payment's workflow is started, by the API or by the sweeper; whether a run may exist already is the caller's to say. */
export function paymentStart<Input extends OpenPayment>(input: Input, state: PaymentState) {
  return {
    workflowId: workflowIdOf(input.paymentId),
    taskQueue: taskQueues.payments,
    args: [input] as [Input],
    // A task of a killed worker is given to another after this.
    workflowTaskTimeout: '5 s',
    typedSearchAttributes: [
      { key: searchAttributes.partnerId, value: input.partnerId },
      { key: searchAttributes.invoiceId, value: input.invoiceId },
      { key: searchAttributes.paymentState, value: state },
    ],
  };
}

/** How an import of credits is set to work, once its body is here. */
export function importStart(key: { readonly partnerId: string; readonly importId: string }) {
  return {
    workflowId: `import-${key.importId}`,
    taskQueue: taskQueues.background,
    args: [key] as [typeof key],
    typedSearchAttributes: [{ key: searchAttributes.partnerId, value: key.partnerId }],
  };
}

/** How a partner's reconciliation is set to work; it is woken by `wantedSignal` with the start. */
export function reconcileStart(partnerId: string) {
  const order: { readonly partnerId: string } = { partnerId };
  return {
    workflowId: `reconciliation-${partnerId}`,
    taskQueue: taskQueues.background,
    args: [order] as [typeof order],
    typedSearchAttributes: [{ key: searchAttributes.partnerId, value: partnerId }],
  };
}

/** How an approved return is set to work; again where its workflow was lost: the ledger books it once. */
export function returnStart(key: ReturnPayment) {
  return {
    workflowId: `return-${key.returnId}`,
    taskQueue: taskQueues.payments,
    args: [key] as [ReturnPayment],
    workflowTaskTimeout: '5 s' as const,
    workflowIdReusePolicy: 'ALLOW_DUPLICATE' as const,
    workflowIdConflictPolicy: 'USE_EXISTING' as const,
    typedSearchAttributes: [{ key: searchAttributes.partnerId, value: key.partnerId }],
  };
}
