/**
 * Returns, batches and imports that were at work since a moment, and what their histories say of them. Of a return that is all
 * that the ledger has to know; of a batch and an import it is what their partner needs to know, who has the rest.
 */
import type { Client } from '@temporalio/client';
import type { BatchTask } from '../activities/batch.js';
import type { ReturnRead, ReturnWork } from '../activities/returns.js';
import type { ReturnBooked, SubjectKind } from '../ledger/recoveries.js';
import { returnMade, type ReturnKey, type ReturnMade } from '../ledger/returns.js';
import { batchWorkflow, importWorkflow, returnWorkflow } from '../workflows/messages.js';
import { stepIn, timeOf, type Decode, type HistoryEvent } from './recorded.js';

/** Work of whose rows the restored ledger may know nothing. */
export interface FoundSubject {
  readonly kind: SubjectKind;
  readonly id: string;
  readonly partnerId: string | null;
  readonly startedAt: number;
  /** What its history says of it: a batch's filter and how many it had found, an import's digest and counts; else how its run stands. */
  readonly told: unknown;
}

export interface FoundReturn {
  readonly key: ReturnKey;
  readonly startedAt: number;
  /** Null: a history of a release that did not say, or of one that found no such return. */
  readonly made: ReturnMade | null;
  readonly booked: ReturnBooked | null;
}

interface Run {
  readonly id: string;
  readonly kind: SubjectKind;
  readonly startedAt: number;
  readonly status: string;
  readonly events: readonly HistoryEvent[];
}

const kinds: Readonly<Record<string, SubjectKind>> = {
  [batchWorkflow]: 'batch',
  [importWorkflow]: 'import',
  [returnWorkflow]: 'return',
};

/** All runs of which something happened since then, one after the other, oldest first of each. */
export async function begunSince(
  client: Client,
  decode: Decode,
  since: number,
): Promise<{ readonly returns: readonly FoundReturn[]; readonly subjects: readonly FoundSubject[] }> {
  const returns = new Map<string, FoundReturn>();
  const subjects = new Map<string, FoundSubject>();
  for await (const run of runsOf(client, since)) {
    const { id, kind, startedAt } = run;
    const { partnerId = null } = ((await decode(run.events[0]?.workflowExecutionStartedEventAttributes?.input)) ??
      {}) as { partnerId?: string };
    if (kind === 'return' && partnerId !== null) {
      const found = { key: { partnerId, returnId: id }, startedAt, ...(await returnIn(run.events, decode)) };
      returns.set(id, withBoth(found, returns.get(id)));
      continue;
    }
    const before = subjects.get(id);
    if (before === undefined || before.startedAt < startedAt)
      subjects.set(id, { kind, id, partnerId, startedAt, told: await told(run, decode) });
  }
  return { returns: [...returns.values()], subjects: [...subjects.values()] };
}

async function* runsOf(client: Client, since: number): AsyncGenerator<Run> {
  const at = new Date(since).toISOString();
  const types = Object.keys(kinds).map((name) => `'${name}'`);
  const query = `WorkflowType IN (${types.join(', ')}) AND (StartTime >= '${at}' OR CloseTime >= '${at}' OR ExecutionStatus = 'Running')`;
  for await (const { workflowId, runId, type, startTime, status } of client.workflow.list({ query })) {
    const kind = kinds[type];
    if (kind === undefined) continue;
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    const id = workflowId.slice(workflowId.indexOf('-') + 1);
    yield { id, kind, startedAt: startTime.getTime(), status: status.name.toLowerCase(), events: events ?? [] };
  }
}

/** Its saga may have been lost between its steps and begun anew: one run may know what another did not come to. */
const withBoth = (one: FoundReturn, other: FoundReturn | undefined): FoundReturn => ({
  ...one,
  startedAt: Math.min(one.startedAt, other?.startedAt ?? one.startedAt),
  made: one.made ?? other?.made ?? null,
  booked: earlier(one.booked, other?.booked ?? null),
});

/** A later run finds it booked. */
const earlier = (one: ReturnBooked | null, other: ReturnBooked | null): ReturnBooked | null =>
  one === null || (other !== null && other.at < one.at) ? other : one;

export async function returnIn(
  events: readonly HistoryEvent[],
  decode: Decode,
): Promise<Pick<FoundReturn, 'made' | 'booked'>> {
  let made: ReturnMade | null = null;
  let read: ReturnRead | null = null;
  let booked: ReturnBooked | null = null;
  for (const event of events) {
    const completed = event.activityTaskCompletedEventAttributes;
    // Its only remote activity.
    if (completed) read = (await decode(completed.result)) as ReturnRead;
    const step = await stepIn(event, decode);
    if (step?.name === 'findReturn') made = madeOf(step.result as ReturnWork | null);
    const outcome = step?.name === 'bookReturn' ? (step.result as { readonly outcome: string }).outcome : null;
    if (outcome === 'returned' || outcome === 'already_returned') booked = { at: timeOf(event), read };
  }
  return { made, booked };
}

function madeOf(work: ReturnWork | null): ReturnMade | null {
  const { success, data } = returnMade.safeParse((work as Partial<ReturnWork> | null)?.made);
  return success && data.decidedAt !== null ? data : null;
}

async function told({ kind, status, events }: Run, decode: Decode): Promise<unknown> {
  if (kind === 'import') {
    return (await decode(events.at(-1)?.workflowExecutionCompletedEventAttributes?.result)) ?? status;
  }
  let stock: { state: string; filter: object | null; found: number; skipped: number } | null = null;
  for (const event of events) {
    const step = await stepIn(event, decode);
    if (step?.name !== 'takeBatchStock') continue;
    const task = step.result as BatchTask | null;
    // Told now and then; its payments are in the report besides.
    if (task?.progress) {
      const { found, skipped } = task.progress;
      stock = { state: task.state, filter: task.filter, found, skipped };
    }
  }
  return stock ?? status;
}
