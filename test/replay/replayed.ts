/** Histories, replayed by the workflows of a build. */
import { join } from 'node:path';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { repository } from '../../scripts/stack.js';

export const bundlePath = join(repository, 'dist/workflows.bundle.js');

/** @returns what did not replay, in words */
export async function replay(
  histories: readonly (readonly [string, unknown])[],
  codePath = bundlePath,
): Promise<string[]> {
  const wrong: string[] = [];
  const results = Worker.runReplayHistories(
    { workflowBundle: { codePath } },
    histories.map(([workflowId, history]) => ({ workflowId, history: historyFromJSON(history) })),
  );
  for await (const { workflowId, error } of results) {
    if (error !== undefined) wrong.push(`${workflowId}: ${error.name}`);
  }
  return wrong;
}
