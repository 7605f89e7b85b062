/** Seals what was written into the audit chains (docs/audit.md). Started by a Schedule; no payment waits for it. */
import { proxyActivities } from '@temporalio/workflow';
import type * as sealActivities from '../activities/sealLedger.js';

const { sealLedger: seal } = proxyActivities<ReturnType<typeof sealActivities.createSealActivities>>({
  startToCloseTimeout: '10 min',
  heartbeatTimeout: '30 s',
  retry: { maximumAttempts: 3 },
  summary: 'Seal what was written into the audit chains',
});

export async function sealLedger(): Promise<sealActivities.Sealing> {
  return seal();
}
