/** The world of the saga's bench: one Postgres, one Temporal, one twin, three workers; and one measurement of a contender. */
import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import type { Surety } from '../scripts/surety.js';
import { amountMinor, points, type Contender, type PaidOnce } from './contender.js';
import { costBetween, Costs, countingFlags, type Cost } from './costs.js';
import { floorSaga } from './floor/floor.js';
import { inTurns, quantile, residentMiB } from './harness.js';
import { naiveSaga } from './naive/naive.js';
import { oursSaga } from './ours.js';
import { startedSurety } from './startedSurety.js';

const members = 100;
const paymentsAMember = 10_000;
const fundMinor = 100_000_000_00;
const warmUp = { payments: 48, atOnce: 8 } as const;

export interface Measured {
  readonly paymentsPerSecond: number;
  readonly clickP50Ms: number;
  readonly clickP99Ms: number;
  /** A payment: of its worker, and of what all share. */
  readonly cpuMs: { readonly [of in 'worker' | 'temporal' | 'postgres' | 'twin' | 'bench']: number };
  readonly cpuMsOfAll: number;
  readonly walBytes: number;
  readonly statements: number;
  readonly workerMiB: number;
}

export interface History {
  readonly events: readonly string[];
  readonly workflowTasks: number;
}

export class SagaWorld {
  readonly #last = new Map<Contender, PaidOnce>();

  private constructor(
    private readonly surety: Surety,
    private readonly client: Client,
    private readonly costs: Costs,
    readonly databaseUrl: string,
    readonly ours: Contender,
    readonly naive: Contender,
    readonly noOp: Contender,
  ) {}

  static async open(ends: (() => Promise<unknown>)[]): Promise<SagaWorld> {
    const { surety, databaseUrl, temporalPid } = await startedSurety(ends, { unlimited: true, flags: countingFlags });
    const twin = await surety.startSimulator();
    ends.push(() => twin.stop());
    const { loyaltyId: partnerId } = await surety.applyPartners();
    const each = { lots: 1, points: paymentsAMember * points, fundMinor };
    const memberIds: string[] = [];
    for (let n = 0; n < members; n++) {
      memberIds.push(await surety.creditPoints(partnerId, `bench-${n}`, each.points, 'bench'));
    }
    const payers = { partnerId, memberIds };
    const ours = await oursSaga(surety, payers, ends);
    const naive = await naiveSaga(surety, payers, each, ends);
    const noOp = await floorSaga(surety, payers, ends);
    const client = surety.temporalClient();
    ends.push(() => client.connection.close());
    const costs = await Costs.open(surety.options.postgres.url('postgres'), {
      ...{ temporal: temporalPid, twin: twin.pid },
      ...{ [ours.name]: ours.pid, [naive.name]: naive.pid, [noOp.name]: noOp.pid },
    });
    ends.push(() => costs.close());
    const world = new SagaWorld(surety, client, costs, databaseUrl, ours, naive, noOp);
    for (const contender of [ours, naive, noOp]) await world.measure(contender, warmUp.payments, warmUp.atOnce);
    return world;
  }

  /** So many payments, so many buyers at once; their invoices come before. */
  async measure(contender: Contender, payments: number, atOnce: number): Promise<Measured> {
    const invoices = await this.#invoices(contender, payments);
    const before = await this.costs.read();
    const began = performance.now();
    const paid = await inTurns(invoices, atOnce, (invoiceId) => contender.pay(invoiceId));
    const seconds = (performance.now() - began) / 1_000;
    const cost = costBetween(before, await this.costs.read());
    const [last] = paid;
    if (last !== undefined) this.#last.set(contender, last);
    const clicksMs = paid.map(({ clickMs }) => clickMs);
    const cpuMs = cpuOf(contender, cost, payments);
    return {
      paymentsPerSecond: payments / seconds,
      clickP50Ms: quantile(clicksMs, 0.5),
      clickP99Ms: quantile(clicksMs, 0.99),
      cpuMs,
      cpuMsOfAll: Object.values(cpuMs).reduce((sum, ms) => sum + ms, 0),
      walBytes: cost.walBytes / payments,
      statements: contender.database === null ? 0 : (cost.statements[contender.database] ?? 0) / payments,
      workerMiB: await residentMiB([contender.pid]),
    };
  }

  /** Of a payment that has been made. */
  async historyOf(contender: Contender): Promise<History> {
    const { workflowId = '' } = this.#last.get(contender) ?? {};
    const { events } = await this.client.workflow.getHandle(workflowId).fetchHistory();
    const kinds = (events ?? []).map((event) => Object.keys(event).find((key) => key.endsWith('Attributes')) ?? '');
    return {
      events: kinds.map((kind) => kind.replace(/EventAttributes$/, '')),
      workflowTasks: kinds.filter((kind) => kind.startsWith('workflowTaskCompleted')).length,
    };
  }

  /** Whoever is fast and wrong has won nothing. */
  async assertBooksAgree(): Promise<void> {
    const violations = await this.surety.violations();
    if (violations.length > 0) throw new Error(`The ledger is wrong: ${JSON.stringify(violations)}`);
    const { rows } = await this.surety.admin.query<{ state: string }>(
      "SELECT state FROM payment WHERE state <> 'paid'",
    );
    if (rows.length > 0)
      throw new Error(`${rows.length} payments of ours are not paid: the first is ${rows[0]?.state}`);
  }

  async #invoices({ database }: Contender, count: number): Promise<string[]> {
    const wanted = Array.from({ length: count }, () => randomUUID());
    if (database === null) return wanted;
    return inTurns(wanted, warmUp.atOnce, async () => (await this.surety.twin.createInvoice({ amountMinor })).id);
  }
}

function cpuOf({ name }: Contender, { cpuMs }: Cost, payments: number): Measured['cpuMs'] {
  const of = (process: string): number => (cpuMs[process] ?? 0) / payments;
  return {
    worker: of(name),
    temporal: of('temporal'),
    postgres: of('postgres'),
    twin: of('twin'),
    bench: of('bench'),
  };
}
