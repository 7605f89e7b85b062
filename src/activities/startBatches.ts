/** Sets batches to work whose workflow is not there: never started, or lost since. */
import { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type { Batches } from '../ledger/batches.js';
import { batchStart, batchWorkflow, lookAgainSignal } from '../workflows/messages.js';
import { scheduledAt } from './clock.js';

const atMost = 1_000;

export function createBatchStartActivities(batches: Batches, client: Client) {
  return {
    /** @param graceMs younger ones may still be on their way. @returns how many are known to be worked on now */
    async startBatches({ graceMs }: { readonly graceMs: number }): Promise<number> {
      let started = 0;
      for (const { isPaused, ...key } of await batches.toWorkOn(graceMs, atMost, scheduledAt())) {
        try {
          const start = { ...batchStart(key), workflowIdConflictPolicy: 'USE_EXISTING' } as const;
          // One that runs is left to itself, unless it waits.
          if (isPaused) await client.workflow.signalWithStart(batchWorkflow, { ...start, signal: lookAgainSignal });
          else await client.workflow.start(batchWorkflow, start);
          started += 1;
        } catch (error) {
          Context.current().log.warn('a batch could not be started', { batchId: key.batchId, error });
        }
        Context.current().heartbeat(started);
      }
      return started;
    },
  };
}
