import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { amountMinor, currency, invoiceId } from './events.js';
import type { Invoicebox } from './invoicebox.js';
import type { Effect } from './requestLog.js';
import { type Answer, errorBody } from './v3/answer.js';
import { type GarbledBody, garbledBodies } from './v3/garbledBody.js';

// Trouble arranged for the next calls of an invoice. A new kind of fault is one schema and one case below.
// "Acts" is the call itself, books included: what Invoicebox has committed, whatever the caller is told of it.

const MAX_FAULTS = 10_000;
const MAX_DELAY_MS = 600_000;

export const faultTarget = z.strictObject({ invoiceId, operation: z.enum(['read', 'confirm']) });
const target = {
  ...faultTarget.shape,
  /** How many calls it strikes before the next fault of that invoice and operation has its turn. */
  times: z.int().min(1).max(1_000_000).default(1),
};
const code = z.string().min(1).max(100);
const message = z.string().max(1_000);
/** Sent as the Retry-After header, as is; absent: no such header. */
const retryAfter = z.string().max(100).optional();
const delayMs = z.int().min(0).max(MAX_DELAY_MS).default(1_000);
/** Invoicebox's 5xx come without a code, usually. */
const breakdown = {
  status: z.int().min(500).max(599).default(503),
  code: code.optional(),
  message: message.default('Внутренняя ошибка сервера'),
  retryAfter,
};
/** Whether the call acts before its answer goes wrong. */
const acts = z.boolean();

export const faultBody = z.discriminatedUnion('kind', [
  /** Waits, then acts and answers, even if the client has gone. */
  z.strictObject({ ...target, kind: z.literal('delay'), delayMs }),
  /** Acts at once, waits, then answers. */
  z.strictObject({ ...target, kind: z.literal('delay_after'), delayMs }),
  /** Stops before or after acting until POST /control/resume; then it goes on, even if the client has gone. */
  z.strictObject({ ...target, kind: z.literal('pause'), when: z.enum(['before', 'after']) }),
  /** Answers without acting. A 2xx is the refusal of the sister calls: `data.result` carries the code. */
  z.strictObject({
    ...target,
    kind: z.literal('refuse'),
    status: z.int().min(200).max(499).default(422),
    code: code.default('validation'),
    message: message.default('Отказано'),
    retryAfter,
  }),
  /** Breaks down before acting. */
  z.strictObject({ ...target, kind: z.literal('error_before'), ...breakdown }),
  /** Acts, then breaks down: the answer is a 5xx all the same. */
  z.strictObject({ ...target, kind: z.literal('error_after'), ...breakdown }),
  /** Destroys the connection without acting, and without a byte of an answer. */
  z.strictObject({ ...target, kind: z.literal('cut_before') }),
  /** Acts, then destroys the connection without a byte of an answer. */
  z.strictObject({ ...target, kind: z.literal('cut_after') }),
  /** Answers 200 with a body that nobody can use. */
  z.strictObject({ ...target, kind: z.literal('garbled'), acts, body: z.enum(garbledBodies) }),
  /** Answers a success that echoes another operation's id, with a transaction that the books do not know. */
  z.strictObject({ ...target, operation: z.literal('confirm'), kind: z.literal('wrong_operation_id'), acts }),
  /** Answers a success that echoes the caller's operation id, but has no `data.id`. */
  z.strictObject({ ...target, operation: z.literal('confirm'), kind: z.literal('no_transaction_id'), acts }),
  /** Acts and answers; right after that the merchant changes the amount, the currency or both. */
  z
    .strictObject({
      ...target,
      kind: z.literal('edit_after'),
      amountMinor: amountMinor.optional(),
      currency: currency.optional(),
    })
    .refine((edit) => edit.amountMinor !== undefined || edit.currency !== undefined, 'amountMinor, currency or both'),
  /** Acts and answers; right after that the merchant cancels the invoice, unless it is paid. */
  z.strictObject({ ...target, kind: z.literal('cancel_after') }),
  /** Acts and answers; right after that the invoice's expiry is a second ago. */
  z.strictObject({ ...target, kind: z.literal('expire_after') }),
  /** Acts and answers; right after that the buyer pays by card in another window. */
  z.strictObject({ ...target, kind: z.literal('pay_elsewhere_after') }),
]);

export type Fault = z.infer<typeof faultBody>;
/** The calls that a fault is for, and that queues and pauses are kept by. */
export type FaultTarget = z.infer<typeof faultTarget>;

/** What goes over the wire in the end. */
export type Reply =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'cut' }
  | { readonly kind: 'garbled'; readonly body: GarbledBody };

/** Faults in waiting: first in, first out, for each invoice and operation. */
export class Faults {
  readonly #queues = new Map<string, Fault[]>();

  /** False when too many are waiting already. */
  arrange(fault: Fault): boolean {
    if (this.list().length >= MAX_FAULTS) return false;
    const key = targetKey(fault);
    this.#queues.set(key, [...(this.#queues.get(key) ?? []), fault]);
    return true;
  }

  /** The fault that strikes this call, if any; one call meets one fault. */
  take(target: FaultTarget): Fault | undefined {
    const key = targetKey(target);
    const [first, ...later] = this.#queues.get(key) ?? [];
    if (!first) return undefined;
    const left = first.times > 1 ? [{ ...first, times: first.times - 1 }, ...later] : later;
    if (left.length > 0) this.#queues.set(key, left);
    else this.#queues.delete(key);
    return first;
  }

  list(): readonly Fault[] {
    return [...this.#queues.values()].flat();
  }

  clear(): void {
    this.#queues.clear();
  }
}

export interface FaultyCall {
  readonly fault: Fault | undefined;
  /** The call itself, books included; synchronous, so that nothing comes between deciding and writing. */
  readonly act: () => Answer;
  /** Rejects when the simulator closes: the call does not go on then. */
  readonly wait: (delayMs: number) => Promise<void>;
  readonly pause: (target: FaultTarget) => Promise<void>;
  /** As the caller gave it; undefined where it was none. */
  readonly partnerOperationId: string | undefined;
  readonly invoicebox: Invoicebox;
}

export async function performUnderFault(call: FaultyCall): Promise<Reply> {
  const { fault, act, wait, pause, partnerOperationId, invoicebox } = call;
  if (!fault) return answered(act());
  const { invoiceId: id } = fault;
  const actThen = (change: () => void): Reply => {
    const answer = act();
    change();
    return answered(answer);
  };
  switch (fault.kind) {
    case 'delay':
      await wait(fault.delayMs);
      return answered(act());
    case 'delay_after': {
      const answer = act();
      await wait(fault.delayMs);
      return answered(answer);
    }
    case 'pause': {
      if (fault.when === 'before') await pause(fault);
      const answer = act();
      if (fault.when === 'after') await pause(fault);
      return answered(answer);
    }
    case 'refuse':
      return answered({
        status: fault.status,
        body:
          fault.status < 300
            ? { data: { type: 'message', result: fault.code, resultData: { message: { message: fault.message } } } }
            : errorBody(fault.code, fault.message),
        effect: 'refused',
        ...retryAfterHeader(fault.retryAfter),
      });
    case 'error_before':
      return brokenDown(fault, 'none');
    case 'error_after':
      return brokenDown(fault, act().effect);
    case 'cut_before':
      return { kind: 'cut' };
    case 'cut_after':
      act();
      return { kind: 'cut' };
    case 'garbled':
      if (fault.acts) act();
      return { kind: 'garbled', body: fault.body };
    case 'wrong_operation_id':
      return confirmed({ partnerOperationId: randomUUID(), id: randomUUID() }, fault.acts ? act().effect : 'none');
    case 'no_transaction_id':
      return confirmed({ partnerOperationId }, fault.acts ? act().effect : 'none');
    case 'edit_after':
      return actThen(() => {
        invoicebox.editInvoice(id, {
          ...(fault.amountMinor !== undefined && { amountMinor: fault.amountMinor }),
          ...(fault.currency !== undefined && { currency: fault.currency }),
        });
      });
    case 'cancel_after':
      return actThen(() => {
        if (invoicebox.books.invoice(id)?.status !== 'paid') invoicebox.cancelInvoice(id);
      });
    case 'expire_after':
      return actThen(() => {
        invoicebox.editInvoice(id, { expiresAt: new Date(invoicebox.now().getTime() - 1_000).toISOString() });
      });
    case 'pay_elsewhere_after':
      return actThen(() => {
        if (invoicebox.books.invoice(id)?.status === 'pending') invoicebox.payElsewhere(id);
      });
  }
}

export function targetKey({ operation, invoiceId: id }: FaultTarget): string {
  return `${operation} ${id}`;
}

function answered(answer: Answer): Reply {
  return { kind: 'answer', answer };
}

function brokenDown(fault: Extract<Fault, { kind: 'error_before' | 'error_after' }>, effect: Effect): Reply {
  const { status, code, message, retryAfter } = fault;
  return answered({ status, body: errorBody(code, message), effect, ...retryAfterHeader(retryAfter) });
}

function confirmed(data: { partnerOperationId: string | undefined; id?: string }, effect: Effect): Reply {
  return answered({ status: 200, body: { data }, effect });
}

function retryAfterHeader(value: string | undefined): { headers?: Record<string, string> } {
  return value === undefined ? {} : { headers: { 'Retry-After': value } };
}
