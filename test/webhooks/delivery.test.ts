/** Events on their way to a partner's endpoints: from the commit to the receipt, through every failure. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, World } from '../support/world.js';
import { Endpoints } from './endpoints.js';
import { python } from './python.js';
import { drip, Receiver, silence, status, stream, verifies, type Answer, type Received } from './receiver.js';

let world: World;
let endpoints: Endpoints;
const made: { receiver: Receiver; id: string }[] = [];

beforeAll(async () => {
  world = await World.open({
    // Three days are two and a half seconds; what the endpoint asks for stays as it is.
    environment: { WEBHOOK_WAIT_SCALE: '0.00001', WEBHOOK_TOTAL_TIMEOUT_MS: '3000' },
    temporalSetup: { WEBHOOK_START_EVERY_MS: '1000', WEBHOOK_START_GRACE_MS: '500' },
  });
  endpoints = new Endpoints(world.surety.admin, world.partnerIds.loyalty);
});
afterEach(async () => {
  for (const { receiver, id } of made.splice(0)) {
    await endpoints.delete(id);
    await receiver.close();
  }
});
afterAll(async () => {
  await world.close();
});

async function endpoint(answer: Answer = status(204), eventTypes: readonly string[] | null = null) {
  const receiver = await Receiver.open(answer);
  const { id, secret } = await endpoints.register(`${receiver.url}/hooks`, eventTypes);
  made.push({ receiver, id });
  return { receiver, id, secret };
}

/** An event whose delivery nobody starts but the Schedule. */
async function credit(points = 10): Promise<string> {
  await world.surety.creditPoints(world.partnerIds.loyalty, 'anna', points, randomUUID());
  return newestEvent();
}

async function newestEvent(): Promise<string> {
  const { rows } = await world.surety.admin.query<{ id: string }>(
    'SELECT id FROM event ORDER BY position DESC LIMIT 1',
  );
  return rows[0]?.id ?? '';
}

async function received(
  receiver: Receiver,
  count: number,
  what: (one: Received) => boolean = () => true,
): Promise<Received[]> {
  await eventually(
    () => Promise.resolve(receiver.received.filter(what).length >= count),
    () => `${receiver.received.filter(what).length} of ${count} came\n${world.worker?.output.slice(-3_000) ?? ''}`,
  );
  return receiver.received.filter(what);
}

const until = (isSo: () => Promise<boolean>, words: string) => eventually(isSo, () => words);

describe('after the commit', () => {
  it('a payment tells of its way: in order, signed, started by the worker, without an event in its history', async () => {
    const { receiver, secret } = await endpoint();
    const opened = await world.open((await world.invoice()).id);
    await world.confirm(opened);
    await world.until(opened.body.id, ['paid']);
    const all = await received(receiver, 2);
    const byTime = all.map(({ event }) => event).sort((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0));
    expect(byTime.map(({ type }) => type)).toEqual(['payment.awaiting_confirmation', 'payment.paid']);
    expect(byTime.map(({ data }) => data['paymentId'])).toEqual([opened.body.id, opened.body.id]);
    for (const one of all) {
      expect(verifies(one, secret)).toBe(true);
      expect(one.id).toBe(one.event.id);
    }
    const { events } = await world.handle(opened.body.id).fetchHistory();
    expect(JSON.stringify(events)).not.toContain('webhook');
  });

  it("PyPI's standardwebhooks verifies a delivery, and refuses one that was changed", async () => {
    const { receiver, secret } = await endpoint();
    await credit();
    const [one] = await received(receiver, 1);
    if (one === undefined) throw new Error('nothing came');
    const { headers } = one;
    const given = (body: Buffer) => ({ secret, headers, bodyBase64: body.toString('base64') });
    expect(python('verify.py', given(one.body))).toBe(one.event.id);
    const changed = Buffer.from(
      one.body.toString().replace('"points" : 10', '"points" : 11').replace('"points": 10', '"points": 11'),
    );
    expect(changed.equals(one.body)).toBe(false);
    expect(() => python('verify.py', given(changed))).toThrow(/WebhookVerificationError/);
  }, 150_000);

  it('what nobody has started is started by the Schedule, once', async () => {
    const { receiver, id } = await endpoint();
    const eventId = await credit();
    await received(receiver, 1, (one) => one.id === eventId);
    await until(async () => (await endpoints.delivery(id, eventId))?.state === 'delivered', 'it is never recorded');
    expect(await endpoints.delivery(id, eventId)).toMatchObject({ attempts: 1, lastStatus: 204, lastProblem: null });
  });

  it('only what it listens to', async () => {
    const { receiver } = await endpoint(status(204), ['points.expired']);
    const all = await endpoint();
    const eventId = await credit();
    await received(all.receiver, 1, (one) => one.id === eventId);
    expect(receiver.received).toEqual([]);
  });
});

describe('an endpoint that fails', () => {
  it('[case sandbase-harness#313, shopware PR#17679] is tried again: same id and bytes, fresh time, both secrets verify while one is replaced', async () => {
    const { receiver, id, secret } = await endpoint(status(503, { 'retry-after': '2' }));
    const eventId = await credit();
    await received(receiver, 1, (one) => one.id === eventId);
    const next = await endpoints.rotate(id, Date.now() + 3_600_000);
    receiver.answer = status(200);
    const [first, second] = await received(receiver, 2, (one) => one.id === eventId);
    if (first === undefined || second === undefined) throw new Error('nothing came');
    expect(second.body.equals(first.body)).toBe(true);
    // Not before the time that it asked for.
    expect(second.atMs - first.atMs).toBeGreaterThanOrEqual(1_900);
    expect(second.timestamp).toBeGreaterThan(first.timestamp);
    expect(first.signatures).toHaveLength(1);
    expect(verifies(first, secret)).toBe(true);
    expect(second.signatures).toHaveLength(2);
    expect(verifies(second, secret)).toBe(true);
    expect(verifies(second, next)).toBe(true);
  });

  it('[case sandbase-harness#313, shopware PR#17679] once the old secret is over, the new one alone signs', async () => {
    const { receiver, id, secret } = await endpoint();
    const next = await endpoints.rotate(id, Date.now() - 1);
    const eventId = await credit();
    const [one] = await received(receiver, 1, (some) => some.id === eventId);
    if (one === undefined) throw new Error('nothing came');
    expect(one.signatures).toHaveLength(1);
    expect(verifies(one, secret)).toBe(false);
    expect(verifies(one, next)).toBe(true);
  });

  it('for three days is disabled, its owner is told; enabled again, a replay of the time brings what it missed', async () => {
    const other = await endpoint();
    const { receiver, id } = await endpoint(status(500));
    const from = Date.now() - 1_000;
    const eventId = await credit();
    const told = (one: Received) => one.event.type === 'webhook_endpoint.disabled';
    const [disabled] = await received(other.receiver, 1, told);
    expect(disabled?.event.data).toMatchObject({ endpointId: id, reason: 'failing' });
    expect(await endpoints.state(id)).toMatchObject({ state: 'disabled', disabledReason: 'failing' });
    const failed = await endpoints.delivery(id, eventId);
    expect(failed).toMatchObject({ state: 'failed', lastStatus: 500 });
    expect(failed?.attempts).toBeGreaterThan(1);
    const missed = await credit();
    await received(other.receiver, 1, (one) => one.id === missed);

    receiver.answer = status(200);
    const before = receiver.received.length;
    const { partnerId, webhooks } = endpoints;
    const span = { from, to: Date.now() + 1_000, undeliveredOnly: false, most: 100 };
    expect(await webhooks.replayRange(partnerId, id, span, Date.now())).toEqual({ outcome: 'disabled' });
    await webhooks.changeEndpoint(partnerId, id, { state: 'enabled' }, Date.now());
    expect(await webhooks.replayRange(partnerId, id, span, Date.now())).toMatchObject({
      outcome: 'asked',
      complete: true,
    });
    // In whatever order, and among other events of that time.
    for (const one of [eventId, missed]) {
      await until(async () => (await endpoints.delivery(id, one))?.state === 'delivered', 'it is never recorded');
    }
    const again = receiver.received.slice(before).map((one) => one.id);
    expect(again).toContain(eventId);
    expect(again).toContain(missed);
    expect(await endpoints.state(id)).toMatchObject({ state: 'enabled', failingSince: null });
  });

  it('with 410 is disabled at once', async () => {
    const { receiver, id } = await endpoint(status(410));
    const eventId = await credit();
    await received(receiver, 1, (one) => one.id === eventId);
    await until(async () => (await endpoints.state(id))?.state === 'disabled', 'it stays enabled');
    expect(await endpoints.state(id)).toMatchObject({ disabledReason: 'gone' });
    expect(await endpoints.delivery(id, eventId)).toMatchObject({ state: 'failed', attempts: 1, lastStatus: 410 });
  });

  it('and is deleted meanwhile: nothing more is sent, and its workflows end', async () => {
    const { receiver, id } = await endpoint(status(500, { 'retry-after': '1' }));
    const eventId = await credit();
    await received(receiver, 1, (one) => one.id === eventId);
    await endpoints.delete(id);
    expect(await world.client.workflow.getHandle(`webhook-${eventId}-${id}`).result()).toBe('over');
  });

  it('has its secrets and the words of its answers nowhere in a history', async () => {
    const { receiver, id, secret } = await endpoint(status(204));
    const eventId = await credit();
    await received(receiver, 1, (one) => one.id === eventId);
    const handle = world.client.workflow.getHandle(`webhook-${eventId}-${id}`);
    await handle.result();
    const history = JSON.stringify(await handle.fetchHistory());
    for (const word of [secret, secret.slice(6), receiver.url, 'points.credited']) {
      expect(history).not.toContain(word);
      expect(history).not.toContain(Buffer.from(word).toString('base64').slice(0, -4));
    }
  });
});

describe('asked for again', () => {
  it('one that waits for hours is sent now', async () => {
    const { receiver, id } = await endpoint(status(503, { 'retry-after': '7200' }));
    const eventId = await credit();
    await received(receiver, 1, (one) => one.id === eventId);
    await until(async () => (await endpoints.delivery(id, eventId))?.attempts === 1, 'it is never recorded');
    receiver.answer = status(200);
    await endpoints.webhooks.replay(endpoints.partnerId, id, eventId, Date.now());
    const { partnerId } = endpoints;
    await world.client.workflow.start('deliverWebhook', {
      workflowId: `webhook-${eventId}-${id}`,
      taskQueue: 'background',
      args: [{ partnerId, eventId, endpointId: id }],
      workflowIdConflictPolicy: 'TERMINATE_EXISTING',
    });
    await received(receiver, 2, (one) => one.id === eventId);
  });
});

it('endpoints that drip, are silent or stream without end keep nobody else waiting', async () => {
  const slow = await Promise.all([drip, silence, stream, drip].map((answer) => endpoint(answer)));
  const healthy = await endpoint();
  const ids: string[] = [];
  for (let i = 0; i < 20; i++) ids.push(await credit());
  await received(healthy.receiver, 20, (one) => ids.includes(one.id));
  for (const id of ids) expect(healthy.receiver.of(id)).toHaveLength(1);
  // The stream has said 200, and that counts.
  await received(slow[2]?.receiver ?? healthy.receiver, 20);
});
