/**
 * Which payments' workflows have done something since a moment, and what their histories say: by the index, and, since that may
 * lag, by the ids of the payments that the ledger believes to be live.
 */
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { evidenceOf, type Evidence, type Recorded } from '../domain/evidence.js';
import { resumedWorkflow, workflowIdOf, workflowNames } from '../workflows/messages.js';
import { recordedIn, timeOf, type Decode } from './recorded.js';

export interface Run {
  readonly runId: string;
  readonly startedAt: number;
}

const atOnce = 16;
const paymentTypes = [...Object.values(workflowNames), resumedWorkflow];
const quoted = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ');

/** Runs of payments, by the payment's id: all of which something happened since then. */
export async function runsSince(
  client: Client,
  since: number,
  tell: (runs: number) => void,
): Promise<Map<string, Run[]>> {
  const at = new Date(since).toISOString();
  const query = `WorkflowType IN (${quoted(paymentTypes)}) AND (StartTime >= '${at}' OR CloseTime >= '${at}' OR ExecutionStatus = 'Running')`;
  const runs = new Map<string, Run[]>();
  let count = 0;
  for await (const { workflowId, runId, startTime, closeTime } of client.workflow.list({ query })) {
    const isOld = startTime.getTime() < since && closeTime === undefined;
    if (isOld && (await lastEventAt(client, workflowId, runId)) < since) continue;
    add(runs, workflowId, { runId, startedAt: startTime.getTime() });
    tell(++count);
  }
  return runs;
}

/** Those of payments that the ledger believes to be live and that the index has not told of. @returns whether Temporal knows one */
export async function addRunOf(
  client: Client,
  runs: Map<string, Run[]>,
  paymentId: string,
  since: number,
): Promise<boolean> {
  const workflowId = workflowIdOf(paymentId);
  if (runs.has(paymentId)) return true;
  try {
    const { runId, startTime } = await client.workflow.getHandle(workflowId).describe();
    if ((await lastEventAt(client, workflowId, runId)) >= since) {
      add(runs, workflowId, { runId, startedAt: startTime.getTime() });
    }
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

function add(runs: Map<string, Run[]>, workflowId: string, run: Run): void {
  const paymentId = workflowId.replace(/^payment-/, '');
  runs.set(paymentId, [...(runs.get(paymentId) ?? []), run]);
}

async function lastEventAt(client: Client, workflowId: string, runId: string): Promise<number> {
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  });
  return timeOf(history?.events?.[0] ?? {});
}

/** Reads the histories of all these runs. */
export async function readEvidence(
  client: Client,
  decode: Decode,
  runs: ReadonlyMap<string, readonly Run[]>,
  tell: (payments: number) => void,
): Promise<Evidence[]> {
  const found: Evidence[] = [];
  const waiting = runs.entries();
  const lane = async (): Promise<void> => {
    for (const [paymentId, ofPayment] of waiting) {
      const recorded: Recorded[] = [];
      for (const run of [...ofPayment].sort((one, other) => one.startedAt - other.startedAt)) {
        const { events } = await client.workflow.getHandle(workflowIdOf(paymentId), run.runId).fetchHistory();
        recorded.push(...(await recordedIn(events ?? [], decode)));
      }
      const evidence = evidenceOf(recorded);
      if (evidence !== null) found.push(evidence);
      tell(found.length);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return found;
}
