/** One run: pays what is planned, so many at once, and waits for quiet. */
import { setTimeout as pause } from 'node:timers/promises';
import { Caller } from './callers.js';
import { endOf } from './ends.js';
import { Injector } from './inject.js';
import type { Machines } from './machines.js';
import { sharedMembers, type PlannedPayment } from './plan.js';
import { buy } from './plots.js';
import type { Member, Purchase } from './purchase.js';
import { narrowAmountMinor, narrowFundPays, rate, type Tenant } from './tenants.js';
import type { Watch } from './watch.js';

const inFlight = 24;
/**
 * Of these, so many begin with what stops a whole process, and share their strikes; then they do as the others. Everybody
 * else feels each of them, so they are over soon.
 */
const heavyInFlight = 18;
/** What a caller's patience is: longer than any fault and its proofs take together. */
const patienceMs = 120_000;
/** A fault that found nobody (the payment went another way) gets another payment, so many times. */
const triesACell = 6;
const quietWithinMs = 120_000;
const soonMs = 6_000;

const isOver = (end: string): boolean => /^(paid|declined|expired|cancelled|in_review)/.test(end);

/** Of one balance: invoices, and for how many of them there are points. */
const crowd = { invoices: 12, affordable: 5, amountMinor: 500_00 };

export class Run {
  readonly purchases: Purchase[] = [];
  readonly injector: Injector;
  done = 0;

  constructor(
    private readonly machines: Machines,
    private readonly watch: Watch,
    readonly tenants: readonly Tenant[],
  ) {
    this.injector = new Injector(machines);
  }

  async payAll(plan: readonly PlannedPayment[]): Promise<void> {
    const payer = async (first: PlannedPayment[], then: PlannedPayment[]) => {
      const next = () => first.shift() ?? then.shift();
      for (let planned = next(); planned !== undefined; planned = next()) {
        await this.#pay(planned);
        this.done += 1;
      }
    };
    const looking = new AbortController();
    const operator = this.#clearFlags(looking.signal);
    // Alike ones together, so that they share their strikes: else everybody waits all the time, and nothing is seen.
    const heavy = plan
      .filter(({ cell }) => cell.heavy)
      .sort((a, b) => a.cell.faultName.localeCompare(b.cell.faultName));
    const light = plan.filter(({ cell }) => !cell.heavy);
    await Promise.all(
      Array.from({ length: inFlight }, (_, lane) => (lane < heavyInFlight ? payer(heavy, light) : payer(light, heavy))),
    );
    looking.abort();
    await operator;
  }

  /** Until nothing moves any more. @returns payments that still do when the time is up */
  async untilQuiet(): Promise<string[]> {
    // Trouble that was to last until the caller gave up must not keep proofs from coming to an end.
    await this.machines.surety.twin.clearFaults();
    const deadline = performance.now() + quietWithinMs;
    for (;;) {
      const { rows } = await this.machines.surety.admin.query<{ id: string }>(
        `SELECT id FROM payment WHERE state NOT IN ('paid', 'declined', 'expired', 'cancelled', 'in_review')`,
      );
      if (rows.length === 0 || performance.now() > deadline) return rows.map(({ id }) => id);
      await pause(200);
    }
  }

  /** From the books: a caller is told no payment where the invoice is not known. */
  async #endOf({ invoiceId }: Purchase): Promise<string> {
    const { rows } = await this.machines.persistently(() =>
      this.machines.surety.admin.query<{ state: string; reason: string | null }>(
        'SELECT state, reason FROM payment WHERE invoice_id = $1 ORDER BY id DESC LIMIT 1',
        [invoiceId],
      ),
    );
    const [row] = rows;
    return row === undefined ? 'never opened' : endOf(row);
  }

  /** What is being waited for, most first. */
  underWay(): string {
    const stages = new Map<string, number>();
    for (const { stage } of this.purchases) if (stage !== 'over') stages.set(stage, (stages.get(stage) ?? 0) + 1);
    return [...stages]
      .sort(([, a], [, b]) => b - a)
      .map(([stage, count]) => `${count} ${stage}`)
      .join(', ');
  }

  async #pay(planned: PlannedPayment): Promise<void> {
    const { cell } = planned;
    if (cell.caller === 'one_balance') return this.#payFromOneBalance(planned);
    if (cell.caller === 'narrow_fund') return this.#payFromTheNarrowFund(planned);
    for (let tries = 0; tries < triesACell; tries++) {
      const purchase = await this.#purchase(planned, { amountMinor: planned.amountMinor });
      await this.#play(purchase);
      // Where neighbours' faults led it to another end that is right too, its own fault has not shown what it does.
      const end = await this.#endOf(purchase);
      // Where neighbours' faults led it to another end that is right too, its own fault has not shown what it does.
      // What has not come to its end is the checker's, and no reason to wait for another one.
      if ((purchase.exercised && cell.ends.includes(end)) || !isOver(end)) return;
    }
  }

  async #play(purchase: Purchase): Promise<void> {
    const { machines, injector } = this;
    await injector.arrange(purchase);
    const caller = new Caller(machines, this.watch, purchase, performance.now() + patienceMs);
    await buy({ machines, injector, caller, purchase });
    await injector.judge(purchase);
    purchase.stage = 'over';
  }

  async #purchase(
    planned: PlannedPayment,
    { amountMinor, member }: { amountMinor: number; member?: Member },
  ): Promise<Purchase> {
    const { cell } = planned;
    const tenant = this.tenants.find(({ kind, scheme }) => kind === cell.tenant && scheme === cell.scheme);
    if (tenant === undefined) throw new Error(`There is no tenant for ${cell.id}`);
    const invoice = await this.machines.surety.twin.createInvoice({
      amountMinor,
      raw: cell.raw,
      ...(cell.caller === 'never_confirms' ? { expiresAt: new Date(Date.now() + soonMs).toISOString() } : {}),
    });
    const purchase: Purchase = {
      planned,
      tenant,
      invoiceId: invoice.id,
      amountMinor,
      member: member ?? (await this.#sharedMember(tenant, planned.member)),
      trail: this.watch.trail(invoice.id),
      told: [],
      strikes: [],
      complaints: [],
      paymentId: null,
      returnIds: [],
      exercised: false,
      stage: 'made',
    };
    this.purchases.push(purchase);
    return purchase;
  }

  async #sharedMember({ partnerId }: Tenant, index: number): Promise<Member> {
    const externalId = `member-${index}`;
    const { points } = this.machines.surety;
    return { externalId, id: await this.machines.persistently(() => points.openMember(partnerId, externalId)) };
  }

  /** Points for far more than anybody buys. */
  async creditSharedMembers(): Promise<void> {
    for (const { partnerId, scheme } of this.tenants) {
      if (scheme !== 'loyalty') continue;
      for (let index = 0; index < sharedMembers; index++) {
        for (const lot of [1, 2]) {
          await this.machines.surety.creditPoints(partnerId, `member-${index}`, 50_000_000, `welcome-${lot}`);
        }
      }
    }
  }

  async #payFromOneBalance(planned: PlannedPayment): Promise<void> {
    const tenant = this.tenants.find(({ kind, scheme }) => kind === 'plain' && scheme === 'loyalty');
    const externalId = `spender-${planned.number}`;
    const price = (crowd.amountMinor * rate.numerator) / rate.denominator;
    const id = await this.machines.persistently(() =>
      this.machines.surety.creditPoints(tenant?.partnerId ?? '', externalId, crowd.affordable * price + 1, 'once'),
    );
    await this.#payTogether(planned, crowd.amountMinor, crowd.invoices, crowd.affordable, { externalId, id });
  }

  #payFromTheNarrowFund(planned: PlannedPayment): Promise<void> {
    return this.#payTogether(planned, narrowAmountMinor, narrowFundPays * 2, narrowFundPays);
  }

  /** More than there is money or points for, all at once: exactly as many are paid as there is for. */
  async #payTogether(
    planned: PlannedPayment,
    amountMinor: number,
    count: number,
    affordable: number,
    member?: Member,
  ): Promise<void> {
    const purchases = await Promise.all(
      Array.from({ length: count }, () =>
        this.#purchase(planned, { amountMinor, ...(member === undefined ? {} : { member }) }),
      ),
    );
    await Promise.all(purchases.map((purchase) => this.#play(purchase)));
    const paid = purchases.filter(({ told }) => told.at(-1)?.state === 'paid').length;
    for (const purchase of purchases) purchase.exercised = true;
    if (paid !== affordable) {
      purchases[0]?.complaints.push(`${paid} of ${count} were paid, where there was enough for ${affordable}`);
    }
  }

  /** An operator looks at every flagged partner at once and finds nothing wrong. */
  async #clearFlags(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.machines.persistently(async () => {
        await this.machines.surety.admin.query(
          `UPDATE partner SET fund_doubted_at = NULL, credentials_failed_at = NULL
           WHERE fund_doubted_at IS NOT NULL OR credentials_failed_at IS NOT NULL`,
        );
      });
      await pause(200);
    }
  }
}
