import { z } from 'zod';
import type { Account } from './books.js';

const MAX_LIMIT = 1_000_000;
/** Callers whose requests are counted, of each kind; beyond that the oldest is forgotten. */
const MAX_CALLERS = 20_000;

const quotaSettings = z.strictObject({
  /** Off by default: counted, but nobody is turned away. */
  enforced: z.boolean(),
  /** Requests of one account in a window; an account may have a quota of its own. */
  account: z.int().min(1).max(MAX_LIMIT),
  /** Requests from one IP address in a window, whoever's they are. */
  address: z.int().min(1).max(MAX_LIMIT),
  windowMs: z.int().min(100).max(600_000),
  /** What a 429 carries as Retry-After: silent in the contract (section 1). */
  retryAfter: z.enum(['none', 'seconds', 'date']),
});

export type QuotaSettings = z.infer<typeof quotaSettings>;

/** What is absent stays as it is. */
export const quotaChanges = quotaSettings.partial();

export interface Usage {
  /** All that arrived. */
  readonly requests: number;
  readonly tooManyRequests: number;
  /** The most that arrived within one window, at any time. */
  readonly worstWindow: number;
}

/** Invoicebox's limits (contract, section 1): sliding windows, one an account and one an IP address. */
export class Quotas {
  #settings: QuotaSettings;
  readonly #accounts = new Map<string, Caller>();
  readonly #addresses = new Map<string, Caller>();

  constructor(enforced: boolean) {
    this.#settings = { enforced, account: 100, address: 500, windowMs: 30_000, retryAfter: 'none' };
  }

  /**
   * Counts a request on its arrival. A refused one takes no place in the window.
   * @returns undefined where it is let in, otherwise after how many milliseconds the next one would be
   */
  meet(account: Account | undefined, address: string, nowMs: number): number | undefined {
    const { enforced, windowMs } = this.#settings;
    const callers = [
      ...(account ? [{ caller: callerOf(this.#accounts, account.id), limit: account.quota ?? this.#settings.account }] : []),
      { caller: callerOf(this.#addresses, address), limit: this.#settings.address },
    ]; // prettier-ignore
    for (const { caller } of callers) caller.arrive(nowMs, windowMs);
    const waits = enforced ? callers.map(({ caller, limit }) => caller.waitMs(nowMs, windowMs, limit)) : [];
    const waitMs = Math.max(0, ...waits);
    for (const { caller } of callers) {
      if (waitMs > 0) caller.refuse();
      else caller.letIn(nowMs);
    }
    return waitMs > 0 ? waitMs : undefined;
  }

  change(changes: z.infer<typeof quotaChanges>): QuotaSettings {
    this.#settings = { ...this.#settings, ...changes };
    return this.#settings;
  }

  get settings(): QuotaSettings {
    return this.#settings;
  }

  usage(): { readonly accounts: Record<string, Usage>; readonly addresses: Record<string, Usage> } {
    const of = (callers: Map<string, Caller>) =>
      Object.fromEntries([...callers].map(([name, caller]) => [name, caller.usage]));
    return { accounts: of(this.#accounts), addresses: of(this.#addresses) };
  }

  /** Counts anew, and forgets what is in the windows. */
  clear(): void {
    this.#accounts.clear();
    this.#addresses.clear();
  }
}

function callerOf(callers: Map<string, Caller>, name: string): Caller {
  const known = callers.get(name);
  if (known) return known;
  const caller = new Caller();
  callers.set(name, caller);
  for (const oldest of callers.keys()) {
    if (callers.size <= MAX_CALLERS) break;
    callers.delete(oldest);
  }
  return caller;
}

class Caller {
  #usage: Usage = { requests: 0, tooManyRequests: 0, worstWindow: 0 };
  /** Times of what arrived, and of what was let in, within the last window. */
  readonly #arrived: number[] = [];
  readonly #letIn: number[] = [];

  get usage(): Usage {
    return this.#usage;
  }

  arrive(nowMs: number, windowMs: number): void {
    forget(this.#arrived, nowMs - windowMs);
    this.#arrived.push(nowMs);
    const { requests, worstWindow } = this.#usage;
    this.#usage = {
      ...this.#usage,
      requests: requests + 1,
      worstWindow: Math.max(worstWindow, this.#arrived.length),
    };
  }

  /** 0: there is a place. */
  waitMs(nowMs: number, windowMs: number, limit: number): number {
    forget(this.#letIn, nowMs - windowMs);
    if (this.#letIn.length < limit) return 0;
    return Math.max(1, (this.#letIn[this.#letIn.length - limit] ?? nowMs) + windowMs - nowMs);
  }

  letIn(nowMs: number): void {
    this.#letIn.push(nowMs);
  }

  refuse(): void {
    this.#usage = { ...this.#usage, tooManyRequests: this.#usage.tooManyRequests + 1 };
  }
}

/** Drops what happened at this time or before. */
function forget(times: number[], until: number): void {
  const kept = times.findIndex((time) => time > until);
  times.splice(0, kept === -1 ? times.length : kept);
}
