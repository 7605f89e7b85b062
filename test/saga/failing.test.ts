/**
 * Runs whose history cannot be gone on with, so that their workflow tasks fail for ever: the sweeper gives them up for new
 * ones, which go on from the ledger. And why a run that waited for the ledger is not one of them.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { v7 as uuidv7 } from 'uuid';
import { Surety } from '../../scripts/surety.js';
import { paymentStart, workflowNames } from '../../src/workflows/messages.js';
import { replay } from '../replay/replayed.js';
import { policy } from '../support/books.js';
import { changedBuild } from '../support/changedBuild.js';
import { eventually, World, type ApiAnswer } from '../support/world.js';

/** Shorter than a task lasts before it is given out once more. */
const freshnessMs = 3_000;

let world: World;
let other: Surety;
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR', () => undefined) });
  world = await World.open({
    temporalSetup: {
      ...{ SWEEP_EVERY_MS: '1000', SWEEP_GRACE_MS: '300', SWEEP_HOLD_AGE_MS: '60000', SWEEP_FAILING_MS: '1000' },
    },
  });
  // A payment that waits is not indexed: what such workers begin, this release's cannot replay.
  const build = changedBuild('unindexed', (code) =>
    code.replaceAll(
      /\.settleInto\)\(payment, 'awaiting_confirmation'\)/g,
      ".moveTo)(payment, 'awaiting_confirmation')",
    ),
  );
  other = new Surety({ ...world.surety.options, build });
});
afterAll(async () => {
  await other.close();
  await world.assertBooksAgree();
  await world.close();
});

const invoiceIdOf = (opened: ApiAnswer) => (opened.body as unknown as { invoice: { id: string } }).invoice.id;
const executions = async (opened: ApiAnswer) =>
  (await world.twin.requests(invoiceIdOf(opened))).filter(({ effect }) => effect === 'executed').length;
const epochOf = async (id: string) =>
  (await world.surety.admin.query<{ epoch: number }>('SELECT epoch FROM payment WHERE id = $1', [id])).rows[0]?.epoch;
const eventsOf = async (id: string) => (await world.handle(id).fetchHistory()).events ?? [];
const failuresOf = async (id: string) =>
  (await eventsOf(id)).filter((event) => event.workflowTaskFailedEventAttributes !== undefined).length;

/** Opened by a worker of the other build, which has gone when this ends. */
async function begunElsewhere(): Promise<ApiAnswer> {
  await world.worker?.kill();
  const worker = await other.startWorker();
  const opened = await world.open((await world.invoice()).id);
  await world.until(opened.body.id, ['awaiting_confirmation']);
  await worker.kill();
  return { ...opened, body: await world.read(opened.body.id) };
}

describe('a run that no worker can go on with', () => {
  it('while the buyer is awaited: given up for a new one, and his confirm pays', async () => {
    const opened = await begunElsewhere();
    await world.startWorker();
    // What he says now is not heard: the task that would hear it fails.
    void world.confirm(opened);
    await eventually(
      async () => (await failuresOf(opened.body.id)) > 0,
      () => 'the run can be gone on with',
    );
    await eventually(
      async () => (await world.handle(opened.body.id).describe()).type === 'resumedPayment',
      () => `it was not taken up: ${world.worker?.output.slice(-3_000) ?? ''}`,
    );
    await eventually(
      async () => (await world.confirm(opened)).body.state === 'paid',
      () => 'it could not be confirmed any more',
    );
    expect(await executions(opened)).toBe(1);
  }, 120_000);

  it('after the hold: the call’s answer is captured by the new run, and paid once', async () => {
    const before = await world.balance('anna');
    const opened = await begunElsewhere();
    const half = await other.startWorker(undefined, { WORKER_QUEUES: 'payments' });
    const said = world.confirm(opened);
    await world.until(opened.body.id, ['settling']);
    await half.kill();
    await world.startWorker();
    await said;
    await world.until(opened.body.id, ['paid']);
    expect([await epochOf(opened.body.id), await executions(opened)]).toEqual([2, 1]);
    expect((await world.balance('anna')).available).toBe(before.available - 12_346);
  }, 120_000);

  it('is not one for which no worker is there: it waits, and goes on', async () => {
    const opened = await world.open((await world.invoice()).id);
    await world.worker?.kill();
    const sweeper = await world.startWorker({ WORKER_QUEUES: 'background' });
    const said = world.confirm(opened);
    const sweeps = () => sweeper.output.split('"looked":').length;
    const seen = sweeps();
    await eventually(
      () => Promise.resolve(sweeps() > seen + 3),
      () => 'nothing is swept',
    );
    await sweeper.kill();
    await world.startWorker();
    await said;
    await world.until(opened.body.id, ['paid']);
    expect(await epochOf(opened.body.id)).toBe(1);
  }, 120_000);
});

/** As a batch starts it: with what it has read by the page. @returns starts it */
async function readyToStart(invoiceId: string): Promise<{ id: string; start: () => Promise<unknown> }> {
  const key = { partnerId: world.partnerIds.organisation, paymentId: uuidv7(), epoch: 1 };
  const [at, expiresAt, amountMinor, currency] = [Date.now(), Date.now() + 3_600_000, 100, 'RUB'];
  const own = { ...policy, freshnessMs, waitScale: 0.02 };
  await world.surety.ledger.openPayment({
    ...{ ...key, scheme: 'organisation', invoiceId, memberId: null, openedBy: { kind: 'api_key', id: 'test' } },
    ...{ policy: own, links: {}, at },
  });
  const read = {
    ...{ status: 'pending', number: '1', description: 'test', amountMinor, vatAmountMinor: null, currency },
    ...{ expiresAt: new Date(expiresAt).toISOString(), paymentUrl: null },
  };
  await world.surety.ledger.quote(key, read, { points: 0, pricedAt: at }, 0, at);
  const quote = { amountMinor, currency, points: 0, pricedAt: at, readAt: at, expiresAt };
  const options = paymentStart({ ...key, invoiceId, policy: own, startedAt: at, quote }, 'opening');
  return { id: key.paymentId, start: () => world.client.workflow.start(workflowNames.organisation, options) };
}

it('a payment whose first step waits for the ledger longer than its read is fresh is replayed as it was decided', async () => {
  const { id, start } = await readyToStart((await world.invoice({ amountMinor: 100 })).id);
  const lock = await world.surety.admin.connect();
  try {
    await lock.query('BEGIN');
    // Nothing is written here, and the step waits before it has written: feeds of other suites need not wait for either.
    await lock.query('LOCK TABLE payment IN EXCLUSIVE MODE');
    await start();
    // Its task is given out once more when four fifths of its time are over.
    await eventually(
      async () => (await eventsOf(id)).filter((event) => event.workflowTaskStartedEventAttributes).length >= 2,
      () => 'the step has not waited',
    );
  } finally {
    await lock.query('COMMIT');
    lock.release();
  }
  await world.until(id, ['paid'], world.keys.organisation);
  const history = historyToJSON(await world.handle(id).fetchHistory());
  expect(await replay([[id, JSON.parse(history)]])).toEqual([]);
}, 120_000);
