/** Failures that others met in public (the group "Saga and Temporal"): each comes out right here, and so does its kind. */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import proto from '@temporalio/proto';
import type { Browser } from 'playwright-core';
import { freePort } from '../../scripts/stack.js';
import { enter, entryLink, freshTab, openBrowser, untilView } from '../support/browser.js';
import { eventually, World, type ApiAnswer } from '../support/world.js';

const marginMs = 3_000;

let world: World;
beforeAll(async () => {
  world = await World.open({
    // A day is two seconds.
    timings: { waitScale: 0.000_025, marginMs },
    environment: {
      INVOICEBOX_CONFIRM_TIMEOUT_MS: '500',
      INVOICEBOX_CONNECT_TIMEOUT_MS: '300',
      SURETY_ANSWER_WITHIN_MS: '2000',
    },
    temporalSetup: {
      INVOICEBOX_CALLS_PER_SECOND_ACCOUNT: '200',
      INVOICEBOX_CALLS_PER_SECOND_ADDRESS: '400',
      SWEEP_EVERY_MS: '1000',
      SWEEP_GRACE_MS: '300',
    },
  });
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

const cheap = { amountMinor: 100 };
const points = 1;

const confirmsAtTwin = async (invoiceId: string) =>
  (await world.twin.requests(invoiceId)).filter(({ operation }) => operation === 'confirm');

/** Every entry in the books for a payment, in order. */
async function entriesOf(paymentId: string): Promise<string[]> {
  const { rows } = await world.surety.admin.query<{ kind: string }>(
    'SELECT kind FROM transfer WHERE payment_id = $1 ORDER BY id',
    [paymentId],
  );
  return rows.map(({ kind }) => kind);
}
const held = ['hold', 'reserve'];
const paid = [...held, 'capture', 'draw'];

async function stampsOf(paymentId: string) {
  const { rows } = await world.surety.admin.query<
    Record<'expiresAt' | 'readAt' | 'closedAt' | 'lastCallAt', Date | null>
  >(
    `SELECT invoice_expires_at AS "expiresAt", read_at AS "readAt", closed_at AS "closedAt",
       (SELECT max(coalesce(finished_at, started_at)) FROM payment_attempt WHERE payment_id = payment.id) AS "lastCallAt"
     FROM payment WHERE id = $1`,
    [paymentId],
  );
  const ms = (at: Date | null | undefined) => at?.getTime() ?? 0;
  const [row] = rows;
  return {
    expiresAt: ms(row?.expiresAt),
    readAt: ms(row?.readAt),
    closedAt: ms(row?.closedAt),
    lastCallAt: ms(row?.lastCallAt),
  };
}

async function confirmationOf(opened: ApiAnswer, notAfter: number) {
  const memberId = await world.surety.points.openMember(world.partnerIds.loyalty, 'anna');
  const actor = { kind: 'signal', id: 'backend' };
  return { memberId, seen: world.seenOf(opened), actor, confirmationId: randomUUID(), notAfter };
}

describe('[case temporal PR#6486, sdk-typescript#1403] a confirm while no worker runs', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
  });

  it('past its time does nothing once a worker comes, and the next one pays', async () => {
    const opened = await world.open((await world.invoice(cheap)).id);
    await world.worker?.stop();
    const queued = await confirmationOf(opened, Date.now() + 1_500);
    const asked = world.client.withDeadline(Date.now() + 700, () =>
      world
        .handle(opened.body.id)
        .startUpdate('confirm', { args: [queued], updateId: randomUUID(), waitForStage: 'ACCEPTED' }),
    );
    await expect(asked).rejects.toThrow();
    await eventually(
      () => Promise.resolve(Date.now() > queued.notAfter),
      () => 'time stands still',
    );
    await world.startWorker();
    await eventually(
      async () => (await world.confirm(opened)).body.state === 'paid',
      () => 'it could not be confirmed any more',
    );
    const { rows } = await world.surety.admin.query<{ confirmation_id: string }>(
      'SELECT confirmation_id FROM hold WHERE payment_id = $1',
      [opened.body.id],
    );
    expect(rows.map((row) => row.confirmation_id)).not.toContain(queued.confirmationId);
    expect(await entriesOf(opened.body.id)).toEqual(paid);
  });

  it('leaves the page with its button and the time until when it could count; pressed again, it charges once', async () => {
    const { page } = await freshTab(browser);
    const invoice = await world.invoice(cheap);
    const before = await world.balance('anna');
    await enter(page, entryLink(world, invoice.id));
    await untilView(page, 'ready');
    await world.worker?.stop();
    const button = page.getByRole('button', { name: /списать/i });
    await button.click();
    await untilView(page, 'not_known');
    expect(await page.locator('main').innerText()).toMatch(/\d\d:\d\d/);
    await world.startWorker();
    await button.click();
    await untilView(page, 'paid');
    expect((await world.balance('anna')).available).toBe(before.available - points);
    expect(await confirmsAtTwin(invoice.id)).toHaveLength(1);
  });
});

it('[case application-sdk PR#2690, sdk-java#371] each malformed signal is ignored with a reason in the log, and a cancel still counts', async () => {
  const opened = await world.open((await world.invoice(cheap)).id);
  const handle = world.handle(opened.body.id);
  const ignored = () => world.worker?.output.split('\n').filter((line) => line.includes('a signal was ignored')) ?? [];
  const before = ignored().length;
  const malformed = [null, [], { points: '12' }, 'x'.repeat(1_000_000)];
  for (const message of malformed) await handle.signal('confirmPayment', message);
  await eventually(
    () => Promise.resolve(ignored().length >= before + malformed.length),
    () => `only ${ignored().length - before} signals were said to be ignored`,
  );
  for (const line of ignored().slice(before)) expect(line).toContain('"refusal":"malformed"');
  const cancelled = await world.call(world.keys.loyalty, 'POST', `/v1/payments/${opened.body.id}/cancel`, {});
  expect(cancelled.body.state).toBe('cancelled');
  const { events } = await handle.fetchHistory();
  expect((events ?? []).filter((event) => event.workflowTaskFailedEventAttributes)).toEqual([]);
});

describe('[case wompi-node PR#35] after a confirm that worked and whose answer was lost', () => {
  it('no refusal of the repeat releases: frozen, then in review, and captured by the first daily proof that is answered', async () => {
    const before = await world.balance('anna');
    const refusals = [
      [401, 'unauthorized'],
      [403, 'forbidden'],
      [404, 'not_found'],
      [409, 'conflict'],
      [422, 'notEnoughMoney'],
      [200, 'notEnoughMoney'],
    ] as const;
    const payments = await Promise.all(
      refusals.map(async ([status, code]) => {
        const invoice = await world.invoice(cheap);
        const confirm = { invoiceId: invoice.id, operation: 'confirm' } as const;
        await world.twin.arrangeFault({ ...confirm, kind: 'cut_after' });
        await world.twin.arrangeFault({ ...confirm, kind: 'refuse', status, code, times: 100_000 });
        const opened = await world.open(invoice.id);
        await world.confirm(opened);
        return { status, id: opened.body.id, invoiceId: invoice.id };
      }),
    );
    for (const { status, id } of payments) {
      let state = '';
      await eventually(
        async () => ['in_review', ...ends].includes((state = (await world.read(id)).state)),
        () => `after ${status} it is still ${state}`,
        // Temporal's timers are up to a second late, and 29 of them are waited for.
        150_000,
      );
      expect([status, state]).toEqual([status, 'in_review']);
    }
    const countRefused = async (invoiceId: string) =>
      (await confirmsAtTwin(invoiceId)).filter(({ effect }) => effect === 'refused').length;
    for (const { id, status, invoiceId } of payments) {
      // A day later, and another.
      const refused = await countRefused(invoiceId);
      await eventually(
        async () => (await countRefused(invoiceId)) >= refused + 2,
        () => `after ${status} it was not asked about again`,
      );
      expect([status, await entriesOf(id)]).toEqual([status, held]);
      expect(await world.read(id)).toMatchObject({ state: 'in_review', reason: 'unproven' });
    }
    expect((await world.balance('anna')).held).toBe(refusals.length * points);
    // A refusal that proves nothing says nothing of the partner either.
    expect((await world.open((await world.invoice(cheap)).id)).status).toBe(201);

    await world.twin.clearFaults();
    for (const { id, invoiceId } of payments) {
      await world.until(id, ['paid']);
      expect(await entriesOf(id)).toEqual(paid);
      const effects = (await confirmsAtTwin(invoiceId)).map(({ effect }) => effect);
      expect([effects.at(0), effects.at(-1)]).toEqual(['executed', 'repeated']);
    }
    expect(await world.balance('anna')).toEqual({ available: before.available - refusals.length * points, held: 0 });
  }, 240_000);
});

const ends = ['paid', 'declined', 'expired', 'cancelled'];

describe('[case simplepay-gateway#80] an invoice that expires while the outcome is unknown', () => {
  /** Invoicebox takes every call in, and does not come to execute it. */
  async function expiredWhileUnknown() {
    const invoice = await world.invoice({ ...cheap, expiresAt: new Date(Date.now() + 5_000).toISOString() });
    await world.twin.arrangeFault({
      invoiceId: invoice.id,
      operation: 'confirm',
      kind: 'pause',
      when: 'before',
      times: 1_000,
    });
    const opened = await world.open(invoice.id);
    await world.confirm(opened);
    const { id } = opened.body;
    await eventually(
      async () => {
        const { readAt, expiresAt } = await stampsOf(id);
        return readAt > expiresAt;
      },
      () => 'it was not read after its expiry',
    );
    expect(['unknown', 'in_review']).toContain((await world.read(id)).state);
    expect(await entriesOf(id)).toEqual(held);
    return { id, invoiceId: invoice.id };
  }

  it('is not closed before the margin: a call that came in time and is executed late is paid', async () => {
    const before = await world.balance('anna');
    const { id, invoiceId } = await expiredWhileUnknown();
    // Invoicebox goes by when the call came; its twin by now.
    await world.twin.editInvoice(invoiceId, { expiresAt: new Date(Date.now() + 3_600_000).toISOString() });
    await world.twin.resume(invoiceId, 'confirm');
    await world.twin.clearFaults();
    expect((await world.until(id, ends)).at(-1)).toBe('paid');
    expect((await confirmsAtTwin(invoiceId)).filter(({ effect }) => effect === 'executed')).toHaveLength(1);
    expect(await entriesOf(id)).toEqual(paid);
    expect(await world.balance('anna')).toEqual({ available: before.available - points, held: 0 });
  });

  it('is closed as expired past the margin after the expiry and after the last call, when none was executed', async () => {
    const before = await world.balance('anna');
    const { id, invoiceId } = await expiredWhileUnknown();
    expect((await world.until(id, ends)).at(-1)).toBe('expired');
    const { closedAt, expiresAt, lastCallAt } = await stampsOf(id);
    expect(closedAt - expiresAt).toBeGreaterThanOrEqual(marginMs);
    expect(closedAt - lastCallAt).toBeGreaterThanOrEqual(marginMs);
    expect((await confirmsAtTwin(invoiceId)).length).toBeGreaterThan(1);
    await world.twin.resume(invoiceId, 'confirm');
    expect(await world.balance('anna')).toEqual(before);
  });
});

describe('[case medusa PR#15527, pay-connector#443, killbill#1015] one payment an invoice', () => {
  it('while the first is unknown nobody opens, holds or calls a second time; a proof that comes late is captured', async () => {
    const before = await world.balance('anna');
    const invoice = await world.invoice(cheap);
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'confirm', kind: 'cut_after' });
    const opened = await world.open(invoice.id);
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'read', kind: 'error_before', times: 100_000 });
    expect((await world.confirm(opened)).body.state).toBe('unknown');
    expect((await world.open(invoice.id.toUpperCase())).body.id).toBe(opened.body.id);
    expect((await world.confirm(opened)).status).toBe(409);
    expect((await world.confirm(opened, {}, 'gleb')).status).toBe(409);
    expect(await confirmsAtTwin(invoice.id)).toHaveLength(1);
    expect(await entriesOf(opened.body.id)).toEqual(held);
    await world.twin.clearFaults();
    await world.until(opened.body.id, ['paid']);
    expect((await world.open(invoice.id)).body).toMatchObject({ id: opened.body.id, state: 'paid' });
    expect(await entriesOf(opened.body.id)).toEqual(paid);
    expect((await world.balance('anna')).available).toBe(before.available - points);
    expect((await world.balance('gleb')).held).toBe(0);
  });

  it('what is left of the run before undoes and captures nothing of the run that took over', async () => {
    const invoice = await world.invoice(cheap);
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'confirm', kind: 'cut_after' });
    const opened = await world.open(invoice.id);
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'read', kind: 'error_before', times: 100_000 });
    await world.confirm(opened);
    const { id } = opened.body;
    await world.handle(id).terminate('by mistake');
    await eventually(
      async () => (await world.handle(id).describe()).status.name === 'RUNNING',
      () => 'it was not resumed',
    );
    const { ledger } = world.surety;
    const old = { partnerId: world.partnerIds.loyalty, paymentId: id, epoch: 1 };
    const actor = { kind: 'saga', id } as const;
    const lateSteps = () =>
      Promise.all([
        ledger.close(old, 'declined', 'refused', null, actor, Date.now()),
        ledger.capture(old, 1, randomUUID(), null, Date.now()),
      ]);
    expect(await lateSteps()).toEqual([{ outcome: 'superseded' }, { outcome: 'superseded' }]);
    await world.twin.clearFaults();
    await world.until(id, ['paid']);
    expect(await lateSteps()).toEqual([{ outcome: 'already_closed', state: 'paid' }, { outcome: 'superseded' }]);
    expect(await entriesOf(id)).toEqual(paid);
  });

  it('a declined payment whose run is done again leaves the one that has paid the invoice since alone', async () => {
    const invoice = await world.invoice(cheap);
    await world.twin.arrangeFault({
      invoiceId: invoice.id,
      operation: 'confirm',
      kind: 'refuse',
      code: 'limit_reached',
    });
    const first = await world.open(invoice.id);
    expect((await world.confirm(first)).body.payment.state).toBe('declined');
    const second = await world.open(invoice.id);
    expect(second.body.id).not.toBe(first.body.id);
    expect((await world.confirm(second)).body.state).toBe('paid');
    const before = [await entriesOf(first.body.id), await entriesOf(second.body.id)];
    const { ResetWorkflowExecutionRequest } = proto.temporal.api.workflowservice.v1;
    await world.client.workflowService.resetWorkflowExecution(
      ResetWorkflowExecutionRequest.fromObject({
        namespace: world.namespace,
        workflowExecution: { workflowId: `payment-${first.body.id}` },
        reason: 'a test',
        requestId: randomUUID(),
        workflowTaskFinishEventId: 3,
        resetReapplyType: 'RESET_REAPPLY_TYPE_NONE',
      }),
    );
    expect(await world.handle(first.body.id).result()).toMatchObject({ state: 'declined' });
    expect([await entriesOf(first.body.id), await entriesOf(second.body.id)]).toEqual(before);
    expect(before).toEqual([[...held, 'unreserve', 'release'], paid]);
    expect((await world.open(invoice.id)).body).toMatchObject({ id: second.body.id, state: 'paid' });
  });
});

/** Stands before the twin and answers for it, where it is told to, with what only a real Invoicebox would say. */
class Spokesman {
  readonly #answers = new Map<string, { status: number; body: unknown }>();
  readonly #server: Server;

  constructor(private readonly twinUrl: string) {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** @param answer null: the twin's own */
  say(invoiceId: string, operation: 'read' | 'confirm', answer: { status: number; body: unknown } | null): void {
    const call = `${operation === 'read' ? 'GET' : 'POST'} ${invoiceId}`;
    if (answer === null) this.#answers.delete(call);
    else this.#answers.set(call, answer);
  }

  stop(): Promise<unknown> {
    return new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const sent: Buffer[] = [];
    for await (const part of request) sent.push(part as Buffer);
    const own = this.#answers.get(`${method} ${/invoice\/([0-9a-f-]{36})/.exec(url)?.[1] ?? ''}`);
    if (own !== undefined) {
      response.writeHead(own.status, {
        'content-type': 'application/json',
        'x-request-id': requestId,
        connection: 'close',
      });
      response.end(JSON.stringify(own.body));
      return;
    }
    const answer = await fetch(this.twinUrl + url, {
      method,
      headers: { authorization: headers.authorization ?? '', 'content-type': 'application/json' },
      ...(method === 'POST' ? { body: Buffer.concat(sent) } : {}),
    });
    response.writeHead(answer.status, { 'content-type': 'application/json', connection: 'close' });
    response.end(await answer.text());
  }
}

const requestId = 'b7c1-request';

describe('[case documentation PR#1780, features#159] what Invoicebox says of a person, in message and fields,', () => {
  const message = 'Иван Петрович Сидоров, +79001112233, ivan@example.org: отказано';
  const fields = [{ name: 'phone', code: 'wrong_value', message: 'Телефон +79001112233 (Сидоров) не подтверждён' }];
  const words = ['Сидоров', 'Иван', '79001112233', 'ivan@example'];
  const error = (code: string) => ({ error: { code, message, fields } });

  let spokesman: Spokesman;
  beforeAll(async () => {
    spokesman = new Spokesman(world.twin.url);
    // No payment of the organisation was made before: its address is not remembered yet.
    await world.surety.admin.query(
      `UPDATE partner SET settings = jsonb_set(settings, '{invoicebox,baseUrl}', to_jsonb($2::text)) WHERE id = $1`,
      [world.partnerIds.organisation, await spokesman.start()],
    );
  });
  afterAll(async () => {
    await spokesman.stop();
  });
  afterEach(async () => {
    await world.surety.admin.query('UPDATE partner SET credentials_failed_at = NULL, fund_doubted_at = NULL');
  });

  /** All text in there, bytes included. */
  function textOf(value: unknown): string {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
    if (typeof value === 'object' && value !== null)
      return Object.entries(value)
        .map(([name, inner]) => `${name} ${textOf(inner)}`)
        .join('\n');
    return String(value);
  }

  async function expectNoTrace(paymentId: string): Promise<void> {
    const seen = {
      history: textOf(await world.handle(paymentId).fetchHistory()),
      description: textOf((await world.handle(paymentId).describe()).raw),
      worker: world.worker?.output ?? '',
      api: world.api?.output ?? '',
      answer: JSON.stringify(await world.read(paymentId, world.keys.organisation)),
    };
    // What is searched can be read at all.
    expect(seen.history).toContain(paymentId);
    for (const [where, text] of Object.entries(seen)) {
      for (const word of words)
        expect({ where, word, found: text.includes(word) }).toEqual({ where, word, found: false });
    }
  }

  const attemptsOf = async (paymentId: string) =>
    (
      await world.surety.admin.query<{ class: string; code: string; request_id: string }>(
        'SELECT class, code, request_id FROM payment_attempt WHERE payment_id = $1 ORDER BY n',
        [paymentId],
      )
    ).rows;

  const lastProbeOf = async (paymentId: string) =>
    (
      await world.surety.admin.query<{ last_probe: string | null }>('SELECT last_probe FROM payment WHERE id = $1', [
        paymentId,
      ])
    ).rows[0]?.last_probe;

  const sister = { data: { type: 'message', result: 'limitReached', resultData: { message: { message } } } };
  it.each([
    ['a refusal', 422, error('limit_reached'), 'limit_reached'],
    ['a refusal of our credentials', 403, error('forbidden'), 'forbidden'],
    ['a refusal inside a success', 200, sister, 'limitReached'],
    ['a refusal inside a success, in the other form', 200, error('limit_reached'), 'limit_reached'],
  ])(
    '%s (%i): leaves no trace in history, description, logs; code and request id remain',
    async (_, status, body, code) => {
      const invoice = await world.invoice(cheap);
      spokesman.say(invoice.id, 'confirm', { status, body });
      const opened = await world.payAsOrganisation(invoice.id);
      await world.until(opened.body.id, ['declined'], world.keys.organisation);
      await expectNoTrace(opened.body.id);
      expect(await attemptsOf(opened.body.id)).toEqual([{ class: 'refused', code, request_id: requestId }]);
    },
  );

  it('a breakdown while the outcome is unknown, and reads that are refused or break down while they are repeated: no trace', async () => {
    const invoice = await world.invoice(cheap);
    spokesman.say(invoice.id, 'read', { status: 503, body: error('internal') });
    const opened = await world.payAsOrganisation(invoice.id);
    const { id } = opened.body;
    const pendingActivities = async () => (await world.handle(id).describe()).raw.pendingActivities ?? [];
    await eventually(
      async () =>
        (await pendingActivities()).some(({ lastFailure }) => lastFailure !== null && lastFailure !== undefined),
      () => 'no read has failed',
    );
    await expectNoTrace(id);
    spokesman.say(invoice.id, 'confirm', { status: 500, body: error('internal') });
    spokesman.say(invoice.id, 'read', null);
    await world.until(id, ['unknown', 'in_review'], world.keys.organisation);
    spokesman.say(invoice.id, 'read', { status: 422, body: error('validation') });
    await eventually(
      async () => (await lastProbeOf(id)) === 'unreadable',
      () => 'it was not read for a proof',
    );
    await expectNoTrace(id);
    expect((await attemptsOf(id))[0]).toEqual({ class: 'unknown', code: 'http_500', request_id: requestId });
    spokesman.say(invoice.id, 'read', null);
    spokesman.say(invoice.id, 'confirm', null);
    await world.until(id, ['paid'], world.keys.organisation);
    await expectNoTrace(id);
  });
});

describe('[case temporal#6647] a search attribute that is not registered', () => {
  const ready = async (url: string) => {
    const response = await fetch(`${url}/health/ready`);
    const { parts } = (await response.json()) as { parts: { temporal: string } };
    return { status: response.status, temporal: parts.temporal };
  };
  const workerUrl = () => `http://127.0.0.1:${world.surety.options.ports.worker}`;
  const isMissing = {
    status: 503,
    temporal: expect.stringMatching(/missing: ReviewReason; run the temporal-setup job/) as unknown,
  };
  const untilReadiness = (url: string, status: number) =>
    eventually(
      async () => (await ready(url)).status === status,
      () => `${url} never answered ${status}`,
    );

  it('is named by the readiness of API and workers, those that start included, and what it stopped goes on once it is there', async () => {
    const { namespace } = world;
    await world.client.connection.operatorService.removeSearchAttributes({
      namespace,
      searchAttributes: ['ReviewReason'],
    });
    for (const url of [world.surety.apiUrl, workerUrl()]) {
      await untilReadiness(url, 503);
      expect(await ready(url)).toEqual(isMissing);
      expect((await fetch(`${url}/health/live`)).status).toBe(200);
    }
    const port = await freePort();
    const another = world.surety.launchWorker(port);
    const url = `http://127.0.0.1:${port}`;
    await eventually(
      () =>
        fetch(url).then(
          () => true,
          () => false,
        ),
      () => 'the worker did not start',
    );
    expect(await ready(url)).toEqual(isMissing);

    // One that needs the attribute now waits for it.
    const invoice = await world.invoice(cheap);
    await world.twin.arrangeFault({ invoiceId: invoice.id, operation: 'confirm', kind: 'error_before', status: 502 });
    const opened = await world.open(invoice.id);
    await world.confirm(opened);
    await world.twin.payInvoiceElsewhere(invoice.id);
    const attributesOf = async () =>
      JSON.stringify((await world.handle(opened.body.id).describe()).typedSearchAttributes.getAll());
    await world.until(opened.body.id, ['in_review']);
    expect(await attributesOf()).not.toContain('already_paid_after_unknown');

    await world.surety.prepare();
    for (const each of [world.surety.apiUrl, workerUrl(), url]) await untilReadiness(each, 200);
    await eventually(
      async () => (await attributesOf()).includes('already_paid_after_unknown'),
      () => 'the payment never went on',
    );
    expect((await world.balance('anna')).held).toBe(points);
    await world.handle(opened.body.id).terminate('the test is over');
    await another.stop(2_000);
  });
});
