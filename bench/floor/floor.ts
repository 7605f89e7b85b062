/** The no-op payment as a contender: the engine and nothing else. */
import { WithStartWorkflowOperation } from '@temporalio/client';
import { v7 as uuidv7 } from 'uuid';
import type { Surety } from '../../scripts/surety.js';
import { confirmUpdate, openUpdate, paymentStart } from '../../src/workflows/messages.js';
import { confirmationOf, inCircles, startedWorker, type Contender, type Payers } from '../contender.js';
import { benchPolicy } from '../policy.js';
import type { noOpPayment } from './workflows.js';

export async function floorSaga(
  surety: Surety,
  { partnerId, memberIds }: Payers,
  ends: (() => Promise<unknown>)[],
): Promise<Contender> {
  const { temporalAddress, namespace } = surety.options;
  const worker = await startedWorker(
    'floor',
    { TEMPORAL_ADDRESS: temporalAddress, TEMPORAL_NAMESPACE: namespace },
    ends,
  );
  const client = surety.temporalClient();
  ends.push(() => client.connection.close());
  const member = inCircles(memberIds);
  return {
    ...{ name: 'no-op', pid: worker.pid, database: null },
    async pay(invoiceId) {
      const paymentId = uuidv7();
      const start = paymentStart(
        {
          ...{ partnerId, paymentId, epoch: 1, invoiceId, policy: benchPolicy, startedAt: Date.now() },
          opened: { by: { kind: 'saga', id: 'bench' }, memberId: null },
        },
        'opening',
      );
      const startWorkflowOperation = new WithStartWorkflowOperation<typeof noOpPayment>('noOpPayment', {
        ...start,
        ...{ taskQueue: 'floor', workflowIdConflictPolicy: 'USE_EXISTING', workflowIdReusePolicy: 'REJECT_DUPLICATE' },
      });
      const updateId = `open:${paymentId}`;
      await client.workflow.executeUpdateWithStart(openUpdate, { updateId, startWorkflowOperation });
      const clicked = performance.now();
      const { state } = await client.workflow
        .getHandle(start.workflowId)
        .executeUpdate(confirmUpdate, { updateId: `confirm:${paymentId}`, args: [confirmationOf(member())] });
      if (state !== 'paid') throw new Error(`A payment that does nothing is ${state}`);
      return { workflowId: start.workflowId, clickMs: performance.now() - clicked };
    },
  };
}
