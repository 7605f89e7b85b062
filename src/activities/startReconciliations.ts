/**
 * Sees to it that each partner has a Schedule of its own, and that what waits is worked on. Partners are applied without
 * Temporal (scripts/partner.ts needs the database alone), so this looks for new ones; an operator may pause, trigger or look
 * at one partner's Schedule, and nothing here undoes that.
 */
import { createHash } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import type { Reconciliations } from '../ledger/reconciliations.js';
import {
  reconcileSchedulePrefix,
  reconcileStart,
  reconcileWorkflow,
  searchAttributes,
  taskQueues,
  wantedSignal,
  wantReconciliationWorkflow,
} from '../workflows/messages.js';
import { scheduledAt } from './clock.js';

const partnersAtOnce = 500;
const mostWoken = 1_000;

export interface ReconciliationCare {
  /** Wanted for so long, a run may still be on its way to its workflow. */
  readonly graceMs: number;
  readonly everyMs: number;
}

export function createReconciliationStartActivities(reconciliations: Reconciliations, client: Client) {
  async function wake(partnerId: string): Promise<void> {
    await client.workflow.signalWithStart(reconcileWorkflow, {
      ...reconcileStart(partnerId),
      signal: wantedSignal,
      signalArgs: [],
    });
  }

  return {
    /** @returns how many Schedules were made or changed, and how many partners' runs were woken */
    async startReconciliations({
      graceMs,
      everyMs,
    }: ReconciliationCare): Promise<{ scheduled: number; woken: number }> {
      const scheduled = await scheduleAll(everyMs);
      let woken = 0;
      for (const partnerId of await reconciliations.unfinished(graceMs, mostWoken, scheduledAt())) {
        try {
          await wake(partnerId);
          woken += 1;
        } catch (error) {
          Context.current().log.warn('a reconciliation could not be woken', { partnerId, error });
        }
        Context.current().heartbeat(woken);
      }
      return { scheduled, woken };
    },

    /** @param id of the run, the same however often this is tried */
    async wantScheduledReconciliation({ partnerId, id }: { partnerId: string; id: string }): Promise<void> {
      const actor = { kind: 'saga', id: `${reconcileSchedulePrefix}${partnerId}` } as const;
      await reconciliations.want(partnerId, { id, by: 'schedule', readSince: null, actor, at: scheduledAt() });
      await wake(partnerId);
    },
  };

  async function scheduleAll(everyMs: number): Promise<number> {
    const known = new Map<string, number | undefined>();
    for await (const { scheduleId, spec } of client.schedule.list()) {
      if (scheduleId.startsWith(reconcileSchedulePrefix)) known.set(scheduleId, spec?.intervals?.[0]?.every);
      Context.current().heartbeat(known.size);
    }
    let changed = 0;
    for (let after: string | null = null; ;) {
      const page: string[] = await reconciliations.partners(after, partnersAtOnce);
      for (const partnerId of page) {
        const scheduleId = `${reconcileSchedulePrefix}${partnerId}`;
        if (known.get(scheduleId) === everyMs) continue;
        await scheduleOne(partnerId, scheduleId, everyMs);
        changed += 1;
        Context.current().heartbeat(changed);
      }
      after = page.at(-1) ?? null;
      if (page.length < partnersAtOnce) return changed;
    }
  }

  async function scheduleOne(partnerId: string, scheduleId: string, everyMs: number): Promise<void> {
    // Each at a time of its own, so that they do not all read at once.
    const offset = createHash('sha256').update(partnerId).digest().readUInt32BE() % everyMs;
    const spec = { intervals: [{ every: everyMs, offset }] };
    try {
      await client.schedule.create({
        scheduleId,
        spec,
        action: {
          type: 'startWorkflow',
          workflowType: wantReconciliationWorkflow,
          workflowId: scheduleId,
          taskQueue: taskQueues.background,
          args: [{ partnerId }],
          typedSearchAttributes: [{ key: searchAttributes.partnerId, value: partnerId }],
        },
        policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: everyMs },
      });
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      await client.schedule.getHandle(scheduleId).update((now) => ({ ...now, spec }));
    }
  }
}
