/** The naive saga as a contender: its worker, its own database on the same Postgres, and a client as the tutorials have it. */
import { setTimeout as pause } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { demo } from '../../scripts/demoWorld.js';
import type { Surety } from '../../scripts/surety.js';
import { inCircles, startedWorker, type Contender, type Payers } from '../contender.js';
import { endow, naiveDataSource } from './books.js';
import { confirmSignal, stateQuery, type naivePayment } from './workflows.js';

const database = 'naive';
/** The price is asked for again and again, ever more slowly. */
const firstPauseMs = 20;
const longestPauseMs = 200;

export async function naiveSaga(
  surety: Surety,
  payers: Payers,
  endowment: Parameters<typeof endow>[3],
  ends: (() => Promise<unknown>)[],
): Promise<Contender> {
  const { postgres, temporalAddress, namespace } = surety.options;
  await createDatabase(postgres.url('postgres'), database);
  const dataSource = await naiveDataSource(postgres.url(database));
  try {
    await endow(dataSource.manager, payers.partnerId, payers.memberIds, endowment);
  } finally {
    await dataSource.destroy();
  }
  const worker = await startedWorker(
    'naive',
    {
      TEMPORAL_ADDRESS: temporalAddress,
      TEMPORAL_NAMESPACE: namespace,
      NAIVE_DATABASE_URL: postgres.url(database),
      INVOICEBOX_URL: surety.twin.url,
      INVOICEBOX_TOKEN: demo.loyalty.token,
    },
    ends,
  );
  const client = surety.temporalClient();
  ends.push(() => client.connection.close());
  const member = inCircles(payers.memberIds);
  return {
    ...{ name: 'naive', pid: worker.pid, database },
    async pay(invoiceId) {
      const paymentId = uuidv7();
      const handle = await client.workflow.start<typeof naivePayment>('naivePayment', {
        taskQueue: 'naive',
        workflowId: `naive-${paymentId}`,
        args: [{ paymentId, partnerId: payers.partnerId, invoiceId }],
      });
      await untilAsked(handle);
      const clicked = performance.now();
      await handle.signal(confirmSignal, member());
      const state = await handle.result();
      if (state !== 'paid') throw new Error(`A naive payment is ${state}`);
      return { workflowId: handle.workflowId, clickMs: performance.now() - clicked };
    },
  };
}

async function untilAsked(handle: WorkflowHandle<typeof naivePayment>): Promise<void> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, 2 * pauseMs)) {
    if ((await handle.query(stateQuery)) === 'awaiting_confirmation') return;
    await pause(pauseMs);
  }
}

export async function createDatabase(serverUrl: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}
