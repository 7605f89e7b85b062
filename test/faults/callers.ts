/** A good partner's backend: it retries under the same Idempotency-Key, asks again, and remembers all that it was told. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { wishHash } from '../../src/api/idempotency.js';
import type { Purchase } from './purchase.js';
import type { Watch } from './watch.js';

export const finalStates: readonly string[] = ['paid', 'declined', 'expired', 'cancelled'];
const answerWithinMs = 15_000;
/** A wish is repeated for so long; then its outcome is asked for instead. */
const repeatForMs = 45_000;
const firstPollMs = 200;
const slowestPollMs = 1_500;
/** Still waiting for the buyer so long after he has pressed: his press was lost, and he presses again. */
const pressAgainAfterMs = 3_000;

interface PaymentBody {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly points: number;
  readonly invoice: { readonly amountMinor: number; readonly currency: string };
  readonly returnedMinor: number;
  readonly returnedPoints: number;
}

interface ReturnBody {
  readonly id: string;
  readonly state: string;
}

interface Answer {
  /** 0: no answer came. */
  readonly status: number;
  readonly body: Partial<PaymentBody> & {
    readonly code?: string;
    readonly payment?: PaymentBody;
    readonly approvalId?: string | null;
  };
}

export interface ApiAddress {
  apiUrl(index: number): string;
}

export class Caller {
  #turn: number;
  #lastPress = 0;

  constructor(
    private readonly apis: ApiAddress,
    private readonly watch: Watch,
    readonly purchase: Purchase,
    /** When it gives up asking; `performance.now()`. */
    private deadline: number,
  ) {
    this.#turn = purchase.planned.api;
  }

  get isOutOfTime(): boolean {
    return performance.now() > this.deadline;
  }

  /** Something new begins, with patience of its own. */
  takeTime(patienceMs: number): void {
    this.deadline = performance.now() + patienceMs;
  }

  /** Opens the payment. @returns whether there is one to go on with */
  async open(): Promise<boolean> {
    const { purchase } = this;
    const { tenant, invoiceId } = purchase;
    purchase.stage = 'opening';
    const key = randomUUID();
    const route = 'POST /v1/payments';
    this.watch.nameByHash(wishHash({ actorId: tenant.apiKeyId, route, key }), purchase.trail);
    const body = { scheme: tenant.scheme, invoiceId };
    for (;;) {
      const { status, body: said } = await this.#until(() => this.#post('/v1/payments', body, key), this.deadline);
      if (said.id !== undefined) {
        purchase.paymentId = said.id;
        return true;
      }
      if (status === 404 || this.isOutOfTime) return false;
      // The partner is flagged: its operator looks into it, and the caller asks again.
      await pause(firstPollMs);
    }
  }

  /** The buyer says: pay what I saw. @returns the answer's status, 0 where none came in time */
  async confirm(
    options: { seen?: PaymentSeen; key?: string; member?: string; within?: number } = {},
  ): Promise<{ status: number; code: string | undefined }> {
    const { purchase } = this;
    const seen = options.seen ?? (await this.see());
    if (seen === null) return { status: 0, code: undefined };
    purchase.stage = 'confirming';
    const body = { memberExternalId: options.member ?? purchase.member.externalId, seen };
    const key = options.key ?? randomUUID();
    const answer = await this.#until(
      () => this.#post(`/v1/payments/${purchase.paymentId ?? ''}/confirm`, body, key),
      Math.min(this.deadline, performance.now() + (options.within ?? repeatForMs)),
    );
    this.#lastPress = performance.now();
    return { status: answer.status, code: answer.body.code };
  }

  async cancel(): Promise<number> {
    this.purchase.stage = 'cancelling';
    const path = `/v1/payments/${this.purchase.paymentId ?? ''}/cancel`;
    const key = randomUUID();
    return (await this.#until(() => this.#post(path, {}, key), this.deadline)).status;
  }

  /** One press, whatever comes of it. */
  press(verb: 'confirm' | 'cancel', key: string, seen: PaymentSeen): Promise<Answer> {
    const { member, paymentId } = this.purchase;
    const body = verb === 'confirm' ? { memberExternalId: member.externalId, seen } : {};
    return this.#post(`/v1/payments/${paymentId ?? ''}/${verb}`, body, key);
  }

  /** Asks for something of the payment, until it is answered. */
  ask(what: 'returns', wish: object, key: string): Promise<Answer> {
    return this.#until(
      () => this.#post(`/v1/payments/${this.purchase.paymentId ?? ''}/${what}`, wish, key),
      this.deadline,
    );
  }

  /** Another person approves. */
  async approve(approvalId: string): Promise<void> {
    const key = randomUUID();
    const { secondKey } = this.purchase.tenant;
    const body = { version: 1, reason: 'the fault run' };
    const path = `/v1/approvals/${approvalId}/approve`;
    const { status, body: said } = await this.#until(
      () => this.#send('POST', path, body, key, secondKey),
      this.deadline,
    );
    if (status !== 200 && !this.isOutOfTime)
      this.purchase.complaints.push(`an approval was answered ${status} ${said.code ?? ''}`);
  }

  async returns(): Promise<readonly ReturnBody[]> {
    const { body } = await this.#send('GET', `/v1/payments/${this.purchase.paymentId ?? ''}/returns`);
    return (body as { readonly data?: readonly ReturnBody[] }).data ?? [];
  }

  /** What statements are about that name this id. */
  willBeNamed(id: string): void {
    this.watch.nameById(id, this.purchase.trail);
  }

  /** What the buyer sees now: null once there is nothing to confirm. */
  async see(): Promise<PaymentSeen | null> {
    const payment = await this.untilState((state) => state !== 'opening');
    if (payment?.state !== 'awaiting_confirmation') return null;
    const { invoice, points } = payment;
    return { amountMinor: invoice.amountMinor, currency: invoice.currency, points };
  }

  async untilState(isIt: (state: string) => boolean): Promise<PaymentBody | null> {
    for (let waitMs = firstPollMs; !this.isOutOfTime; waitMs = Math.min(slowestPollMs, waitMs * 1.3)) {
      const payment = await this.read();
      if (payment !== null && isIt(payment.state)) return payment;
      await pause(waitMs);
    }
    return null;
  }

  async read(): Promise<PaymentBody | null> {
    const { body } = await this.#send('GET', `/v1/payments/${this.purchase.paymentId ?? ''}`);
    return isPayment(body) ? body : null;
  }

  /**
   * Asks until the payment is at its end or a person is asked. Meanwhile does what a buyer does: pays the new price when
   * the old one is gone, presses again when his press was lost, gives up when he can't afford it.
   */
  async follow(whenAskedAgain: 'presses' | 'cancels' | 'waits' = 'presses'): Promise<void> {
    const { purchase } = this;
    for (let waitMs = firstPollMs; !this.isOutOfTime; waitMs = Math.min(slowestPollMs, waitMs * 1.3)) {
      const payment = await this.read();
      purchase.stage = `following ${payment?.state ?? 'nothing'}`;
      if (payment !== null && (finalStates.includes(payment.state) || payment.state === 'in_review')) return;
      if (payment?.state === 'awaiting_confirmation') {
        const { reason } = payment;
        const cannotPay = reason === 'insufficient_points' || reason === 'insufficient_fund';
        if (cannotPay || whenAskedAgain === 'cancels') await this.cancel();
        else if (whenAskedAgain === 'presses' && performance.now() > this.#lastPress + pressAgainAfterMs) {
          await this.confirm({ within: answerWithinMs });
        }
      }
      await pause(waitMs);
    }
  }

  /** Repeats what was not answered for certain, under the same key. */
  async #until(ask: () => Promise<Answer>, deadline: number): Promise<Answer> {
    for (;;) {
      const answer = await ask();
      const again =
        answer.status === 0 ||
        answer.status >= 500 ||
        answer.status === 429 ||
        answer.body.code === 'idempotency_in_flight';
      if (!again || performance.now() > deadline) return answer;
      await pause(firstPollMs);
    }
  }

  #post(path: string, body: unknown, key: string): Promise<Answer> {
    return this.#send('POST', path, body, key);
  }

  async #send(
    method: string,
    path: string,
    body?: unknown,
    key?: string,
    apiKey = this.purchase.tenant.apiKey,
  ): Promise<Answer> {
    const url = this.apis.apiUrl(this.#turn++) + path;
    try {
      const response = await fetch(url, {
        method,
        signal: AbortSignal.timeout(answerWithinMs),
        headers: {
          authorization: `Bearer ${apiKey}`,
          ...(key === undefined ? {} : { 'content-type': 'application/json', 'idempotency-key': key }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const said = JSON.parse(await response.text()) as Answer['body'];
      this.#note(said.payment ?? said);
      return { status: response.status, body: said };
    } catch {
      // Nobody there, the connection cut, no answer in time: the outcome is not known.
      return { status: 0, body: {} };
    }
  }

  #note(said: Answer['body']): void {
    if (!isPayment(said)) return;
    this.purchase.told.push({ at: performance.now(), state: said.state, reason: said.reason });
  }
}

export interface PaymentSeen {
  readonly amountMinor: number;
  readonly currency: string;
  readonly points: number;
}

function isPayment(body: Answer['body']): body is PaymentBody {
  return body.id !== undefined && body.state !== undefined && body.invoice !== undefined;
}
