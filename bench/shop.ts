/** A shop and its buyers, who pay over the API as partners do: open, see the price, confirm, paid. What loads a whole Surety. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'undici';
import { z } from 'zod';
import type { Program } from '../scripts/stack.js';
import type { Surety } from '../scripts/surety.js';

const members = 200;
const pointsOfEach = 100_000_000;
const amountMinor = 100_00;
const connections = 256;
const patienceMs = 60_000;
/** `unavailable`, or its like of a request that is under way: docs/integrating.md. */
const comesAgain: readonly number[] = [429, 503];
const repeatAfterMs = 1_000;

/** One key stands for all the shop's buyers. */
export const apiEnvironment = { SURETY_KEY_REQUESTS_PER_SECOND: '10000' } as const;

const paymentJson = z.object({
  id: z.uuid(),
  state: z.string(),
  points: z.int().nullable(),
  invoice: z.object({ amountMinor: z.int().nullable(), currency: z.string().nullable() }),
});
export type ShownPayment = z.infer<typeof paymentJson>;

/** What a payment took, in ms. */
interface Paid {
  readonly id: string;
  /** From the wish to open it to the price. */
  readonly openMs: number;
  /** From the click to "paid". */
  readonly confirmMs: number;
}

export class Shop {
  readonly #pool: Pool;
  #visits = 0;
  #repeats = 0;

  private constructor(
    private readonly surety: Surety,
    readonly apiKey: string,
    readonly partnerId: string,
  ) {
    this.#pool = new Pool(surety.apiUrl, { connections });
  }

  /** Requests that were made again, since the API could not say that they were done. */
  get repeats(): number {
    return this.#repeats;
  }

  /** The twin is started, the partners applied, and each member given more points than he can spend. No API, no worker. */
  static async open(surety: Surety, ends: (() => Promise<unknown>)[]): Promise<Shop> {
    await startedUntil(ends, surety.startSimulator());
    const { loyalty, loyaltyId } = await surety.applyPartners();
    for (let n = 0; n < members; n++) await surety.creditPoints(loyaltyId, memberAt(n), pointsOfEach, 'bench');
    const shop = new Shop(surety, loyalty ?? '', loyaltyId);
    ends.push(() => shop.#pool.close());
    return shop;
  }

  /** From an invoice's first sight to "paid". */
  async pay(): Promise<Paid> {
    const member = memberAt(this.#visits++ % members);
    const invoiceId = await this.invoice();
    const began = performance.now();
    const { id, price } = await this.openPayment(invoiceId);
    const clicked = performance.now();
    await this.confirm(id, member, price);
    return { id, openMs: clicked - began, confirmMs: performance.now() - clicked };
  }

  async invoice(): Promise<string> {
    return (await this.surety.twin.createInvoice({ amountMinor, description: 'bench' })).id;
  }

  /** @returns once the buyer could see what it costs */
  async openPayment(invoiceId: string): Promise<{ readonly id: string; readonly price: ShownPayment }> {
    const opened = await this.call('POST', '/v1/payments', { scheme: 'loyalty', invoiceId });
    return { id: opened.id, price: await this.#until(opened, 'awaiting_confirmation') };
  }

  /** @returns once it is paid */
  async confirm(id: string, memberExternalId: string, { invoice, points }: ShownPayment): Promise<void> {
    const body = { memberExternalId, seen: { amountMinor: invoice.amountMinor, currency: invoice.currency, points } };
    await this.#until(await this.call('POST', `/v1/payments/${id}/confirm`, body), 'paid');
  }

  /** So many buyers, each paying again and again until the time is over. */
  async payFor(ms: number, atOnce: number): Promise<{ readonly perSecond: number; readonly paid: readonly Paid[] }> {
    const began = performance.now();
    const paid: Paid[] = [];
    const buyer = async (): Promise<void> => {
      while (performance.now() - began < ms) paid.push(await this.pay());
    };
    await Promise.all(Array.from({ length: atOnce }, buyer));
    return { perSecond: (paid.length * 1_000) / (performance.now() - began), paid };
  }

  /** As a partner's backend should: what was not done for certain is asked for again, with the same Idempotency-Key. */
  async call(method: 'GET' | 'POST', path: string, body?: object): Promise<ShownPayment> {
    const headers = {
      authorization: `Bearer ${this.apiKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'idempotency-key': randomUUID() }),
    };
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const response = await this.#pool.request({
        ...{ method, path, headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.body.text();
      if (response.statusCode < 300) return paymentJson.parse(JSON.parse(text));
      if (!comesAgain.includes(response.statusCode) || performance.now() > deadline) {
        throw new Error(`${response.statusCode} to ${method} ${path}: ${text}`);
      }
      this.#repeats += 1;
      await pause(repeatAfterMs);
    }
  }

  async #until(first: ShownPayment, state: string): Promise<ShownPayment> {
    const deadline = performance.now() + patienceMs;
    let payment = first;
    while (payment.state !== state) {
      if (performance.now() > deadline) throw new Error(`${payment.id} is ${payment.state}, never ${state}`);
      await pause(50);
      payment = await this.call('GET', `/v1/payments/${payment.id}`);
    }
    return payment;
  }
}

export const memberAt = (n: number): string => `bench-${n}`;

/** A program that is ended with the rest. */
export async function startedUntil(ends: (() => Promise<unknown>)[], program: Promise<Program>): Promise<Program> {
  const started = await program;
  ends.push(() => started.stop());
  return started;
}
