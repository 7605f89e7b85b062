/**
 * Webhooks, from the commit of an event to its receipt: how many a second reach a healthy endpoint when they come all at
 * once; and how long one waits beside endpoints that drip a byte a second or stream without end. Real Postgres, Temporal's
 * dev server in memory, the worker as its own process; events are credits of points, committed as the API commits them.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { KeyRing } from '../src/keyring.js';
import { Points } from '../src/ledger/points.js';
import { Webhooks } from '../src/ledger/webhooks.js';
import { newWebhookSecret, webhookSecretPurpose } from '../src/webhooks/signature.js';
import { WebhookStarts } from '../src/webhookStarts.js';
import {
  describeMachine,
  measurePairs,
  quantile,
  spreadOf,
  spreadText,
  type BenchOptions,
  type Report,
} from './harness.js';
import { dripping, streaming, type SlowEndpoint } from './slowEndpoints.js';
import { benchKeys, startedSurety } from './startedSurety.js';

const burst = { events: 600, atOnce: 16 } as const;
const paced = { events: 90, perSecond: 3 } as const;
const slowOfEachKind = 2;
const patienceMs = 120_000;

/** Pairs: events all at once (A) and at a steady pace (B); then, slow endpoints being there, at the same pace again. */
export async function benchWebhooks(options: BenchOptions): Promise<Report> {
  const bench = await Bench.open();
  try {
    await bench.warmUp();
    const pairs = await measurePairs(
      { pairs: options.pairs, boundMs: (options.seconds * 1_000) / 2 },
      () => bench.burst(),
      () => bench.paced(),
    );
    const slow = await bench.addSlow();
    const beside: number[][] = [];
    while (beside.length < pairs.length) beside.push(await bench.paced());

    const rate = spreadOf(pairs.map(({ a }) => a));
    const of = (runs: readonly (readonly number[])[], share: number) =>
      spreadOf(runs.map((run) => quantile(run, share)));
    const alone = pairs.map(({ b }) => b);
    const slowAttempts = slow.reduce((sum, { requests }) => sum + requests(), 0);
    const machine = await describeMachine(bench.databaseUrl);
    const each = `${paced.events} events, ${paced.perSecond} a second`;
    return {
      title: 'Webhooks, from the commit of an event to its receipt',
      rows: [
        [`${burst.events} events at once, delivered a second`, spreadText(rate, 1)],
        [`${each}: p50, ms`, spreadText(of(alone, 0.5))],
        [`${each}: p99, ms`, spreadText(of(alone, 0.99))],
        [`the same beside ${slow.length} slow endpoints: p50, ms`, spreadText(of(beside, 0.5))],
        [`the same beside ${slow.length} slow endpoints: p99, ms`, spreadText(of(beside, 0.99))],
        ['attempts that the slow ones got meanwhile', String(slowAttempts)],
        ['events that came twice', String(bench.duplicates)],
      ],
      notes: [
        'Median, and from the least to the most, of the runs. Real Postgres, Temporal’s dev server in memory, the worker a process of its own.',
        'The rate is from the first commit to the last receipt at one healthy endpoint; committing is part of it.',
        'Half of the slow endpoints give a byte a second and never a status line, half a body without end. Each gets every event.',
      ],
      figures: {
        eventsPerSecond: rate.median,
        healthyP50MsAlone: of(alone, 0.5).median,
        healthyP99MsAlone: of(alone, 0.99).median,
        healthyP50MsBesideSlow: of(beside, 0.5).median,
        healthyP99MsBesideSlow: of(beside, 0.99).median,
        slowEndpoints: slow.length,
        slowAttempts,
        duplicates: bench.duplicates,
        runs: pairs.length,
        machine,
      },
    };
  } finally {
    await bench.close();
  }
}

class Bench {
  duplicates = 0;
  databaseUrl = '';
  readonly #committedMs = new Map<string, number>();
  readonly #receivedMs = new Map<string, number>();
  readonly #slow: SlowEndpoint[] = [];
  readonly #ends: (() => Promise<unknown>)[] = [];
  #points: Points | undefined;
  #webhooks: Webhooks | undefined;
  #partnerId = '';
  #memberId = '';

  static async open(): Promise<Bench> {
    const bench = new Bench();
    try {
      await bench.#start();
    } catch (error) {
      await bench.close();
      throw error;
    }
    return bench;
  }

  async #start(): Promise<void> {
    const { surety, databaseUrl } = await startedSurety(this.#ends);
    this.databaseUrl = databaseUrl;
    const { loyaltyId } = await surety.applyPartners();
    const client = surety.temporalClient();
    this.#ends.push(() => client.connection.close());
    const { onDeliveries } = new WebhookStarts(client, pino({ level: 'warn' }));
    this.#points = new Points(surety.admin, onDeliveries);
    this.#webhooks = new Webhooks(surety.admin);
    this.#partnerId = loyaltyId;
    this.#memberId = await this.#points.openMember(loyaltyId, 'bench');
    const program = await surety.startWorker();
    this.#ends.push(() => program.stop());
    await this.#register(await this.#healthy());
  }

  async warmUp(): Promise<void> {
    for (let i = 0; i < 30; i++) await this.#credit();
    await this.#untilAllCame();
  }

  /** @returns events a second */
  async burst(): Promise<number> {
    const beganMs = performance.now();
    let left = burst.events;
    const commit = async () => {
      while (left-- > 0) await this.#credit();
    };
    await Promise.all(Array.from({ length: burst.atOnce }, commit));
    const lastMs = await this.#untilAllCame();
    return Math.round((burst.events / (lastMs - beganMs)) * 10_000) / 10;
  }

  /** @returns of each event, the milliseconds from its commit to its receipt */
  async paced(): Promise<number[]> {
    const credits: Promise<string>[] = [];
    const beganMs = performance.now();
    for (let i = 0; i < paced.events; i++) {
      await pause(Math.max(0, beganMs + (i * 1_000) / paced.perSecond - performance.now()));
      credits.push(this.#credit());
    }
    const references = await Promise.all(credits);
    await this.#untilAllCame();
    return references.map((name) => (this.#receivedMs.get(name) ?? Infinity) - (this.#committedMs.get(name) ?? 0));
  }

  async addSlow(): Promise<readonly SlowEndpoint[]> {
    for (let i = 0; i < slowOfEachKind; i++) {
      for (const open of [dripping, streaming]) {
        const endpoint = await open();
        this.#ends.push(() => endpoint.close());
        this.#slow.push(endpoint);
        await this.#register(endpoint.url);
      }
    }
    return this.#slow;
  }

  async close(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
  }

  async #credit(): Promise<string> {
    const reference = randomUUID();
    const wish = { partnerId: this.#partnerId, memberId: this.#memberId, points: 1, expiresAt: null, reference };
    // It may arrive before this process is told of the commit.
    await this.#points?.creditUntil({ ...wish, actor: { kind: 'operator', id: 'bench' }, at: Date.now() });
    this.#committedMs.set(reference, performance.now());
    return reference;
  }

  /** @returns when the last one came */
  async #untilAllCame(): Promise<number> {
    const deadlineMs = performance.now() + patienceMs;
    while (![...this.#committedMs.keys()].every((reference) => this.#receivedMs.has(reference))) {
      if (performance.now() > deadlineMs) {
        throw new Error(`${this.#receivedMs.size} of ${this.#committedMs.size} events came in ${patienceMs} ms`);
      }
      await pause(10);
    }
    return Math.max(...this.#receivedMs.values());
  }

  async #register(url: string): Promise<void> {
    const endpointId = randomUUID();
    await this.#webhooks?.createEndpoint({
      partnerId: this.#partnerId,
      endpointId,
      url,
      description: '',
      eventTypes: ['points.credited'],
      secretSealed: new KeyRing(benchKeys).seal(newWebhookSecret(), webhookSecretPurpose(endpointId)),
      mostEndpoints: 100,
      at: Date.now(),
    });
  }

  /** Answers 204 at once. @returns its URL */
  async #healthy(): Promise<string> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const atMs = performance.now();
        response.writeHead(204).end();
        const { data } = JSON.parse(Buffer.concat(chunks).toString()) as { data: { reference: string } };
        if (this.#receivedMs.has(data.reference)) this.duplicates += 1;
        else this.#receivedMs.set(data.reference, atMs);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#ends.push(() => {
      server.closeAllConnections();
      server.close();
      return once(server, 'close');
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }
}
