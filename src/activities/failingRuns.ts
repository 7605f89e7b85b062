/**
 * Runs whose workflow tasks fail, again and again: their history cannot be gone on with, whoever tries. A run that nobody
 * works on does not fail, it waits: its task's attempts don't count up.
 */
import { status } from '@grpc/grpc-js';
import {
  isGrpcServiceError,
  QueryNotRegisteredError,
  ServiceError,
  type Client,
  type WorkflowExecutionDescription,
} from '@temporalio/client';
import proto from '@temporalio/proto';
import { stateQuery } from '../workflows/messages.js';

/** A task fails, times out or is lost once by a worker that is killed or stands still; not three times in a row for long. */
const leastAttempts = 3;
/** Of the history's end: what failed lies behind what has come in since. */
const eventsLookedAt = 50;

const { WorkflowTaskFailedCause } = proto.temporal.api.enums.v1;

/** @returns for how many milliseconds, by the server's times; 0: its tasks do not fail, as far as is known */
export async function hasFailedFor(client: Client, run: WorkflowExecutionDescription): Promise<number> {
  const { pendingWorkflowTask } = run.raw;
  if ((pendingWorkflowTask?.attempt ?? 1) < leastAttempts) return 0;
  const { workflowId, runId } = run;
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: eventsLookedAt,
  });
  let sinceMs: number | null = null;
  let isSaid = false;
  for (const event of history?.events ?? []) {
    if (event.workflowTaskCompletedEventAttributes) break;
    const failed = event.workflowTaskFailedEventAttributes;
    // What a reset ends is noted as a failure too.
    const saysSo = !!failed && failed.cause !== WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW;
    if (!saysSo && !event.workflowTaskTimedOutEventAttributes) continue;
    isSaid ||= saysSo;
    sinceMs = millisecondsOf(event.eventTime);
  }
  if (sinceMs === null) return 0;
  // Only the first attempt's failure is told to the server. Where that one timed out, a query tells a run that cannot be
  // gone on with from a worker that is too slow.
  if (!isSaid && !(await cannotBeAsked(client, run))) return 0;
  return millisecondsOf(pendingWorkflowTask?.scheduledTime) - sinceMs;
}

async function cannotBeAsked(client: Client, { workflowId, runId }: WorkflowExecutionDescription): Promise<boolean> {
  try {
    await client.workflow.getHandle(workflowId, runId).query(stateQuery);
    return false;
  } catch (error) {
    // What a worker could not replay is answered as if it had no such query.
    if (error instanceof QueryNotRegisteredError) return true;
    const cause = error instanceof ServiceError ? error.cause : error;
    if (!isGrpcServiceError(cause)) throw error;
    return cause.code !== status.DEADLINE_EXCEEDED && cause.code !== status.UNAVAILABLE;
  }
}

const millisecondsOf = (time: proto.google.protobuf.ITimestamp | null | undefined): number =>
  Number(time?.seconds ?? 0) * 1_000 + Math.floor((time?.nanos ?? 0) / 1e6);
