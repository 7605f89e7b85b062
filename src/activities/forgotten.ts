/**
 * Whether Temporal knows of payments what the books do not: then these are a copy of before, put in the place of the disk, which
 * nothing in them tells (docs/backup.md). A payment is in the books before its workflow is started, and over in them before its
 * workflow is; so one that is not proves it, and no answer of the index, however late, proves it falsely.
 */
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { z } from 'zod';
import { isFinal, type PaymentState } from '../domain/payment.js';
import type { Recovery } from '../ledger/recovery.js';
import { resumedWorkflow, searchAttributes, workflowNames } from '../workflows/messages.js';

/** Of those that run and of those that have ended. The index lists the newest first, by their start, or by their end. */
const most = 20;
const types = [...Object.values(workflowNames), resumedWorkflow].map((name) => `'${name}'`).join(', ');

/** @returns ids of payments, among the newest that Temporal knows since these books were opened; none: nothing speaks against them */
export async function forgottenPayments(client: Client, recovery: Recovery): Promise<readonly string[]> {
  // What a recovery could not tell to the books, or somebody has answered for, is from before.
  const since = new Date(await recovery.openSince());
  const at = since.toISOString();
  const running = await newest(
    client,
    `WorkflowType IN (${types}) AND ExecutionStatus = 'Running' AND StartTime >= '${at}'`,
  );
  const ended = await newest(client, `WorkflowType IN (${types}) AND CloseTime >= '${at}'`);
  const known = [...running, ...ended.filter(({ startTime }) => startTime >= since)];
  const over = ended.filter(({ status, typedSearchAttributes }) => {
    const state = typedSearchAttributes.get(searchAttributes.paymentState) as PaymentState | undefined;
    return status.name === 'COMPLETED' && state !== undefined && isFinal(state);
  });
  return recovery.forgotten(known.flatMap(paymentOf), over.flatMap(paymentOf));
}

async function newest(client: Client, query: string): Promise<readonly WorkflowExecutionInfo[]> {
  const found: WorkflowExecutionInfo[] = [];
  for await (const one of client.workflow.list({ query, pageSize: most })) {
    found.push(one);
    if (found.length === most) break;
  }
  return found;
}

/** None where somebody has given a workflow an id of his own. */
function paymentOf({ workflowId }: WorkflowExecutionInfo): readonly string[] {
  const { success, data } = z.uuid().safeParse(workflowId.replace(/^payment-/, ''));
  return success ? [data] : [];
}
