/** A copy of the disk of before is put in the disk's place: nothing in the books tells it, and Temporal does. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { v7 as uuidv7 } from 'uuid';
import { untilReady, type Program } from '../../scripts/stack.js';
import { forgottenPayments } from '../../src/activities/forgotten.js';
import { createSweepActivities } from '../../src/activities/sweep.js';
import { paymentStart, workflowNames } from '../../src/workflows/messages.js';
import { policy } from '../support/books.js';
import { eventually, World } from '../support/world.js';
import { recoverWorld } from './recoverWorld.js';
import { RestorablePostgres } from './restorable.js';

let disk: RestorablePostgres;
let world: World;
beforeAll(async () => {
  disk = await RestorablePostgres.start();
  world = await World.open({ postgres: disk.server });
}, 120_000);
afterAll(async () => {
  await world.close();
  await disk.close();
}, 60_000);

const forgotten = async () => [...(await forgottenPayments(world.client, world.surety.recovery))].sort();
const isIndexed = (id: string, status: string) =>
  eventually(
    async () => {
      const query = `WorkflowId = 'payment-${id}' AND ExecutionStatus = '${status}'`;
      return (await world.client.workflow.count(query)).count === 1;
    },
    () => `payment ${id} is not in the index as ${status}`,
  );

it('processes wait, nothing is swept, and a recovery opens the way', async () => {
  const waits = await world.open((await world.invoice()).id);
  await world.api?.stop();
  await world.worker?.stop();
  await disk.copyDisk();

  [world.api, world.worker] = await Promise.all([world.surety.startApi(), world.surety.startWorker()]);
  expect(await forgotten()).toEqual([]);
  await world.confirm(waits);
  await world.until(waits.body.id, ['paid']);
  const since = await world.open((await world.invoice()).id);
  await isIndexed(waits.body.id, 'Completed');
  await isIndexed(since.body.id, 'Running');
  expect(await forgotten()).toEqual([]);
  await world.api.stop();
  await world.worker.stop();
  await disk.putCopyBack();

  expect(await forgotten()).toEqual([waits.body.id, since.body.id].sort());
  const sweeps = createSweepActivities(world.client, world.surety.recovery);
  const sweep = new MockActivityEnvironment().run(() => sweeps.sweepPayments({ graceMs: 0, holdAgeMs: 0 }));
  await expect(sweep).rejects.toThrow('nothing was swept');
  const { ports } = world.surety.options;
  const starting: [number, Program][] = [
    [ports.api, world.surety.launchApi(ports.api)],
    [ports.worker, world.surety.launchWorker(ports.worker)],
  ];
  [world.api, world.worker] = starting.map(([, program]) => program) as [Program, Program];
  for (const [port, program] of starting) {
    await untilReady(`http://127.0.0.1:${port}/health/live`, program);
    const ready = await fetch(`http://127.0.0.1:${port}/health/ready`);
    const { parts } = (await ready.json()) as { parts: { ledger: string } };
    expect([ready.status, parts.ledger]).toEqual([503, expect.stringContaining('a copy of before')]);
  }

  const { report } = await recoverWorld(world, '--since', new Date(Date.now() - 60_000).toISOString(), '--json');
  expect(report?.payments.map(({ paymentId, did }) => [paymentId, did]).sort()).toEqual(
    [
      [waits.body.id, 'pay'],
      [since.body.id, 'take_up'],
    ].sort(),
  );
  for (const [port, program] of starting) await untilReady(`http://127.0.0.1:${port}/health/ready`, program);
  expect(await forgotten()).toEqual([]);
  await world.confirm(since);
  await world.until(since.body.id, ['paid']);
  await world.assertBooksAgree();
}, 120_000);

it('a workflow that was begun by hand for a payment that never was speaks against the books until somebody answers for it', async () => {
  const payment = { partnerId: uuidv7(), paymentId: uuidv7(), epoch: 1, invoiceId: randomUUID(), policy };
  const run = await world.client.workflow.start(workflowNames.loyalty, paymentStart(payment, 'opening'));
  await run.terminate('begun by hand');
  await isIndexed(payment.paymentId, 'Terminated');
  expect(await forgotten()).toEqual([payment.paymentId]);
  await recoverWorld(world, '--nothing-lost', '--reason', 'begun by hand');
  expect(await forgotten()).toEqual([]);
});
