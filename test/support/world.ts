/** A whole Surety of a test's own: real Temporal, Postgres, simulator, API and worker, each its own process. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { demo } from '../../scripts/demoWorld.js';
import {
  freePort,
  startTemporal,
  type Program,
  type RunningPostgres,
  type RunningTemporal,
} from '../../scripts/stack.js';
import { Surety } from '../../scripts/surety.js';
import { postgres, testKeys } from './books.js';
import { assertEventsFit } from './events.js';

/** Waits are shortened; what they wait for is not. */
const fastTimings = {
  pendingGapMs: 100,
  quietMs: 300,
  marginMs: 400,
  waitScale: 0.02,
} as const;

const patienceMs = 45_000;

/** What comes at its own hour would come into some test's midst, once in a while. */
const rarely = { RECONCILE_EVERY_MS: String(31 * 86_400_000) } as const;

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, never>> & {
    readonly id: string;
    readonly state: string;
    readonly reason: string | null;
    readonly code: string;
    readonly points: number;
    readonly transactionId: string | null;
    readonly payment: { readonly state: string };
  };
}

export class World {
  worker: Program | null = null;
  api: Program | null = null;

  private constructor(
    readonly surety: Surety,
    readonly temporal: RunningTemporal,
    readonly namespace: string,
    readonly simulator: Program,
    readonly keys: { readonly loyalty: string; readonly organisation: string },
    readonly partnerIds: { readonly loyalty: string; readonly organisation: string },
    readonly client: Client,
  ) {}

  static async open(
    options: {
      timings?: Record<string, number>;
      environment?: Record<string, string>;
      temporalSetup?: Record<string, string>;
      postgres?: Omit<RunningPostgres, 'stop'>;
      /** What Temporal keeps is encrypted; absent: it is not. */
      codecKeys?: string;
      /** More flags of the dev server. */
      temporalFlags?: readonly string[];
    } = {},
  ): Promise<World> {
    const [port, uiPort, api, worker, simulatorPort] = await Promise.all(Array.from({ length: 5 }, freePort));
    const namespace = 'surety';
    const temporal = await startTemporal({
      namespace,
      port: port ?? 0,
      uiPort: uiPort ?? 0,
      ...(options.temporalFlags === undefined ? {} : { flags: options.temporalFlags }),
    });
    const surety = new Surety({
      postgres: options.postgres ?? postgres,
      database: `world_${randomUUID().replaceAll('-', '')}`,
      temporalAddress: temporal.address,
      temporalUiUrl: temporal.uiUrl,
      namespace,
      keys: testKeys,
      ...(options.codecKeys === undefined ? {} : { codecKeys: options.codecKeys }),
      ports: { api: api ?? 0, worker: worker ?? 0, simulator: simulatorPort ?? 0 },
      timings: { ...fastTimings, ...options.timings },
      environment: { DATABASE_POOL_SIZE: '10', ...options.environment },
      temporalSetup: { ...rarely, ...options.temporalSetup },
    });
    await surety.prepare();
    const simulator = await surety.startSimulator();
    const applied = await surety.applyPartners();
    const world = new World(
      surety,
      temporal,
      namespace,
      simulator,
      { loyalty: applied.loyalty ?? '', organisation: applied.organisation ?? '' },
      { loyalty: applied.loyaltyId, organisation: applied.organisationId },
      surety.temporalClient(),
    );
    [world.api, world.worker] = await Promise.all([surety.startApi(), surety.startWorker()]);
    return world;
  }

  get twin() {
    return this.surety.twin;
  }

  async startWorker(environment: Record<string, string> = {}): Promise<Program> {
    this.worker = await this.surety.startWorker(undefined, environment);
    return this.worker;
  }

  async call(
    key: string,
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<ApiAnswer> {
    const response = await fetch(this.surety.apiUrl + path, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(method !== 'GET' ? { 'content-type': 'application/json', 'idempotency-key': randomUUID() } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: (text === '' ? {} : JSON.parse(text)) as ApiAnswer['body'],
    };
  }

  invoice(change: Record<string, unknown> = {}) {
    return this.twin.createInvoice({ amountMinor: 12_345_67, description: 'Оплата номера', ...change });
  }

  open(invoiceId: string, headers: Record<string, string> = {}): Promise<ApiAnswer> {
    return this.call(this.keys.loyalty, 'POST', '/v1/payments', { scheme: 'loyalty', invoiceId }, headers);
  }

  payAsOrganisation(invoiceId: string): Promise<ApiAnswer> {
    return this.call(this.keys.organisation, 'POST', '/v1/payments', { scheme: 'organisation', invoiceId });
  }

  /** Anna says that she pays what she saw. */
  confirm(opened: ApiAnswer, headers: Record<string, string> = {}, member = 'anna'): Promise<ApiAnswer> {
    return this.call(
      this.keys.loyalty,
      'POST',
      `/v1/payments/${opened.body.id}/confirm`,
      { memberExternalId: member, seen: this.seenOf(opened) },
      headers,
    );
  }

  /** As a client does who is answered before anything is known: again, under the same key. For a World that answers soon. */
  async openPatiently(invoiceId: string): Promise<ApiAnswer> {
    const key = { 'idempotency-key': randomUUID() };
    return patiently(
      () => this.open(invoiceId, key),
      ({ status, body }) => status < 500 && body.state !== 'opening',
    );
  }

  confirmPatiently(opened: ApiAnswer, member = 'anna'): Promise<ApiAnswer> {
    const key = { 'idempotency-key': randomUUID() };
    return patiently(
      () => this.confirm(opened, key, member),
      ({ status }) => status < 500,
    );
  }

  #lastWords(): string {
    return this.worker?.output.slice(-3_000) ?? 'no worker';
  }

  seenOf(opened: ApiAnswer) {
    const { invoice, points } = opened.body as unknown as {
      invoice?: { amountMinor: number; currency: string };
      points: number;
    };
    if (invoice === undefined)
      throw new Error(`It was not opened: ${opened.status} ${JSON.stringify(opened.body)}\n${this.#lastWords()}`);
    return { amountMinor: invoice.amountMinor, currency: invoice.currency, points };
  }

  async read(id: string, key = this.keys.loyalty): Promise<ApiAnswer['body']> {
    return (await this.call(key, 'GET', `/v1/payments/${id}`)).body;
  }

  /** Follows a payment until it stands in one of these states. @returns every state seen on the way, the last one last */
  async until(
    id: string,
    states: readonly string[],
    key = this.keys.loyalty,
    withinMs = patienceMs,
  ): Promise<string[]> {
    const seen: string[] = [];
    await eventually(
      async () => {
        const { state } = await this.read(id, key);
        if (seen.at(-1) !== state) seen.push(state);
        return states.includes(state);
      },
      () => `${id} went ${seen.join(' → ')}, never ${states.join(' or ')}\n${this.#lastWords()}`,
      withinMs,
    );
    return seen;
  }

  /** Until the last read of the invoice is older than this. */
  async untilStale(paymentId: string, freshnessMs: number, key = this.keys.loyalty): Promise<void> {
    const { invoice } = (await this.read(paymentId, key)) as unknown as { invoice: { readAt: string } };
    await eventually(
      () => Promise.resolve(Date.now() - Date.parse(invoice.readAt) > freshnessMs),
      () => 'time stands still',
    );
  }

  handle(paymentId: string): WorkflowHandle {
    return this.client.workflow.getHandle(`payment-${paymentId}`);
  }

  async balance(member: string): Promise<{ available: number; held: number }> {
    const memberId = await this.surety.points.openMember(this.partnerIds.loyalty, member);
    return this.surety.points.balance(this.partnerIds.loyalty, memberId, Date.now());
  }

  /** What must hold at any moment, no violation; and what must come true: both books the same. */
  async assertBooksAgree(): Promise<void> {
    const violations = await this.surety.violations();
    if (violations.length > 0) throw new Error(`The ledger is wrong: ${JSON.stringify(violations)}`);
    await assertEventsFit(this.surety.admin);
    for (const side of ['loyalty', 'organisation'] as const) {
      let drawn = '';
      await eventually(
        async () => {
          const theirs = (await this.twin.account(demo[side].account)).funds.find((fund) => fund.currency === 'RUB');
          const ours = (await this.surety.ledger.fundBalance(this.partnerIds[side])).find(
            (fund) => fund.currency === 'RUB',
          );
          drawn = `${side}: the twin has drawn ${theirs?.drawnMinor ?? 0}, we ${ours?.drawnMinor ?? 0}`;
          return theirs?.drawnMinor === ours?.drawnMinor;
        },
        () => drawn,
      );
    }
  }

  async close(): Promise<void> {
    await this.client.connection.close();
    await Promise.all([this.worker?.stop(2_000), this.api?.stop(2_000), this.simulator.stop(2_000)]);
    await this.temporal.stop();
    await this.surety.close();
  }
}

async function patiently(ask: () => Promise<ApiAnswer>, isKnown: (answer: ApiAnswer) => boolean): Promise<ApiAnswer> {
  let answer = await ask();
  await eventually(
    async () => isKnown(answer) || isKnown((answer = await ask())),
    () => `still ${answer.status} ${JSON.stringify(answer.body)}`,
  );
  return answer;
}

/** Asks until it is so; fails with words after a generous while. */
export async function eventually(
  isSo: () => Promise<boolean>,
  words: () => string,
  withinMs = patienceMs,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(words());
    await pause(30);
  }
}
