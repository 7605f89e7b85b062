/**
 * Books the lines of an import, then ends it, once. Started by the API when the body is here whole. Its activities have a queue
 * of their own with few places, fair between partners: a file of a million lines keeps nothing else waiting, nor another's file.
 */
import { proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import type * as importActivities from '../activities/creditImport.js';
import type { ImportEnd, ImportKey } from '../activities/creditImport.js';
import { taskQueues } from './messages.js';

type ImportActivities = ReturnType<typeof importActivities.createImportActivities>;

/** @returns what it came to: all that is left of it once the ledger was restored to before (docs/backup.md) */
export async function importCredits(key: ImportKey): Promise<ImportEnd> {
  const common = {
    taskQueue: taskQueues.imports,
    priority: { fairnessKey: key.partnerId },
    retry: { initialInterval: '1 s', maximumInterval: '1 min' },
  } as const;
  const { applyCreditImport } = proxyActivities<ImportActivities>({
    ...common,
    startToCloseTimeout: '2 h',
    // A killed worker's import goes on elsewhere after this.
    heartbeatTimeout: '15 s',
    summary: 'Book the lines that are not done yet',
  });
  const { endCreditImport } = proxyActivities<ImportActivities>({
    ...common,
    startToCloseTimeout: '5 min',
    heartbeatTimeout: '30 s',
    summary: 'End the import and tell the partner',
  });
  setCurrentDetails(
    '**running** · The lines of the file are being booked, three files at once a worker.\n\nTerminating it loses nothing: within a minute it is started again, and goes on where it was.',
  );
  const failure = await applyCreditImport(key);
  setCurrentDetails('**running** · All lines are done; the result is being counted.\n\nNothing to do.');
  const end = await endCreditImport({ ...key, failure });
  setCurrentDetails(`**${failure === null ? 'finished' : 'failed'}** · It is over.`);
  return end;
}
