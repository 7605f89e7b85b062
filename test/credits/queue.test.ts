/** Very many imports of one partner: they wait for each other, and nothing else waits for them. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import proto from '@temporalio/proto';
import { eventually, World } from '../support/world.js';

const places = 3;
const most = 10;

let world: World;
beforeAll(async () => {
  world = await World.open({});
}, 120_000);
afterAll(async () => {
  await world.close();
});

async function send(reference: string) {
  const response = await fetch(`${world.surety.apiUrl}/v1/credits/imports`, {
    method: 'POST',
    body: `memberExternalId,points,reference\nqueue,1,${reference}\n`,
    headers: {
      authorization: `Bearer ${world.keys.loyalty}`,
      'content-type': 'text/csv',
      'idempotency-key': randomUUID(),
    },
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, string>,
  };
}

const started = proto.temporal.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_STARTED;
const handle = (importId: string) => world.client.workflow.getHandle(`import-${importId}`);

async function isStarted(importId: string): Promise<boolean> {
  const { raw } = await handle(importId).describe();
  return raw.pendingActivities?.some(({ state }) => state === started) ?? false;
}

it('ten imports that go on and on take three places; one more is told to come later; what the Schedules run is not kept waiting', async () => {
  await world.surety.creditPoints(world.partnerIds.loyalty, 'queue', 1, randomUUID());
  const blocker = await world.surety.admin.connect();
  await blocker.query('BEGIN');
  // Whoever credits needs this row.
  await blocker.query("SELECT FROM account WHERE kind = 'programme.issued' AND partner_id = $1 FOR UPDATE", [
    world.partnerIds.loyalty,
  ]);
  const ids: string[] = [];
  for (let n = 0; n < most; n++) {
    const { status, body } = await send(`queue-${n}`);
    expect(status).toBe(202);
    ids.push(body['id'] ?? '');
  }
  const later = await send('queue-later');
  expect([later.status, later.body['code'], later.body['refusal']]).toEqual([
    429,
    'too_many_requests',
    'too_many_imports',
  ]);
  expect(Number(later.headers.get('retry-after'))).toBeGreaterThan(0);

  const counts: number[] = [];
  await eventually(
    async () => {
      counts.push((await Promise.all(ids.map(isStarted))).filter(Boolean).length);
      return counts.filter((count) => count === places).length >= 3;
    },
    () => `started at once: ${counts.join(', ')}`,
  );
  expect(Math.max(...counts)).toBe(places);
  // What is run by a Schedule finds a place.
  await world.client.workflow.execute('expirePoints', {
    taskQueue: 'background',
    workflowId: randomUUID(),
    args: [],
  });
  const { events } = await handle(ids[0] ?? '').fetchHistory();
  const ordered = events?.find(
    (event) => event.activityTaskScheduledEventAttributes,
  )?.activityTaskScheduledEventAttributes;
  expect(ordered?.taskQueue?.name).toBe('imports');
  expect(ordered?.priority?.fairnessKey).toBe(world.partnerIds.loyalty);

  await blocker.query('COMMIT');
  blocker.release();
  await Promise.all(ids.map((id) => handle(id).result()));
  expect((await world.balance('queue')).available).toBe(1 + most);
}, 120_000);
