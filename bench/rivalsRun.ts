/** The world of the rivals' bench: one Postgres, one twin, ours with Temporal, and each rival with what it needs; one measurement. */
import type { Surety } from '../scripts/surety.js';
import { amountMinor, points, type Contender } from './contender.js';
import { costBetween, Costs, countingFlags } from './costs.js';
import { inTurns, quantile } from './harness.js';
import { oursSaga } from './ours.js';
import { startRivals, type Rival } from './rivalEngines.js';
import { startedSurety } from './startedSurety.js';

const members = 100;
const paymentsAMember = 10_000;
const warmUp = { payments: 64, atOnce: 8 } as const;
/** Whoever pays. */
const shared = ['postgres', 'twin', 'bench'] as const;

/** A contender, and the processes that work for it alone. */
export type Racer = Pick<Contender, 'name' | 'pay'> & Pick<Rival, 'processes'>;

export interface Measured {
  readonly paymentsPerSecond: number;
  readonly openP50Ms: number;
  readonly clickP50Ms: number;
  readonly clickP99Ms: number;
  /** A payment, of all that work for it. */
  readonly cpuMs: number;
  readonly cpuMsBy: Readonly<Record<string, number>>;
  readonly walBytes: number;
}

export class RivalsWorld {
  private constructor(
    private readonly surety: Surety,
    private readonly costs: Costs,
    readonly databaseUrl: string,
    readonly ours: Racer,
    readonly rivals: readonly Racer[],
  ) {}

  static async open(ends: (() => Promise<unknown>)[]): Promise<RivalsWorld> {
    const { surety, databaseUrl, temporalPid } = await startedSurety(ends, { unlimited: true, flags: countingFlags });
    const twin = await surety.startSimulator();
    ends.push(() => twin.stop());
    const { loyaltyId: partnerId } = await surety.applyPartners();
    const memberIds: string[] = [];
    for (let n = 0; n < members; n++) {
      memberIds.push(await surety.creditPoints(partnerId, `bench-${n}`, paymentsAMember * points, 'bench'));
    }
    const payers = { partnerId, memberIds };
    const saga = await oursSaga(surety, payers, ends);
    const ours: Racer = { ...saga, processes: { worker: saga.pid, temporal: temporalPid } };
    const rivals = await startRivals(surety, payers, ends);
    const processes = Object.assign({}, ...[ours, ...rivals].map((racer) => racer.processes)) as Record<string, number>;
    const costs = await Costs.open(surety.options.postgres.url('postgres'), { ...processes, twin: twin.pid });
    ends.push(() => costs.close());
    const world = new RivalsWorld(surety, costs, databaseUrl, ours, rivals);
    for (const racer of [ours, ...rivals]) await world.measure(racer, warmUp.payments, warmUp.atOnce);
    return world;
  }

  /** So many payments, so many buyers at once; their invoices come before. */
  async measure(racer: Racer, payments: number, atOnce: number): Promise<Measured> {
    const invoices = await inTurns(
      Array.from({ length: payments }, (_, n) => n),
      warmUp.atOnce,
      async () => (await this.surety.twin.createInvoice({ amountMinor })).id,
    );
    const before = await this.costs.read();
    const began = performance.now();
    const paid = await inTurns(invoices, atOnce, async (invoiceId) => {
      const opened = performance.now();
      const { clickMs } = await racer.pay(invoiceId);
      return { clickMs, openMs: performance.now() - opened - clickMs };
    });
    const seconds = (performance.now() - began) / 1_000;
    const cost = costBetween(before, await this.costs.read());
    const cpuMsBy = Object.fromEntries(
      [...Object.keys(racer.processes), ...shared].map((name) => [name, (cost.cpuMs[name] ?? 0) / payments]),
    );
    const clicksMs = paid.map(({ clickMs }) => clickMs);
    return {
      paymentsPerSecond: payments / seconds,
      openP50Ms: quantile(
        paid.map(({ openMs }) => openMs),
        0.5,
      ),
      clickP50Ms: quantile(clicksMs, 0.5),
      clickP99Ms: quantile(clicksMs, 0.99),
      cpuMs: Object.values(cpuMsBy).reduce((sum, ms) => sum + ms, 0),
      cpuMsBy,
      walBytes: cost.walBytes / payments,
    };
  }

  /** Whoever is fast and wrong has won nothing. */
  async assertBooksAgree(): Promise<void> {
    const violations = await this.surety.violations();
    if (violations.length > 0) throw new Error(`The ledger is wrong: ${JSON.stringify(violations)}`);
    const { rowCount } = await this.surety.admin.query("SELECT FROM payment WHERE state <> 'paid'");
    if (rowCount !== 0) throw new Error(`${rowCount ?? 0} payments are not paid`);
  }
}
