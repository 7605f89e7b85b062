/**
 * The steps of the loyalty saga, as every engine here runs them: the ledger's own functions, the twin by the client that the
 * product calls Invoicebox with. What can go wrong throws: the engine repeats the step, and what is told beside it is ours alone.
 */
import { createPool } from '../../src/database/pool.js';
import { attemptClassOf, meaningOf } from '../../src/domain/confirmAnswer.js';
import { payabilityOf } from '../../src/domain/invoice.js';
import type { Confirmation } from '../../src/domain/payment.js';
import { priceInPoints } from '../../src/domain/points.js';
import { factsOf, storedRead } from '../../src/activities/readInvoice.js';
import { InvoiceboxClient, userAgent, type InvoiceboxAccount } from '../../src/invoicebox/client.js';
import { Ledger, type PaymentKey } from '../../src/ledger/ledger.js';
import { createLog } from '../../src/log.js';

/** As the product's worker has it. */
export const poolSize = 20;
const timeouts = { connectMs: 15_000, readMs: 15_000, confirmMs: 30_000 };
/** One point pays one rouble: 100 kopecks. */
const rate = { numerator: 1, denominator: 100 };
const freshnessMs = 60_000;

export interface Order {
  readonly key: PaymentKey;
  readonly invoiceId: string;
}

export interface Price {
  readonly amountMinor: number;
  readonly currency: string;
  readonly points: number;
}

export interface Pivot {
  readonly n: number;
  readonly transactionId: string;
  readonly requestId: string | null;
}

export class Steps {
  readonly #ledger: Ledger;
  readonly #client = new InvoiceboxClient({ timeouts, userAgent });

  constructor(
    databaseUrl: string,
    private readonly account: InvoiceboxAccount,
  ) {
    this.#ledger = new Ledger(createPool(databaseUrl, poolSize, createLog('rival', 'warn')));
  }

  async readAndQuote({ key, invoiceId }: Order): Promise<Price> {
    const at = Date.now();
    const answer = await this.#client.readInvoice(this.account, invoiceId);
    if (answer.kind !== 'invoice') throw new Error(`The invoice was not read: ${answer.kind}`);
    const payable = payabilityOf(factsOf(answer.invoice), ['RUB'], at);
    if (payable.kind !== 'payable') throw new Error(`The invoice is ${payable.kind}`);
    const price = priceInPoints(payable.amountMinor, rate);
    if (!price.ok) throw new Error(price.problem);
    const { points } = price;
    const quoted = await this.#ledger.quote(
      key,
      storedRead(answer.invoice),
      { points, pricedAt: at },
      Date.now() - at,
      at,
    );
    if (quoted.outcome !== 'quoted') throw new Error(`Not quoted: ${quoted.outcome}`);
    return { amountMinor: payable.amountMinor, currency: payable.currency, points };
  }

  async hold({ key }: Order, confirmation: Confirmation): Promise<void> {
    const held = await this.#ledger.hold(key, confirmation, Date.now());
    if (held.outcome !== 'held' && held.outcome !== 'already_held') throw new Error(`Not held: ${held.outcome}`);
  }

  /** Recorded in the ledger before its first byte, and its answer after. */
  async confirm({ key, invoiceId }: Order): Promise<Pivot> {
    const allowed = await this.#ledger.beginAttempt(key, `${key.paymentId}/1`, false, freshnessMs, Date.now());
    if (allowed.outcome !== 'go') throw new Error(`No leave to confirm: ${allowed.outcome}`);
    const { n, ambiguousBefore } = allowed;
    const answer = await this.#client.confirmInvoice(this.account, invoiceId, key.paymentId);
    const meaning = meaningOf(answer, key.paymentId, ambiguousBefore);
    if (meaning.kind !== 'paid') throw new Error(`Not paid: ${meaning.code}`);
    const { transactionId, code } = meaning;
    const requestId = answer.requestId ?? null;
    await this.#ledger.endAttempt(
      key,
      n,
      { class: attemptClassOf(meaning), code, message: null, requestId, flag: null, transactionId },
      Date.now(),
    );
    return { n, transactionId, requestId };
  }

  async capture({ key }: Order, { n, transactionId, requestId }: Pivot): Promise<void> {
    const captured = await this.#ledger.capture(key, n, transactionId, requestId, Date.now());
    if (captured.outcome !== 'captured') throw new Error(`Not captured: ${captured.outcome}`);
  }
}

/** Of the environment that the bench gives to each. */
export function given(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not given: npm run bench -- rivals`);
  return value;
}

export const stepsFromEnvironment = (): Steps =>
  new Steps(given('DATABASE_URL'), { baseUrl: given('TWIN_URL'), prefix: '/v3', token: given('TWIN_TOKEN') });
