/** The API's side of the workflows: starts them, says confirm and cancel, and waits a bounded time for what they answer. */
import { status } from '@grpc/grpc-js';
import { Injectable } from '@nestjs/common';
import {
  Client,
  isGrpcServiceError,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  type WorkflowStartOptions,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { Cancellation, Confirmation } from '../../domain/payment.js';
import type { OpenedPayment } from '../../ledger/outcomes.js';
import {
  cancelUpdate,
  confirmUpdate,
  openUpdate,
  paymentStart,
  workflowIdOf,
  workflowNames,
  type Refusal,
} from '../../workflows/messages.js';

export type SagaAnswer =
  /** The workflow answered; the row tells the state. */
  | { readonly kind: 'answered' }
  /** Durably accepted; the outcome comes later. */
  | { readonly kind: 'accepted' }
  /** Not known to have arrived: it may still count until its `notAfter`. */
  | { readonly kind: 'not_accepted' }
  | { readonly kind: 'refused'; readonly refusal: Refusal | 'busy' }
  /** The workflow has ended or does not exist; the row tells. */
  | { readonly kind: 'over' };

/** Whether a saga is known to be under way, after it was opened. */
export const hasBegun = ({ kind }: SagaAnswer): boolean => kind === 'answered' || kind === 'accepted';

const acceptedWithinMs = 1_500;

@Injectable()
export class Sagas {
  constructor(
    private readonly client: Client,
    private readonly answerWithinMs: number,
  ) {}

  /** Starts a loyalty payment, once, and waits until the invoice is read. */
  openLoyalty(payment: OpenedPayment, about: { partnerId: string; invoiceId: string }): Promise<SagaAnswer> {
    const { workflow } = this.client;
    const startWorkflowOperation = () =>
      new WithStartWorkflowOperation(workflowNames.loyalty, startOptions(payment, about));
    const updateId = `open:${payment.paymentId}`;
    return this.#ask(
      () => workflow.executeUpdateWithStart(openUpdate, { updateId, startWorkflowOperation: startWorkflowOperation() }),
      () =>
        workflow.startUpdateWithStart(openUpdate, {
          updateId,
          waitForStage: 'ACCEPTED',
          startWorkflowOperation: startWorkflowOperation(),
        }),
    );
  }

  /** Starts an organisation's payment, once; its outcome is not waited for. */
  async startOrganisation(
    payment: OpenedPayment,
    about: { partnerId: string; invoiceId: string },
  ): Promise<SagaAnswer> {
    try {
      await this.client.withDeadline(Date.now() + this.answerWithinMs, () =>
        this.client.workflow.start(workflowNames.organisation, startOptions(payment, about)),
      );
      return { kind: 'accepted' };
    } catch (error) {
      return sagaAnswerOf(error);
    }
  }

  confirm(paymentId: string, updateId: string, confirmation: Confirmation): Promise<SagaAnswer> {
    const handle = this.client.workflow.getHandle(workflowIdOf(paymentId));
    return this.#ask(
      () => handle.executeUpdate(confirmUpdate, { updateId, args: [confirmation] }),
      () => handle.startUpdate(confirmUpdate, { updateId, args: [confirmation], waitForStage: 'ACCEPTED' }),
    );
  }

  cancel(paymentId: string, updateId: string, cancellation: Cancellation): Promise<SagaAnswer> {
    const handle = this.client.workflow.getHandle(workflowIdOf(paymentId));
    return this.#ask(
      () => handle.executeUpdate(cancelUpdate, { updateId, args: [cancellation] }),
      () => handle.startUpdate(cancelUpdate, { updateId, args: [cancellation], waitForStage: 'ACCEPTED' }),
    );
  }

  /**
   * One call in good health. When its time is up, the same update id once more tells whether it was accepted, and what
   * became of it if that is known by now: a refused update is "accepted" by no one.
   */
  async #ask(
    execute: () => Promise<unknown>,
    begin: () => Promise<{ result(): Promise<unknown> }>,
  ): Promise<SagaAnswer> {
    try {
      await this.client.withDeadline(Date.now() + this.answerWithinMs, execute);
      return { kind: 'answered' };
    } catch (error) {
      if (!isOutOfTime(error)) return sagaAnswerOf(error);
    }
    const progress = { begun: false };
    try {
      await this.client.withDeadline(Date.now() + acceptedWithinMs, async () => {
        const update = await begin();
        progress.begun = true;
        await update.result();
      });
      return { kind: 'answered' };
    } catch (error) {
      if (!isOutOfTime(error)) return sagaAnswerOf(error);
      return progress.begun ? { kind: 'accepted' } : { kind: 'not_accepted' };
    }
  }
}

function isOutOfTime(error: unknown): boolean {
  return (
    error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ||
    (isGrpcServiceError(error) && error.code === status.DEADLINE_EXCEEDED)
  );
}

function startOptions(
  payment: OpenedPayment,
  about: { partnerId: string; invoiceId: string },
): WorkflowStartOptions & { workflowIdConflictPolicy: 'USE_EXISTING' } {
  const start = paymentStart(
    {
      partnerId: about.partnerId,
      paymentId: payment.paymentId,
      epoch: payment.epoch,
      invoiceId: about.invoiceId.toLowerCase(),
      policy: payment.policy,
      startedAt: Date.now(),
      opened: { by: payment.openedBy, memberId: payment.memberId },
    },
    'opening',
  );
  return { ...start, workflowIdConflictPolicy: 'USE_EXISTING', workflowIdReusePolicy: 'REJECT_DUPLICATE' };
}

/** Throws what nobody planned. */
export function sagaAnswerOf(error: unknown): SagaAnswer {
  if (error instanceof WorkflowExecutionAlreadyStartedError || error instanceof WorkflowNotFoundError)
    return { kind: 'over' };
  if (error instanceof WorkflowUpdateFailedError) {
    return error.cause instanceof ApplicationFailure && error.cause.type !== undefined && error.cause.type !== null
      ? { kind: 'refused', refusal: error.cause.type as Refusal }
      : { kind: 'over' };
  }
  const cause = error instanceof Error && !isGrpcServiceError(error) ? error.cause : error;
  if (isGrpcServiceError(cause)) {
    if (cause.code === status.NOT_FOUND || cause.code === status.FAILED_PRECONDITION) return { kind: 'over' };
    if (cause.code === status.RESOURCE_EXHAUSTED) return { kind: 'refused', refusal: 'busy' };
    return { kind: 'not_accepted' };
  }
  throw error;
}
