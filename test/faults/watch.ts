/** What is seen at the proxies, sorted by payment; and the traps that are set for single statements. */
import type { Interception, Statement, Watcher } from './postgresProxy.js';

export type ProcessKind = 'api' | 'worker';

/** Springs once, at the first statement of this name from this kind of process. */
export interface Trap {
  readonly from: ProcessKind;
  readonly name: string;
  readonly where?: (statement: Statement) => boolean;
  readonly spring: (statement: Statement) => Interception;
}

/** One statement of a payment's, on its way to Postgres. Times are `performance.now()`. */
export interface Sighting {
  readonly at: number;
  readonly from: string;
  readonly name: string;
}

/** One invoice that is being paid, as the proxies know it. */
export class Trail {
  readonly paymentIds = new Set<string>();
  readonly sightings: Sighting[] = [];
  /** When the proof that is under way reads again, by the wall clock. */
  nextProbeAt = 0;
  readonly #traps: Trap[] = [];

  constructor(readonly invoiceId: string) {}

  setTrap(trap: Trap): void {
    this.#traps.push(trap);
  }

  /** Traps that nothing fell into are taken away, so that a retry elsewhere is not struck late. */
  clearTraps(): void {
    this.#traps.length = 0;
  }

  take(statement: Statement): Interception | null {
    const index = this.#traps.findIndex(
      ({ from, name, where }) =>
        statement.from.startsWith(from) && statement.name === name && (where === undefined || where(statement)),
    );
    const [trap] = index < 0 ? [] : this.#traps.splice(index, 1);
    return trap === undefined ? null : trap.spring(statement);
  }
}

export class Watch implements Watcher {
  readonly #trails = new Map<string, Trail>();

  trail(invoiceId: string): Trail {
    const trail = new Trail(invoiceId);
    this.#trails.set(invoiceId, trail);
    return trail;
  }

  /** An Idempotency-Key is all that is known of a request before its payment has an id. */
  nameByHash(hash: Buffer, trail: Trail): void {
    this.#trails.set(hash.toString('hex'), trail);
  }

  /** What belongs to a payment and has an id of its own. */
  nameById(id: string, trail: Trail): void {
    this.#trails.set(id, trail);
  }

  sent(statement: Statement): Interception | null {
    const trail = this.#trailOf(statement);
    if (trail === undefined) return null;
    if (statement.name === 'payment_open') {
      const paymentId = text(statement, 1);
      trail.paymentIds.add(paymentId);
      this.#trails.set(paymentId, trail);
    }
    trail.sightings.push({ at: performance.now(), from: statement.from, name: statement.name });
    return trail.take(statement);
  }

  answered(statement: Statement): void {
    if (statement.name !== 'payment_unproven') return;
    const trail = this.#trailOf(statement);
    if (trail !== undefined) trail.nextProbeAt = Date.parse(text(statement, 6));
  }

  #trailOf({ params }: Statement): Trail | undefined {
    for (const param of params) {
      const key = param.length === 36 ? param.toString('latin1') : param.length === 32 ? param.toString('hex') : null;
      const trail = key === null ? undefined : this.#trails.get(key);
      if (trail !== undefined) return trail;
    }
    return undefined;
  }
}

const text = ({ params }: Statement, index: number): string => params[index]?.toString('utf8') ?? '';
