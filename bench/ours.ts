/**
 * Surety as a contender, as it is shipped: its worker's process, its ledger, and of the API what speaks to both
 * (src/api/payments/sagas.ts). HTTP is left out, for the naive saga has none; `npm run bench -- api` measures it.
 */
import { v7 as uuidv7 } from 'uuid';
import type { Surety } from '../scripts/surety.js';
import { passwords } from '../scripts/surety.js';
import { Sagas, type SagaAnswer } from '../src/api/payments/sagas.js';
import { createPool } from '../src/database/pool.js';
import { Ledger } from '../src/ledger/ledger.js';
import { createLog } from '../src/log.js';
import { workflowIdOf } from '../src/workflows/messages.js';
import { confirmationOf, inCircles, type Contender, type Payers } from './contender.js';
import { benchPolicy } from './policy.js';

const poolSize = 20;
const answerWithinMs = 30_000;

export async function oursSaga(
  surety: Surety,
  { partnerId, memberIds }: Payers,
  ends: (() => Promise<unknown>)[],
): Promise<Contender> {
  const { postgres, database } = surety.options;
  const worker = await surety.startWorker();
  ends.push(() => worker.stop());
  const pool = createPool(postgres.url(database, 'surety_api', passwords.api), poolSize, createLog('bench', 'warn'));
  ends.push(() => pool.end());
  const ledger = new Ledger(pool);
  const client = surety.temporalClient();
  ends.push(() => client.connection.close());
  const sagas = new Sagas(client, answerWithinMs);
  const member = inCircles(memberIds);
  const openedBy = { kind: 'api_key', id: 'bench' } as const;
  return {
    ...{ name: 'ours', pid: worker.pid, database },
    async pay(invoiceId) {
      const opened = await ledger.openPayment({
        ...{ partnerId, paymentId: uuidv7(), scheme: 'loyalty', invoiceId, memberId: null },
        ...{ openedBy, policy: benchPolicy, links: {}, at: Date.now() },
      });
      if (opened.outcome !== 'opened') throw new Error(`A payment of ours was ${opened.outcome}`);
      const { paymentId } = opened;
      assertAnswered(await sagas.openLoyalty(opened, { partnerId, invoiceId }));
      const clicked = performance.now();
      assertAnswered(await sagas.confirm(paymentId, `confirm:${paymentId}`, confirmationOf(member())));
      return { workflowId: workflowIdOf(paymentId), clickMs: performance.now() - clicked };
    },
  };
}

function assertAnswered(answer: SagaAnswer): void {
  if (answer.kind !== 'answered') throw new Error(`A payment of ours was answered ${JSON.stringify(answer)}`);
}
