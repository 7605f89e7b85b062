/** What a payment costs in good health, counted by the parties themselves: history, twin, database. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(async () => {
  await world.close();
});

async function historyOf(paymentId: string) {
  const { events = [] } = await world.handle(paymentId).fetchHistory();
  const types = (events ?? []).map((event) => Object.keys(event).find((key) => key.endsWith('EventAttributes')) ?? '');
  return {
    events: types.length,
    workflowTasks: types.filter((type) => type === 'workflowTaskCompletedEventAttributes').length,
    remoteActivities: types.filter((type) => type === 'activityTaskScheduledEventAttributes').length,
  };
}

/** How often Postgres has run each function of the saga. */
async function ledgerCalls(): Promise<Record<string, number>> {
  // Backends report at intervals of their own; a closed connection has reported all.
  const { rows } = await world.surety.admin.query<{ funcname: string; calls: string }>(
    `SELECT funcname, calls FROM pg_stat_user_functions WHERE schemaname = 'surety'
       AND funcname IN ('payment_open', 'payment_quote', 'payment_hold', 'payment_attempt_begin', 'payment_attempt_finish',
         'payment_capture', 'payment_close', 'payment_unproven', 'payment_fence')`,
  );
  return Object.fromEntries(rows.map((row) => [row.funcname, Number(row.calls)]));
}

it('a loyalty payment: 30 events, 4 workflow tasks, 2 remote activities, 1 read and 1 confirm', async () => {
  const invoice = await world.invoice();
  const opened = await world.open(invoice.id);
  await world.confirm(opened);
  const history = await historyOf(opened.body.id);
  expect(history.events).toBeLessThanOrEqual(30);
  expect(history.workflowTasks).toBeLessThanOrEqual(4);
  expect(history.remoteActivities).toBe(2);
  expect((await world.twin.requests(invoice.id)).map(({ operation }) => operation)).toEqual(['read', 'confirm']);
});

it('an organisation payment: 22 events, 3 workflow tasks, 2 remote activities, 1 read and 1 confirm', async () => {
  const invoice = await world.invoice();
  const opened = await world.payAsOrganisation(invoice.id);
  await world.until(opened.body.id, ['paid'], world.keys.organisation);
  await world.handle(opened.body.id).result();
  const history = await historyOf(opened.body.id);
  expect(history.events).toBeLessThanOrEqual(22);
  expect(history.workflowTasks).toBeLessThanOrEqual(3);
  expect(history.remoteActivities).toBe(2);
  expect((await world.twin.requests(invoice.id)).map(({ operation }) => operation)).toEqual(['read', 'confirm']);
});

it('asks Postgres six times a payment by open and saga: open, quote, hold, attempt and its end, capture', async () => {
  await Promise.all([world.worker?.stop(), world.api?.stop()]);
  expect(await ledgerCalls()).toEqual({
    payment_open: 2,
    payment_quote: 2,
    payment_hold: 2,
    payment_attempt_begin: 2,
    payment_attempt_finish: 2,
    payment_capture: 2,
  });
});
