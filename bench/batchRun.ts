/** One run of the bench: the world, the buyers who come, the batch that always has more to do, and what the parties counted. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { v7 as uuidv7 } from 'uuid';
import { demo, loyaltyPartner, organisationPartner } from '../scripts/demoWorld.js';
import { applyPartner } from '../scripts/partner.js';
import type { Surety } from '../scripts/surety.js';
import type { TwinRequest } from '../scripts/twin.js';
import { KeyRing } from '../src/keyring.js';
import { invoiceboxOptions, partnerSettings, policyOf } from '../src/partnerSettings.js';
import { paymentStart, taskQueues, workflowIdOf, workflowNames } from '../src/workflows/messages.js';
import { benchKeys } from './startedSurety.js';

export const buyerEveryMs = 1_500;
/** From what a buyer sees to his click, on average. */
const buyerLooksMs = 1_500;
/**
 * About 25 s of the quota at two requests a payment. More is worse: buyers take their part first, so that a confirm would
 * wait longer than the read before it is fresh (60 s), and its turn would be spent on finding that out.
 */
const inFlight = 40;
const requestsPerPayment = 2;
const amountMinor = 100_00;
const account = 'bench';
const patienceMs = 120_000;

export interface Measured {
  readonly quotaUtilisation: number;
  readonly tooManyRequests: number;
  readonly worstWindow: number;
  readonly requests: number;
  readonly limit: number;
  readonly batchPayments: number;
  readonly buyerPayments: number;
  readonly seconds: number;
  /** Of each call of the buyers: how long it waited for the quota. */
  readonly waitsMs: readonly number[];
  /** Of each call of everybody: how long after its start the twin had it. What varies here shrinks the window. */
  readonly travelsMs: readonly number[];
  /** From a click to "paid". */
  readonly confirmsMs: readonly number[];
}

export class Run {
  readonly #confirmsMs: number[] = [];
  readonly #buyers: string[] = [];

  private constructor(
    private readonly surety: Surety,
    private readonly client: Client,
    private readonly key: string,
    private readonly organisationId: string,
  ) {}

  static async prepare(surety: Surety, ends: (() => Promise<unknown>)[]): Promise<Run> {
    const start = async (program: Promise<{ stop(): Promise<void> }>) => {
      const started = await program;
      ends.push(() => started.stop());
    };
    await start(surety.startSimulator());
    const applied = await surety.applyPartners();
    const database = await surety.admin.connect();
    try {
      // Both speak to Invoicebox as the same account.
      const shared = { invoiceboxToken: demo.loyalty.token, invoiceboxOptions: { account } };
      for (const partner of [loyaltyPartner(surety.twin.host), organisationPartner(surety.twin.host)]) {
        await applyPartner(database, { ...partner, ...shared }, new KeyRing(benchKeys), true);
      }
    } finally {
      database.release();
    }
    await surety.creditPoints(applied.loyaltyId, 'anna', 1_000_000, 'bench');
    await surety.twin.setQuotas({ enforced: true });
    await start(surety.startApi());
    await start(surety.startWorker());
    const client = surety.temporalClient();
    ends.push(() => client.connection.close());
    return new Run(surety, client, applied.loyalty ?? '', applied.organisationId);
  }

  async measure(runMs: number): Promise<Measured> {
    const { twin } = this.surety;
    // Everything has been done once; then the limiter and the windows are as after any pause.
    await this.#buy(await this.#invoice());
    await this.#startInBatch();
    await this.#untilSettled();
    this.#confirmsMs.length = 0;
    this.#buyers.length = 0;
    await pause(5_000);

    const before = await this.#usage();
    const paidBefore = await this.#paidInBatch();
    const began = performance.now();
    const isOver = () => performance.now() - began >= runMs;
    const [buyers] = await Promise.all([this.#sendBuyers(began, runMs), this.#keepBatchGoing(isOver)]);
    const seconds = (performance.now() - began) / 1_000;
    const after = await this.#usage();
    const batchPayments = (await this.#paidInBatch()) - paidBefore;
    await Promise.all(buyers);
    await this.#untilSettled();
    await this.#assertBooksAgree();

    const { settings } = await twin.quotas();
    const { tooManyRequests, worstWindow } = await this.#usage();
    const requests = after.requests - before.requests;
    const allowed = settings.account * ((seconds * 1_000) / settings.windowMs);
    return {
      quotaUtilisation: Math.round((requests / allowed) * 1_000) / 1_000,
      ...{ tooManyRequests, worstWindow, requests, limit: settings.account, batchPayments },
      buyerPayments: this.#buyers.length,
      seconds: Math.round(seconds),
      ...(await this.#times()),
      confirmsMs: this.#confirmsMs,
    };
  }

  /** So many, each at a moment of his own. @returns those who are still at it when the run is over */
  async #sendBuyers(began: number, runMs: number): Promise<Promise<void>[]> {
    const moments = Array.from({ length: Math.ceil(runMs / buyerEveryMs) }, () => Math.random() * runMs);
    const buyers: Promise<void>[] = [];
    for (const moment of moments.sort((a, b) => a - b)) {
      await pause(Math.max(0, began + moment - performance.now()));
      buyers.push(this.#buy(await this.#invoice()));
    }
    await pause(Math.max(0, began + runMs - performance.now()));
    return buyers;
  }

  async #keepBatchGoing(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const missing = inFlight - (await this.#live());
      for (let n = 0; n < missing; n++) await this.#startInBatch();
      await pause(500);
    }
  }

  async #invoice(): Promise<string> {
    return (await this.surety.twin.createInvoice({ amountMinor, description: 'bench' })).id;
  }

  async #buy(invoiceId: string): Promise<void> {
    const opened = await this.#call('POST', '/v1/payments', { scheme: 'loyalty', invoiceId });
    await this.#until(opened.id, 'awaiting_confirmation');
    await pause(2 * buyerLooksMs * Math.random());
    const { invoice, points } = await this.#call('GET', `/v1/payments/${opened.id}`);
    const clicked = performance.now();
    await this.#call('POST', `/v1/payments/${opened.id}/confirm`, {
      memberExternalId: 'anna',
      seen: { amountMinor: invoice.amountMinor, currency: invoice.currency, points },
    });
    await this.#until(opened.id, 'paid');
    this.#confirmsMs.push(performance.now() - clicked);
    this.#buyers.push(opened.id);
  }

  /** As a batch starts its payments: nobody waits for one. */
  async #startInBatch(): Promise<void> {
    const { settings } = organisationPartner(this.surety.twin.host);
    const options = { ...partnerSettings.parse(settings), invoiceboxOptions: invoiceboxOptions.parse({ account }) };
    const alone = policyOf(options, 'organisation');
    const policy = { ...alone, quota: { ...alone.quota, isBatch: true } };
    const opening = { partnerId: this.organisationId, paymentId: uuidv7(), invoiceId: await this.#invoice(), policy };
    const opened = await this.surety.ledger.openPayment({
      ...{ ...opening, scheme: 'organisation', memberId: null, links: {}, at: Date.now() },
      openedBy: { kind: 'operator', id: 'bench' },
    });
    if (opened.outcome !== 'opened') throw new Error(`The batch's payment was ${opened.outcome}`);
    const start = paymentStart({ ...opening, epoch: opened.epoch }, 'opening');
    await this.client.workflow.start(workflowNames.organisation, start);
  }

  async #times(): Promise<Pick<Measured, 'waitsMs' | 'travelsMs'>> {
    const arrivals = new Map<string | null, TwinRequest[]>();
    for (const request of await this.surety.twin.allRequests()) {
      arrivals.set(request.invoiceId, [...(arrivals.get(request.invoiceId) ?? []), request]);
    }
    const { rows } = await this.surety.admin.query<{ id: string; invoice: string }>(
      'SELECT id, invoice_id AS invoice FROM payment ORDER BY id',
    );
    const waitsMs: number[] = [];
    const travelsMs: number[] = [];
    for (const { id, invoice } of rows) {
      const calls = await this.#callsOf(id);
      if (calls.length < requestsPerPayment) throw new Error(`${id} has ${calls.length} calls in its history`);
      if (this.#buyers.includes(id)) waitsMs.push(...calls.map(({ orderedMs, startedMs }) => startedMs - orderedMs));
      for (const { at } of arrivals.get(invoice) ?? []) {
        // The last one that had begun: a confirm that finds its read too old makes no request.
        const begun = calls.filter(({ startedMs }) => startedMs <= Date.parse(at) + 1).at(-1);
        if (begun !== undefined) travelsMs.push(Date.parse(at) - begun.startedMs);
      }
    }
    return { waitsMs, travelsMs };
  }

  /** A payment's calls to Invoicebox, as its history has them. */
  async #callsOf(paymentId: string): Promise<{ orderedMs: number; startedMs: number }[]> {
    const { events } = await this.client.workflow.getHandle(workflowIdOf(paymentId)).fetchHistory();
    const orderedMs = new Map<string, number>();
    const calls: { orderedMs: number; startedMs: number }[] = [];
    for (const { eventId, eventTime, ...event } of events ?? []) {
      const at = Number(eventTime?.seconds ?? 0) * 1_000 + (eventTime?.nanos ?? 0) / 1e6;
      if (event.activityTaskScheduledEventAttributes?.taskQueue?.name === taskQueues.invoicebox) {
        orderedMs.set(String(eventId), at);
      }
      const ordered = orderedMs.get(String(event.activityTaskStartedEventAttributes?.scheduledEventId));
      if (ordered !== undefined) calls.push({ orderedMs: ordered, startedMs: at });
    }
    return calls;
  }

  async #usage() {
    const { accounts } = await this.surety.twin.quotas();
    const usage = accounts[demo.loyalty.account];
    if (usage === undefined) throw new Error('The twin was never called');
    return usage;
  }

  async #live(): Promise<number> {
    return this.#count("scheme = 'organisation' AND state NOT IN ('paid', 'declined', 'expired', 'cancelled')");
  }

  async #paidInBatch(): Promise<number> {
    return this.#count("scheme = 'organisation' AND state = 'paid'");
  }

  async #count(condition: string): Promise<number> {
    const { rows } = await this.surety.admin.query<{ count: string }>(
      `SELECT count(*) AS count FROM payment WHERE ${condition}`,
    );
    return Number(rows[0]?.count ?? 0);
  }

  async #untilSettled(): Promise<void> {
    const deadline = performance.now() + patienceMs;
    while ((await this.#live()) > 0) {
      if (performance.now() > deadline) throw new Error('The batch does not come to its end');
      await pause(200);
    }
  }

  async #assertBooksAgree(): Promise<void> {
    const violations = await this.surety.violations();
    if (violations.length > 0) throw new Error(`The ledger is wrong: ${JSON.stringify(violations)}`);
    const unpaid = await this.#count("state <> 'paid'");
    const paidMinor = (await this.#count("state = 'paid'")) * amountMinor;
    const [fund] = (await this.surety.twin.account(demo.loyalty.account)).funds;
    if (unpaid > 0 || fund?.drawnMinor !== paidMinor) {
      throw new Error(`${unpaid} are not paid; we paid ${paidMinor}, the twin has drawn ${fund?.drawnMinor ?? 0}`);
    }
  }

  async #until(id: string, state: string): Promise<void> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const payment = await this.#call('GET', `/v1/payments/${id}`);
      if (payment.state === state) return;
      if (performance.now() > deadline) throw new Error(`${id} is ${payment.state}, never ${state}`);
      await pause(100);
    }
  }

  async #call(method: string, path: string, body?: unknown): Promise<PaymentJson> {
    const response = await fetch(this.surety.apiUrl + path, {
      method,
      headers: {
        authorization: `Bearer ${this.key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json', 'idempotency-key': randomUUID() }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${response.status} to ${method} ${path}: ${text}`);
    return JSON.parse(text) as PaymentJson;
  }
}

interface PaymentJson {
  readonly id: string;
  readonly state: string;
  readonly points: number;
  readonly invoice: { readonly amountMinor: number; readonly currency: string };
}
