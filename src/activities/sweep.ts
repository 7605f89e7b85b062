/**
 * Recovery: finds live payments that no workflow works on, and starts a new run under the same id and a raised epoch.
 * It asks Temporal about each one and never decides by visibility, which may lag; what the new run goes on from is the
 * ledger's to say.
 */
import { Context } from '@temporalio/activity';
import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError, type Client } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { PaymentState } from '../domain/payment.js';
import type { Ledger } from '../ledger/ledger.js';
import type { SweepPage } from '../ledger/outcomes.js';
import {
  paymentStart,
  resumedWorkflow,
  searchAttributes,
  stateQuery,
  sweepScheduleId,
  workflowIdOf,
  type ResumePayment,
} from '../workflows/messages.js';

export interface SweepAges {
  /** Younger payments, and those resumed so lately, are left alone. */
  readonly graceMs: number;
  /** Older holds must have a workflow that settles, not merely one that runs. */
  readonly holdAgeMs: number;
}

/** What a sweep found, in payments; `skipped`: sweeps that Temporal left out so far because one before them still ran. */
export interface Sweep {
  readonly looked: number;
  readonly resumed: number;
  /** Temporal gave no clear answer: looked at again next time. */
  readonly unclear: number;
  readonly skipped: number;
}

type Candidate = SweepPage[number];
type Finding = 'well' | 'lost' | 'astray' | 'unclear';

const pageSize = 200;
const atOnce = 20;
const answerWithinMs = 5_000;
/** What a workflow says of itself while it settles or proves. */
const settlingStates: readonly string[] = ['settling', 'unknown', 'in_review'] satisfies PaymentState[];

export function createSweepActivities(client: Client, ledger: Ledger) {
  return {
    async sweepPayments(ages: SweepAges): Promise<Sweep> {
      await refuseForeignNamespace();
      const count = { looked: 0, resumed: 0, unclear: 0 };
      for (let after: string | null = null; ;) {
        const page: SweepPage = await ledger.paymentsToSweep(after, pageSize, ages);
        for (let at = 0; at < page.length; at += atOnce) {
          await Promise.all(page.slice(at, at + atOnce).map((candidate) => sweepOne(candidate, count)));
          Context.current().heartbeat(count);
        }
        after = page.at(-1)?.paymentId ?? null;
        if (page.length < pageSize) break;
      }
      const sweep = { ...count, skipped: await skippedSweeps() };
      if (sweep.resumed > 0 || sweep.unclear > 0) Context.current().log.warn('swept', { ...sweep });
      return sweep;
    },
  };

  async function sweepOne(
    candidate: Candidate,
    count: { looked: number; resumed: number; unclear: number },
  ): Promise<void> {
    count.looked += 1;
    const finding = await lookAt(candidate);
    switch (finding) {
      case 'well':
        return;
      case 'unclear':
        count.unclear += 1;
        return;
      case 'lost':
      case 'astray':
        if (await resume(candidate, finding)) count.resumed += 1;
        return;
    }
  }

  /** In another namespace every payment would look lost, and be paid from there a second time. */
  async function refuseForeignNamespace(): Promise<void> {
    const { namespaceInfo } = await client.workflowService.describeNamespace({ namespace: client.options.namespace });
    if (!(await ledger.isOurNamespace(namespaceInfo?.id ?? ''))) {
      throw ApplicationFailure.nonRetryable(
        'This Temporal namespace is not the one that these payments began in: nothing was swept. See docs/operating.md, "Another Temporal".',
        'ForeignNamespace',
      );
    }
  }

  async function lookAt({ paymentId, holdIsOld }: Candidate): Promise<Finding> {
    const handle = client.workflow.getHandle(workflowIdOf(paymentId));
    try {
      return await client.withDeadline(Date.now() + answerWithinMs, async () => {
        const { status, typedSearchAttributes } = await handle.describe();
        if (status.name !== 'RUNNING') return 'lost';
        if (!holdIsOld) return 'well';
        const indexed = typedSearchAttributes.get(searchAttributes.paymentState);
        if (indexed !== undefined && settlingStates.includes(indexed)) return 'well';
        const { state } = await handle.query(stateQuery);
        return settlingStates.includes(state) ? 'well' : 'astray';
      });
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return 'lost';
      Context.current().log.warn('a payment could not be compared with its workflow', { paymentId, error });
      return 'unclear';
    }
  }

  /** @returns whether a new run has taken over */
  async function resume({ partnerId, paymentId, epoch }: Candidate, finding: 'lost' | 'astray'): Promise<boolean> {
    const resumed = await ledger.resume({ partnerId, paymentId, epoch }, Date.now());
    switch (resumed.outcome) {
      case 'over':
      case 'superseded':
      case 'not_found':
        return false;
      case 'resumed':
        break;
    }
    const { scheme, invoiceId, policy, state, reason, held, released, confirmation, attempt } = resumed;
    const input: ResumePayment = {
      ...{ partnerId, paymentId, epoch: resumed.epoch, invoiceId, policy, scheme },
      resumed: { state, reason, held, released, confirmation, attempt },
    };
    try {
      await client.workflow.start(resumedWorkflow, {
        ...paymentStart(input, state),
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        workflowIdConflictPolicy: finding === 'astray' ? 'TERMINATE_EXISTING' : 'FAIL',
      });
    } catch (error) {
      // The API has started it in this moment, with the epoch before: it will end as superseded, and be found again.
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      return false;
    }
    Context.current().log.warn('a payment was taken up again', { paymentId, epoch: resumed.epoch, state, finding });
    return true;
  }

  async function skippedSweeps(): Promise<number> {
    const { info } = await client.schedule.getHandle(sweepScheduleId).describe();
    return info.numActionsSkippedOverlap;
  }
}
