/** All that a Temporal server keeps of a namespace: as it is kept, and as whoever has the keys can read it. */
import type { Client } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import { EncryptingCodec } from '../../src/codec.js';

export interface KeptWorkflow {
  readonly workflowId: string;
  readonly runId: string;
  readonly type: string;
  /** List entry, description with pending activities and failures, every event, the details of now; payloads as they are kept. */
  readonly kept: unknown;
}

/** Every run of every workflow there is. @param query of some alone */
export async function readNamespace(client: Client, query = ''): Promise<KeptWorkflow[]> {
  const { workflowService } = client.connection;
  const { namespace } = client.options;
  const all: KeptWorkflow[] = [];
  let nextPageToken: Uint8Array | null = null;
  do {
    const page: Awaited<ReturnType<typeof workflowService.listWorkflowExecutions>> =
      await workflowService.listWorkflowExecutions({ namespace, nextPageToken, query });
    for (const info of page.executions) {
      const [workflowId, runId] = [info.execution?.workflowId ?? '', info.execution?.runId ?? ''];
      const execution = { workflowId, runId };
      const description = await workflowService.describeWorkflowExecution({ namespace, execution });
      const events: unknown[] = [];
      let token: Uint8Array | null = null;
      do {
        const {
          history,
          nextPageToken: next,
        }: Awaited<ReturnType<typeof workflowService.getWorkflowExecutionHistory>> =
          await workflowService.getWorkflowExecutionHistory({ namespace, execution, nextPageToken: token });
        events.push(...(history?.events ?? []));
        token = next.length > 0 ? next : null;
      } while (token !== null);
      all.push({ workflowId, runId, type: info.type?.name ?? '', kept: { info, description, events } });
    }
    nextPageToken = page.nextPageToken.length > 0 ? page.nextPageToken : null;
  } while (nextPageToken !== null);
  return all;
}

/** What the Temporal UI shows as current details. It is asked of a worker, which answers from the history. */
export async function readDetails(client: Client, workflowId: string, runId?: string): Promise<unknown> {
  const { queryResult } = await client.connection.workflowService.queryWorkflow({
    namespace: client.options.namespace,
    execution: { workflowId, ...(runId === undefined ? {} : { runId }) },
    query: { queryType: '__temporal_workflow_metadata' },
  });
  return queryResult;
}

function isPayload(value: unknown): value is Payload {
  if (typeof value !== 'object' || value === null) return false;
  const { metadata, data } = value as { metadata?: unknown; data?: unknown };
  return data instanceof Uint8Array && typeof metadata === 'object' && metadata !== null;
}

/** Every payload in there, wherever it is, with the names that lead to it; search attributes among them. */
export function payloadsIn(value: unknown, path = ''): { path: string; payload: Payload }[] {
  if (isPayload(value)) return [{ path, payload: value }];
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => payloadsIn(inner, `${path}/${name}`));
}

/** All text in there, bytes included. */
export function textOf(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (typeof value === 'object' && value !== null)
    return Object.entries(value)
      .map(([name, inner]) => `${name} ${textOf(inner)}`)
      .join('\n');
  return String(value);
}

/** The same with every payload decrypted. */
export async function readableTextOf(value: unknown, codecKeys: string): Promise<string> {
  const codec = new EncryptingCodec(codecKeys);
  const opened = await codec.decode(payloadsIn(value).map(({ payload }) => payload));
  return [textOf(value), ...opened.map(textOf)].join('\n');
}
