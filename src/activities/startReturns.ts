/** Sets approved returns to work whose saga is not there: after a crash in between, with Temporal away then, or terminated. */
import { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import type { Returns } from '../ledger/returns.js';
import { returnStart, returnWorkflow } from '../workflows/messages.js';
import { scheduledAt } from './clock.js';

const atMost = 1_000;

export function createReturnStartActivities(returns: Returns, client: Client) {
  return {
    /** @param graceMs younger ones may still be on their way. @returns how many are known to be worked on now */
    async startReturns({ graceMs }: { readonly graceMs: number }): Promise<number> {
      let started = 0;
      for (const key of await returns.toBook(graceMs, atMost, scheduledAt())) {
        try {
          await client.workflow.start(returnWorkflow, returnStart(key));
          started += 1;
        } catch (error) {
          Context.current().log.warn('a return could not be started', { returnId: key.returnId, error });
        }
        Context.current().heartbeat(started);
      }
      return started;
    },
  };
}
