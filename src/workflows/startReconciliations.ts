/** Keeps each partner's Schedule, and wakes what waits; and what such a Schedule starts. */
import { proxyActivities, uuid4 } from '@temporalio/workflow';
import type * as startActivities from '../activities/startReconciliations.js';
import type { ReconciliationCare } from '../activities/startReconciliations.js';

const { startReconciliations: start, wantScheduledReconciliation } = proxyActivities<
  ReturnType<typeof startActivities.createReconciliationStartActivities>
>({
  startToCloseTimeout: '5 min',
  heartbeatTimeout: '30 s',
  retry: { maximumAttempts: 3 },
  summary: 'Schedule reconciliations and wake those that wait',
});

export async function startReconciliations(care: ReconciliationCare): Promise<{ scheduled: number; woken: number }> {
  return start(care);
}

export async function wantReconciliation({ partnerId }: { readonly partnerId: string }): Promise<void> {
  await wantScheduledReconciliation({ partnerId, id: uuid4() });
}
