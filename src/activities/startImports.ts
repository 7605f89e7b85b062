/**
 * Sets imports to work whose body is here and whose workflow is not: after a crash in between, or with Temporal away then. And
 * forgets uploads that were cut: what has come of them may name people, and nobody else would ever take it away.
 */
import { Context } from '@temporalio/activity';
import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import type { CreditImports } from '../ledger/creditImports.js';
import { importStart, importWorkflow } from '../workflows/messages.js';
import { scheduledAt } from './clock.js';

const atMost = 1_000;
/** So long after its last piece an upload does not go on. */
const cutAfterMs = 3_600_000;

export function createImportStartActivities(imports: CreditImports, client: Client) {
  return {
    /** @param graceMs younger ones may still be on their way. @returns how many are known to be worked on now */
    async startImports({ graceMs }: { readonly graceMs: number }): Promise<number> {
      let started = 0;
      for (const key of await imports.running(graceMs, atMost, scheduledAt())) {
        try {
          // One that runs is left to itself, and one that has ended by now finds nothing to do.
          await client.workflow.start(importWorkflow, {
            ...importStart(key),
            workflowIdConflictPolicy: 'USE_EXISTING',
          });
          started += 1;
        } catch (error) {
          if (!(error instanceof WorkflowExecutionAlreadyStartedError)) {
            Context.current().log.warn('an import could not be started', { importId: key.importId, error });
          }
        }
        Context.current().heartbeat(started);
      }
      await forgetCut();
      return started;
    },
  };

  async function forgetCut(): Promise<void> {
    const at = scheduledAt();
    for (const { partnerId, importId } of await imports.cut(cutAfterMs, atMost, at)) {
      await imports.forget(partnerId, importId, cutAfterMs, at);
      Context.current().heartbeat();
    }
  }
}
