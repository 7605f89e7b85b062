/** The queries that docs/operating.md gives to operators, taken from there and asked of the server: each finds what it says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { repository } from '../../scripts/stack.js';
import type { TwinTrouble } from '../../scripts/twin.js';
import { eventually, World } from '../support/world.js';
import { Receiver, status } from '../webhooks/receiver.js';

const documented = new Map(
  [
    ...readFileSync(join(repository, 'docs/operating.md'), 'utf8').matchAll(/^\| (.+?) \| `([A-Z]\w+ [^`]+)` \|$/gm),
  ].map(([, shows = '', query = '']) => [shows, query] as const),
);
const approvalAboveMinor = 50_000_00;

let world: World;
let receiver: Receiver;
/** What each query must find, by its words in the document. */
const wanted = new Map<string, string>();
const values: Record<string, string> = {};

beforeAll(async () => {
  receiver = await Receiver.open(status(503));
  world = await World.open({
    timings: { waitScale: 0.01 },
    environment: { SURETY_ANSWER_WITHIN_MS: '300' },
    temporalSetup: { INVOICEBOX_CALLS_PER_SECOND_ACCOUNT: '50', SWEEP_EVERY_MS: '1000', SWEEP_GRACE_MS: '300' },
  });
  await world.surety.admin.query('UPDATE partner SET organisation_policy = $2 WHERE id = $1', [
    world.partnerIds.organisation,
    { limits: { RUB: { approvalAboveMinor } } },
  ]);
});
afterAll(async () => {
  await world.close();
  await receiver.close();
});

type Trouble = TwinTrouble & { operation: 'read' | 'confirm'; times?: number };
/** What is to stand where it is must stand there until the last query, however slow the machine: never the last of its faults. */
const forEver = { times: 1_000_000 } as const;
const broken = { kind: 'error_before', status: 503, ...forEver } as const;
const turnsAway = { kind: 'refuse', status: 429, operation: 'confirm', ...forEver } as const;

async function payment(trouble: Trouble | null, confirms: boolean): Promise<{ id: string; invoiceId: string }> {
  const { id: invoiceId } = await world.invoice();
  if (trouble !== null) await world.twin.arrangeFault({ ...trouble, invoiceId });
  const opened = await (confirms ? world.openPatiently(invoiceId) : world.open(invoiceId));
  if (confirms) await world.confirmPatiently(opened);
  return { id: opened.body.id, invoiceId };
}

/** Its call is not answered, and before it can be read again somebody else pays its invoice. Clears all faults. */
async function reviewed(): Promise<{ id: string }> {
  const { id: invoiceId } = await world.invoice();
  const opened = await world.openPatiently(invoiceId);
  await world.twin.arrangeFault({ kind: 'error_before', status: 502, operation: 'confirm', invoiceId });
  await world.twin.arrangeFault({ ...broken, operation: 'read', invoiceId });
  await world.confirmPatiently(opened);
  await world.twin.payInvoiceElsewhere(invoiceId);
  await world.twin.clearFaults();
  return { id: opened.body.id };
}

async function live(): Promise<void> {
  const review = await reviewed();
  const [unread, waiting, turnedAway, unknown] = await Promise.all([
    payment({ ...broken, operation: 'read' }, false),
    payment(null, false),
    payment(turnsAway, true),
    payment({ ...broken, operation: 'confirm' }, true),
  ]);
  await world.twin.arrangeFault({ ...broken, invoiceId: unknown.invoiceId, operation: 'read' });
  await world.until(review.id, ['in_review']);
  const cancelled = await payment(null, false);
  await world.call(world.keys.loyalty, 'POST', `/v1/payments/${cancelled.id}/cancel`, {});
  const lost = await payment(null, false);
  await world.handle(lost.id).terminate('lost');
  const approvable = await world.payAsOrganisation((await world.invoice({ amountMinor: approvalAboveMinor + 1 })).id);
  // A batch is under way as long as a payment of it is, one that waits for a person apart.
  const batched = await world.invoice();
  await world.twin.arrangeFault({ ...turnsAway, invoiceId: batched.id });
  const batch = await world.call(world.keys.organisation, 'POST', '/v1/payment-batches', { invoiceIds: [batched.id] });
  const hook = await world.call(world.keys.loyalty, 'POST', '/v1/webhook-endpoints', { url: receiver.url });
  await world.call(world.keys.loyalty, 'POST', '/v1/credits', { memberExternalId: 'anna', points: 1, reference: 'q' });
  await eventually(
    () => Promise.resolve(receiver.received.length > 0),
    () => 'nothing was sent',
  );
  const found: Readonly<Record<string, string>> = {
    'payments that need a person': review.id,
    '… for one reason (the table above)': review.id,
    'outcome not known': unknown.id,
    'outcome not known, begun before': unknown.id,
    'turned away by Invoicebox, called again': turnedAway.id,
    'invoice not read yet, begun before': unread.id,
    'waits for the buyer, begun before': waiting.id,
    'waits for an approver, begun before': approvable.body.id,
    'all of an invoice': waiting.id,
    'all of a partner under way': waiting.id,
    "a partner's payments that ended unpaid since": cancelled.id,
    'trouble: what failed, or was ended by hand': lost.id,
    'payments that were taken up again': lost.id,
  };
  for (const [shows, id] of Object.entries(found)) wanted.set(shows, `payment-${id}`);
  wanted.set('batches under way', `batch-${batch.body.id}`);
  wanted.set(
    'deliveries of webhooks that wait, begun before',
    `webhook-${receiver.received[0]?.event.id ?? ''}-${hook.body.id}`,
  );
  Object.assign(values, { partner: world.partnerIds.loyalty, invoice: waiting.invoiceId });
}

async function list(query: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { workflowId } of world.client.workflow.list({ query })) ids.push(workflowId);
  return ids;
}

it('each is understood by the server, and finds what it says', async () => {
  await live();
  expect([...documented.keys()].sort()).toEqual([...wanted.keys()].sort());
  for (const [shows, query] of documented) {
    const workflowId = wanted.get(shows) ?? '';
    let last: string[] = [];
    await eventually(
      async () => {
        // Begun before now; ended since this hour.
        const time = new Date(Date.now() - (query.includes('CloseTime') ? 3_600_000 : 0)).toISOString();
        last = await list(
          query.replace(/<(\w+)>/g, (_, name: string) => (name === 'time' ? time : (values[name] ?? ''))),
        );
        return last.includes(workflowId);
      },
      () => `"${shows}" finds ${last.join(', ')}, not ${workflowId}`,
    );
  }
});

it('and nothing else: a payment stands in one state, a begun one is not begun later', async () => {
  const states = [...documented].filter(
    ([, query]) => query.startsWith('PaymentState = ') && !query.includes('Reason'),
  );
  expect(states.length).toBeGreaterThan(4);
  const before = new Date(Date.now() - 3_600_000).toISOString();
  for (const [shows, query] of states) {
    const found = await list(query.replace('<time>', new Date().toISOString()));
    const others = states.filter(([other]) => other !== shows).map(([other]) => wanted.get(other) ?? '');
    expect({ shows, foreign: found.filter((id) => others.includes(id)) }).toEqual({ shows, foreign: [] });
    if (query.includes('<time>')) expect([shows, await list(query.replace('<time>', before))]).toEqual([shows, []]);
  }
});
