/**
 * Nothing of a person, nothing that was written by one, and no secret reaches Temporal: a canary is put wherever something
 * comes in, all that can happen to a payment happens, and then everything that the server keeps is searched, as it is kept
 * and decrypted. So also who runs without keys keeps only ids, amounts, dates and codes there.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { HttpBuyer } from '../../scripts/httpBuyer.js';
import { demo } from '../../scripts/demoWorld.js';
import { resolveReview } from '../../src/api/payments/resolutions.js';
import { taskQueues } from '../../src/workflows/messages.js';
import { entryLink } from '../support/browser.js';
import { testKeys } from '../support/books.js';
import { eventually, World } from '../support/world.js';
import { Receiver, status } from '../webhooks/receiver.js';
import { readableTextOf, readDetails, readNamespace } from './namespace.js';

/** His programme knows the buyer by his phone. */
const externalId = '79995550101';
const canaries: Readonly<Record<string, string>> = {
  externalId,
  phone: '+79995550102',
  name: 'Кенарева',
  email: 'kenareva@example.org',
  vatNumber: '770955501033',
  description: 'Люкс с видом на кенаря',
  link: 'kenar-back-to-shop',
  refusal: 'Отказано: Кенарева',
  comment: 'Звонила кенарева, платила картой',
  reference: 'kenar-statement-7',
  returnReason: 'Кенарю не подошёл размер',
  webhookUrl: 'kenar-hook-token',
  webhookDescription: 'Хук кенаря',
  keyName: 'kenar-key',
  loyaltyToken: demo.loyalty.token,
  organisationToken: demo.organisation.token,
  loginSecret: demo.loginSecret,
  keyRing: testKeys.split(':')[1] ?? '',
};
const customer = {
  type: 'legal',
  name: `${canaries['name'] ?? ''} и партнёры`,
  phone: canaries['phone'],
  email: canaries['email'],
  vatNumber: canaries['vatNumber'],
};
const said = (name: string): string => canaries[name] ?? '';

describe.each([
  ['with keys', `canary:${randomBytes(32).toString('base64')}`],
  ['without keys', 'plain'],
])('%s', (_, codecKeys) => {
  let world: World;
  let receiver: Receiver;
  beforeAll(async () => {
    receiver = await Receiver.open(status(204));
    world = await World.open({
      codecKeys,
      // A day is four seconds.
      timings: { waitScale: 0.000_05 },
      temporalSetup: {
        ...{ SWEEP_EVERY_MS: '5000', SWEEP_GRACE_MS: '300', INVOICEBOX_CALLS_PER_SECOND_ACCOUNT: '50' },
        ...{ WEBHOOK_START_EVERY_MS: '5000', WEBHOOK_START_GRACE_MS: '300' },
      },
    });
  });
  afterAll(async () => {
    await world.assertBooksAgree();
    await world.close();
    await receiver.close();
  });

  const invoice = () => world.invoice({ amountMinor: 100_00, description: said('description'), customer });
  const refusal = {
    status: 422,
    code: 'limit_reached',
    message: `${said('refusal')} ${said('phone')} ${said('email')}`,
  };

  async function upload(path: string, body: string): Promise<string> {
    const response = await fetch(world.surety.apiUrl + path, {
      method: 'POST',
      body,
      headers: {
        authorization: `Bearer ${world.keys.loyalty}`,
        'content-type': 'text/csv',
        'idempotency-key': randomUUID(),
      },
    });
    expect([path, response.status]).toEqual([path, 202]);
    return ((await response.json()) as { id: string }).id;
  }

  async function reads(path: string, field: string, wanted: string, key = world.keys.loyalty): Promise<void> {
    let last = '';
    await eventually(
      async () => {
        last = JSON.stringify((await world.call(key, 'GET', path)).body);
        return (JSON.parse(last) as Record<string, unknown>)[field] === wanted;
      },
      () => `${path} never has ${field} ${wanted}: ${last}`,
    );
  }

  /** Comes by a link, logs in, looks and pays. @returns the payment's id */
  async function buy(): Promise<string> {
    const { id } = await invoice();
    const buyer = new HttpBuyer();
    const back = encodeURIComponent(`${world.twin.url}/shop/return?who=${said('link')}`);
    const made = await world.call(world.keys.loyalty, 'POST', '/v1/login-tokens', { memberExternalId: externalId });
    const { token } = made.body as unknown as { token: string };
    const link = entryLink(world, id, `&token=${token}`).replace(/successUrl=[^&]*/, `successUrl=${back}`);
    const page = await buyer.press(await buyer.open(link), 'Продолжить');
    await buyer.press(page, 'Списать');
    const paymentId = /payments\/([0-9a-f-]{36})/.exec(page.url)?.[1] ?? '';
    await world.until(paymentId, ['paid']);
    return paymentId;
  }

  /** Confirmed through the API, with trouble on the way. */
  async function confirmed(
    trouble: Parameters<World['twin']['arrangeFault']>[0],
  ): Promise<{ id: string; invoiceId: string }> {
    await world.twin.arrangeFault(trouble);
    const opened = await world.open(trouble.invoiceId);
    await world.confirm(opened, {}, externalId);
    return { id: opened.body.id, invoiceId: trouble.invoiceId };
  }

  it('whatever happens, the server keeps nothing of it', async () => {
    const hook = await world.call(world.keys.loyalty, 'POST', '/v1/webhook-endpoints', {
      url: `${receiver.url}/${said('webhookUrl')}`,
      description: said('webhookDescription'),
    });
    expect(hook.status).toBe(201);
    const { secret } = hook.body as unknown as { secret: string };
    const made = await world.call(world.keys.loyalty, 'POST', '/v1/api-keys', {
      name: said('keyName'),
      scopes: ['payments:read', 'fund:read', 'fund:approve'],
    });
    const { key: approver } = made.body as unknown as { key: string };

    const importId = await upload(
      '/v1/credits/imports',
      `memberExternalId,points,reference\n${externalId},1000000,${said('reference')}\n${said('email')},1,kenar-line-2\n`,
    );
    await reads(`/v1/credits/imports/${importId}`, 'state', 'finished');

    const paymentId = await buy();
    const organisation = await world.payAsOrganisation((await invoice()).id);
    await world.until(organisation.body.id, ['paid'], world.keys.organisation);
    const refused = await confirmed({
      ...refusal,
      kind: 'refuse',
      invoiceId: (await invoice()).id,
      operation: 'confirm',
    });
    await world.until(refused.id, ['declined']);
    const unreadable = (await invoice()).id;
    await world.twin.arrangeFault({
      ...refusal,
      status: 503,
      kind: 'error_before',
      invoiceId: unreadable,
      operation: 'read',
    });
    const unknown = await confirmed({
      kind: 'error_after',
      ...refusal,
      status: 500,
      invoiceId: unreadable,
      operation: 'confirm',
    });
    await world.until(unknown.id, ['paid']);

    const review = await confirmed({
      kind: 'error_before',
      status: 500,
      invoiceId: (await invoice()).id,
      operation: 'confirm',
    });
    await world.twin.payInvoiceElsewhere(review.invoiceId);
    await world.until(review.id, ['in_review']);
    await eventually(
      async () =>
        (
          await resolveReview(world.client, world.surety.recovery, {
            ...{ partnerId: world.partnerIds.loyalty, paymentId: review.id, resolutionId: randomUUID() },
            ...{ outcome: 'paid_elsewhere', transactionId: null, reason: 'statement', comment: said('comment') },
            ...{ reference: said('reference'), actor: { kind: 'operator', id: 'olga' } },
          })
        ).kind === 'resolved',
      () => `${review.id} was not resolved`,
    );
    await world.until(review.id, ['declined']);

    const returned = await world.call(world.keys.loyalty, 'POST', `/v1/payments/${paymentId}/returns`, {
      ...{ amountMinor: 50_00, fundRestored: false, reference: said('reference'), reason: said('returnReason') },
    });
    const { approvalId } = returned.body as unknown as { approvalId: string };
    const approved = await world.call(approver, 'POST', `/v1/approvals/${approvalId}/approve`, {
      version: 1,
      reason: said('comment'),
    });
    expect(approved.status).toBe(200);

    const batch = await world.call(world.keys.organisation, 'POST', '/v1/payment-batches', {
      invoiceIds: [(await invoice()).id, (await invoice()).id],
    });
    await reads(`/v1/payment-batches/${batch.body.id}`, 'state', 'finished', world.keys.organisation);
    const run = await world.call(world.keys.loyalty, 'POST', '/v1/reconciliations', {});
    await reads(`/v1/reconciliations/${run.body.id}`, 'state', 'finished');
    await eventually(
      () => Promise.resolve(receiver.received.some(({ event }) => event.type === 'payment.returned')),
      () => `the receiver has ${receiver.received.map(({ event }) => event.type).join(', ')}`,
    );

    const secrets = {
      webhookSecret: secret,
      approver,
      loyaltyKey: world.keys.loyalty,
      organisationKey: world.keys.organisation,
    };
    const all = await readNamespace(world.client);
    expect([...new Set(all.map(({ type }) => type))].sort()).toEqual(
      expect.arrayContaining([
        ...['deliverWebhook', 'importCredits', 'loyaltyPayment', 'organisationPayment', 'payBatch', 'reconcile'],
        ...['returnPayment', 'startWebhooks', 'sweepPayments'],
      ]),
    );
    for (const { workflowId, runId, kept, type } of all) {
      const details = /Payment$|payBatch/.test(type) ? await readDetails(world.client, workflowId, runId) : null;
      const text = (await readableTextOf({ kept, details }, codecKeys)).toLowerCase();
      const found = Object.entries({ ...canaries, ...secrets }).filter(([, canary]) =>
        text.includes(canary.toLowerCase()),
      );
      expect({ workflowId, found: found.map(([name]) => name) }).toEqual({ workflowId, found: [] });
    }
    // The same search does find what is there.
    const paid = all.find(({ workflowId }) => workflowId === `payment-${paymentId}`);
    expect(await readableTextOf(paid?.kept, codecKeys)).toMatch(/"amountMinor":10000\b/);
  });

  it('a canary that does get there is found', async () => {
    const workflowId = `canary-${randomUUID()}`;
    await world.client.workflow.start('nobody', {
      workflowId,
      taskQueue: 'nobody-polls-this',
      args: [{ externalId }],
      memo: { name: said('name') },
    });
    let kept: unknown;
    await eventually(
      async () => {
        [kept] = await readNamespace(world.client, `WorkflowId = '${workflowId}'`);
        return kept !== undefined;
      },
      () => 'it is not listed',
    );
    const text = await readableTextOf(kept, codecKeys);
    expect([text.includes(externalId), text.includes(said('name'))]).toEqual([true, true]);
    await world.client.workflow.getHandle(workflowId).terminate('the test is over');
    expect(Object.values(taskQueues)).not.toContain('nobody-polls-this');
  });
});
