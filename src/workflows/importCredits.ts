/** Books the lines of an import, then ends it, once. Started by the API when the body is here whole. */
import { proxyActivities } from '@temporalio/workflow';
import type * as importActivities from '../activities/creditImport.js';
import type { ImportKey } from '../activities/creditImport.js';

type ImportActivities = ReturnType<typeof importActivities.createImportActivities>;

const { applyCreditImport } = proxyActivities<ImportActivities>({
  startToCloseTimeout: '2 h',
  // A killed worker's import goes on elsewhere after this.
  heartbeatTimeout: '15 s',
  retry: { initialInterval: '1 s', maximumInterval: '1 min' },
  summary: 'Book the lines that are not done yet',
});
const { endCreditImport } = proxyActivities<ImportActivities>({
  startToCloseTimeout: '5 min',
  heartbeatTimeout: '30 s',
  retry: { initialInterval: '1 s', maximumInterval: '1 min' },
  summary: 'End the import and tell the partner',
});

export async function importCredits(key: ImportKey): Promise<void> {
  const failure = await applyCreditImport(key);
  await endCreditImport({ ...key, failure });
}
