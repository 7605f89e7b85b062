import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';

/** As from the Temporal UI: back to the end of its first workflow task; everything after it is forgotten. */
export async function resetWorkflow(client: Client, workflowId: string): Promise<void> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const firstTask = events?.find((event) => event.workflowTaskCompletedEventAttributes);
  if (firstTask?.eventId === undefined) throw new Error(`${workflowId} has no finished task to reset to`);
  const { runId } = await client.workflow.getHandle(workflowId).describe();
  await client.workflowService.resetWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: { workflowId, runId },
    reason: 'the fault run',
    requestId: randomUUID(),
    workflowTaskFinishEventId: firstTask.eventId,
  });
}
