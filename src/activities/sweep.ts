/**
 * Recovery: finds live payments that no workflow works on, and starts a new run under the same id and a raised epoch.
 * It asks Temporal about each one and never decides by visibility, which may lag; what the new run goes on from is the
 * ledger's to say.
 */
import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError, type Client, type WorkflowExecutionStatusName } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { PaymentState } from '../domain/payment.js';
import type { SweepPage } from '../ledger/outcomes.js';
import type { Recovery } from '../ledger/recovery.js';
import { searchAttributes, stateQuery, sweepScheduleId, workflowIdOf } from '../workflows/messages.js';
import { scheduledAt } from './clock.js';
import { hasFailedFor } from './failingRuns.js';
import { forgottenPayments } from './forgotten.js';
import { takeUp } from './takeUp.js';

export interface SweepAges {
  /** Younger payments, and those resumed so lately, are left alone. */
  readonly graceMs: number;
  /** Older holds must have a workflow that settles, not merely one that runs. */
  readonly holdAgeMs: number;
  /** A run whose tasks have failed for longer is given up for a new one. Absent from a set-up that knew none: never. */
  readonly failingMs?: number;
}

/** What a sweep found, in payments; `skipped`: sweeps that Temporal left out so far because one before them still ran. */
export interface Sweep {
  readonly looked: number;
  readonly resumed: number;
  /** Of runs whose tasks fail: more than one sweep takes up are left to the next. */
  readonly failing: number;
  /** No clear answer, or the attempt to resume failed: looked at again next time. */
  readonly unclear: number;
  readonly skipped: number | null;
}

type Candidate = SweepPage[number];
/**
 * `lost`: no workflow works on it. `forgetful`: one does that knows nothing of what is held, as after a reset. `failing`: one
 * would, but its tasks fail, each like the one before.
 */
type Finding = 'well' | 'lost' | 'forgetful' | 'failing' | 'unclear';
type Count = { -readonly [Name in Exclude<keyof Sweep, 'skipped'>]: Sweep[Name] };

const pageSize = 200;
const atOnce = 20;
const answerWithinMs = 5_000;
/** Where a build is broken every run fails, and new runs change nothing. */
const mostFailingASweep = 50;
const closed: readonly WorkflowExecutionStatusName[] = [
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'TERMINATED',
  'TIMED_OUT',
  'CONTINUED_AS_NEW',
];
/** What a workflow says of itself while it settles or proves. */
const settlingStates: readonly string[] = ['settling', 'unknown', 'in_review'] satisfies PaymentState[];

export function createSweepActivities(client: Client, recovery: Recovery) {
  return {
    async sweepPayments(ages: SweepAges): Promise<Sweep> {
      await refuseForeignNamespace();
      await refuseForgetfulBooks();
      const count = { looked: 0, resumed: 0, failing: 0, unclear: 0 };
      for (let after: string | null = null; ;) {
        const page: SweepPage = await recovery.paymentsToSweep(after, pageSize, ages);
        for (let at = 0; at < page.length; at += atOnce) {
          await Promise.all(page.slice(at, at + atOnce).map((candidate) => sweepOne(candidate, ages, count)));
          Context.current().heartbeat(count);
        }
        after = page.at(-1)?.paymentId ?? null;
        if (page.length < pageSize) break;
      }
      const sweep = { ...count, skipped: await skippedSweeps() };
      Context.current().log.info('swept', { ...sweep });
      return sweep;
    },
  };

  /** What goes wrong with one payment keeps no other from being looked at. */
  async function sweepOne(candidate: Candidate, ages: SweepAges, count: Count): Promise<void> {
    count.looked += 1;
    try {
      const finding = await lookAt(candidate, ages);
      switch (finding) {
        case 'well':
          return;
        case 'unclear':
          count.unclear += 1;
          return;
        case 'failing':
          count.failing += 1;
          if (count.failing > mostFailingASweep) return;
          if (await resume(candidate, finding, ages)) count.resumed += 1;
          return;
        case 'lost':
        case 'forgetful':
          if (await resume(candidate, finding, ages)) count.resumed += 1;
          return;
      }
    } catch (error) {
      count.unclear += 1;
      Context.current().log.warn('a payment could not be swept', { paymentId: candidate.paymentId, error });
    }
  }

  /** In another namespace every payment would look lost, and be paid from there a second time. */
  async function refuseForeignNamespace(): Promise<void> {
    const { namespaceInfo } = await client.workflowService.describeNamespace({ namespace: client.options.namespace });
    const id = namespaceInfo?.id ?? '';
    if (id === '' || !(await recovery.isOurNamespace(id))) {
      throw ApplicationFailure.nonRetryable(
        'This Temporal namespace is not the one that these payments began in: nothing was swept. See docs/operating.md, "Another Temporal".',
        'ForeignNamespace',
      );
    }
  }

  /** In books of before, payments would be made a second time. Where the index cannot be asked, lost ones are taken up all the same. */
  async function refuseForgetfulBooks(): Promise<void> {
    const forgotten = await forgottenPayments(client, recovery).catch((error: unknown) => {
      Context.current().log.warn('nobody could be asked whether something is missing in the books', { error });
      return [];
    });
    if (forgotten.length > 0) {
      throw ApplicationFailure.nonRetryable(
        `Temporal knows of payments what the books do not, as of ${forgotten.slice(0, 3).join(', ')}: nothing was swept. See docs/backup.md, "How a restore is noticed".`,
        'ForgetfulBooks',
      );
    }
  }

  async function lookAt({ paymentId, mustSettle }: Candidate, { failingMs }: SweepAges): Promise<Finding> {
    const handle = client.workflow.getHandle(workflowIdOf(paymentId));
    try {
      return await client.withDeadline(Date.now() + answerWithinMs, async () => {
        const described = await handle.describe();
        const { status, typedSearchAttributes } = described;
        if (closed.includes(status.name)) return 'lost';
        // A person may have paused it.
        if (status.name !== 'RUNNING') return status.name === 'PAUSED' ? 'well' : 'unclear';
        if (failingMs !== undefined && (await hasFailedFor(client, described)) > failingMs) return 'failing';
        if (!mustSettle) return 'well';
        const indexed = typedSearchAttributes.get(searchAttributes.paymentState);
        if (indexed !== undefined && settlingStates.includes(indexed)) return 'well';
        const { state } = await handle.query(stateQuery);
        return settlingStates.includes(state) ? 'well' : 'forgetful';
      });
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return 'lost';
      Context.current().log.warn('a payment could not be compared with its workflow', { paymentId, error });
      return 'unclear';
    }
  }

  /** @returns whether a new run has taken over */
  async function resume(
    { partnerId, paymentId, epoch }: Candidate,
    finding: 'lost' | 'forgetful' | 'failing',
    { holdAgeMs }: SweepAges,
  ): Promise<boolean> {
    const forgotten = finding === 'forgetful';
    const key = { partnerId, paymentId, epoch };
    const how = { holdAgeMs: forgotten ? holdAgeMs : null, forgotten, at: scheduledAt() };
    const taken = await takeUp(client, recovery, key, how);
    if (taken === null) return false;
    Context.current().log.warn('a payment was taken up again', { paymentId, ...taken, finding });
    return true;
  }

  async function skippedSweeps(): Promise<number | null> {
    try {
      return (await client.schedule.getHandle(sweepScheduleId).describe()).info.numActionsSkippedOverlap;
    } catch (error) {
      Context.current().log.warn('the schedule could not be described', { error });
      return null;
    }
  }
}
