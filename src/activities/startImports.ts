/** Sets imports to work whose body is here and whose workflow is not: after a crash in between, or with Temporal away then. */
import { Context } from '@temporalio/activity';
import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import type { CreditImports } from '../ledger/creditImports.js';
import { importStart, importWorkflow } from '../workflows/messages.js';
import { scheduledAt } from './clock.js';

const atMost = 1_000;

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
      return started;
    },
  };
}
