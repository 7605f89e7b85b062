/** What Temporal keeps is encrypted where keys are configured, and a payment never notices, whichever keys come and go. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { join } from 'node:path';
import { dataConverterFor } from '../../src/codec.js';
import { repository } from '../../scripts/stack.js';
import { World } from '../support/world.js';
import { payloadsIn, readableTextOf, readDetails, readNamespace, textOf } from './namespace.js';

const key = (id: string) => `${id}:${randomBytes(32).toString('base64')}`;
const [first, second] = [key('first'), key('second')];

let world: World;
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR', () => undefined) });
  world = await World.open({ codecKeys: first, timings: { waitScale: 0.002 } });
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

const encodingOf = (metadata: Record<string, Uint8Array> | null | undefined) =>
  Buffer.from(metadata?.['encoding'] ?? []).toString();

async function paid() {
  const opened = await world.open((await world.invoice()).id);
  await world.confirm(opened);
  await world.until(opened.body.id, ['paid']);
  return opened.body;
}

/** A refused update, failed activities, an unproven outcome. */
async function troubled() {
  const { id } = await world.invoice();
  await world.twin.arrangeFault({ invoiceId: id, operation: 'confirm', kind: 'error_before', status: 500 });
  await world.twin.arrangeFault({ invoiceId: id, operation: 'read', kind: 'error_before', status: 503 });
  const opened = await world.open(id);
  await world.confirm(opened);
  await world.until(opened.body.id, ['paid']);
  await world.confirm(opened);
  return opened.body;
}

describe('with keys', () => {
  it('the server can read search attributes alone', async () => {
    const payments = [await paid(), await troubled(), (await world.payAsOrganisation((await world.invoice()).id)).body];
    await world.until(payments[2]?.id ?? '', ['paid'], world.keys.organisation);
    const all = await readNamespace(world.client);
    const ours = all.filter(({ workflowId }) => payments.some(({ id }) => workflowId === `payment-${id}`));
    expect(ours).toHaveLength(3);
    for (const { kept, workflowId, runId } of ours) {
      const details = await readDetails(world.client, workflowId, runId);
      const written = payloadsIn({ kept, details }).filter(({ path }) => !/searchAttributes|indexedFields/.test(path));
      expect(written.length).toBeGreaterThan(10);
      // What the SDK notes for itself of a local activity: its name, when, how often; no word of ours.
      const plain = written
        .filter(({ payload }) => encodingOf(payload.metadata) !== 'binary/encrypted')
        .filter(({ path }) => !path.includes('markerRecordedEventAttributes/details/data/'));
      expect(plain.map(({ path }) => path)).toEqual([]);
      expect(textOf(kept)).not.toMatch(/amountMinor|confirmationId|Reading the invoice|Confirm the invoice/);
      expect(await readableTextOf({ kept, details }, first)).toMatch(/amountMinor[^]*Confirm the invoice/);
    }
  });

  it('failures say nothing in the clear, and all to who has the key', async () => {
    const { id } = await troubled();
    const { events } = await world.handle(id).fetchHistory();
    const failures = (events ?? []).flatMap(
      ({ activityTaskStartedEventAttributes: started }) => started?.lastFailure ?? [],
    );
    expect(failures.length).toBeGreaterThan(0);
    for (const { message, stackTrace, encodedAttributes } of failures) {
      expect([message, stackTrace]).toEqual(['Encoded failure', '']);
      expect(await readableTextOf(encodedAttributes, first)).toMatch(/"message":"[^"]+"/);
    }
  });

  it('its histories are replayed by who has the keys', async () => {
    const { id } = await paid();
    const history = historyFromJSON(JSON.parse(historyToJSON(await world.handle(id).fetchHistory())));
    const options = { workflowBundle: { codePath: join(repository, 'dist/workflows.bundle.js') } };
    const dataConverter = dataConverterFor(first);
    await Worker.runReplayHistory({ ...options, dataConverter }, history, `payment-${id}`);
    await expect(Worker.runReplayHistory(options, history, `payment-${id}`)).rejects.toThrow();
  });
});

it('a payment under way goes on through a new key, and through none', async () => {
  const opened = await Promise.all(Array.from({ length: 3 }, async () => world.open((await world.invoice()).id)));
  for (const [at, keys] of [`${second},${first}`, `plain,${second},${first}`].entries()) {
    await Promise.all([world.worker?.stop(), world.api?.stop()]);
    [world.api] = await Promise.all([
      world.surety.startApi(undefined, { SURETY_CODEC_KEYS: keys }),
      world.startWorker({ SURETY_CODEC_KEYS: keys }),
    ]);
    const payment = opened[at];
    if (payment === undefined) throw new Error('there are three');
    await world.confirm(payment);
    await world.until(payment.body.id, ['paid']);
    const { events } = await world.handle(payment.body.id).fetchHistory();
    const keyIds = payloadsIn(events).map(({ payload: { metadata } }) =>
      Buffer.from(metadata?.['encryption-key-id'] ?? []).toString(),
    );
    expect(keyIds).toContain('first');
    expect(keyIds.includes('second')).toBe(at === 0);
  }
});
