import { z } from 'zod';
import { amountMinor, invoiceId } from './events.js';
import type { Invoicebox } from './invoicebox.js';
import { type Answer, errorBody } from './v3/answer.js';

// Trouble arranged for the next calls of an invoice. A new kind of fault is one schema and one case below.

const MAX_FAULTS = 10_000;
const MAX_DELAY_MS = 600_000;

const target = {
  invoiceId,
  operation: z.enum(['read', 'confirm']),
  /** How many calls it strikes before the next fault of that invoice and operation has its turn. */
  times: z.int().min(1).max(1_000_000).default(1),
};
const code = z.string().min(1).max(100);
const message = z.string().max(1_000);
/** Sent as the Retry-After header, as is. */
const retryAfter = z.string().max(100).optional();

export const faultBody = z.discriminatedUnion('kind', [
  /** Waits, then acts normally, even if the client has gone. */
  z.strictObject({ ...target, kind: z.literal('delay'), delayMs: z.int().min(0).max(MAX_DELAY_MS) }),
  /** Answers without acting. A 2xx is the refusal of the sister calls: `data.result` carries the code. */
  z.strictObject({
    ...target,
    kind: z.literal('refuse'),
    status: z.int().min(200).max(499).default(422),
    code: code.default('validation'),
    message: message.default('Отказано'),
    retryAfter,
  }),
  /** Breaks down before acting. Invoicebox's 5xx come without a code, usually. */
  z.strictObject({
    ...target,
    kind: z.literal('error_before'),
    status: z.int().min(500).max(599).default(503),
    code: code.optional(),
    message: message.default('Внутренняя ошибка сервера'),
    retryAfter,
  }),
  /** Acts, books included, then destroys the connection without a byte of an answer. */
  z.strictObject({ ...target, kind: z.literal('cut_after') }),
  /** Acts and answers; right after that the merchant changes the amount. */
  z.strictObject({ ...target, kind: z.literal('edit_after'), amountMinor }),
  /** Acts and answers; right after that the buyer pays by card in another window. */
  z.strictObject({ ...target, kind: z.literal('pay_elsewhere_after') }),
]);

export type Fault = z.infer<typeof faultBody>;
export type FaultyOperation = Fault['operation'];

export type Reply =
  { readonly kind: 'answer'; readonly answer: Answer } | { readonly kind: 'cut'; readonly answer: Answer };

/** Faults in waiting: first in, first out, for each invoice and operation. */
export class Faults {
  readonly #queues = new Map<string, Fault[]>();

  /** False when too many are waiting already. */
  arrange(fault: Fault): boolean {
    if (this.list().length >= MAX_FAULTS) return false;
    const key = queueKey(fault.operation, fault.invoiceId);
    this.#queues.set(key, [...(this.#queues.get(key) ?? []), fault]);
    return true;
  }

  /** The fault that strikes this call, if any; one call meets one fault. */
  take(operation: FaultyOperation, invoice: string): Fault | undefined {
    const key = queueKey(operation, invoice);
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
  readonly wait: (delayMs: number) => Promise<void>;
  readonly invoicebox: Invoicebox;
}

export async function performUnderFault({ fault, act, wait, invoicebox }: FaultyCall): Promise<Reply> {
  if (!fault) return { kind: 'answer', answer: act() };
  switch (fault.kind) {
    case 'delay':
      await wait(fault.delayMs);
      return { kind: 'answer', answer: act() };
    case 'refuse':
      return {
        kind: 'answer',
        answer: {
          status: fault.status,
          body:
            fault.status < 300
              ? { data: { type: 'message', result: fault.code, resultData: { message: { message: fault.message } } } }
              : errorBody(fault.code, fault.message),
          effect: 'refused',
          ...retryAfterHeader(fault.retryAfter),
        },
      };
    case 'error_before':
      return {
        kind: 'answer',
        answer: {
          status: fault.status,
          body: errorBody(fault.code, fault.message),
          effect: 'none',
          ...retryAfterHeader(fault.retryAfter),
        },
      };
    case 'cut_after':
      return { kind: 'cut', answer: act() };
    case 'edit_after': {
      const answer = act();
      invoicebox.editInvoice(fault.invoiceId, { amountMinor: fault.amountMinor });
      return { kind: 'answer', answer };
    }
    case 'pay_elsewhere_after': {
      const answer = act();
      if (invoicebox.books.invoice(fault.invoiceId)?.status === 'pending') invoicebox.payElsewhere(fault.invoiceId);
      return { kind: 'answer', answer };
    }
  }
}

function queueKey(operation: FaultyOperation, invoice: string): string {
  return `${operation} ${invoice}`;
}

function retryAfterHeader(value: string | undefined): { headers?: Record<string, string> } {
  return value === undefined ? {} : { headers: { 'Retry-After': value } };
}
