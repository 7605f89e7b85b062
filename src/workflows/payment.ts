/** What a payment's workflow knows between two steps, and how it tells the world. The ledger, not this, decides what is undone. */
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { isFinal, type Confirmation, type PaymentState, type Quote } from '../domain/payment.js';
import { searchAttributes, type OpenPayment, type PaymentAnswer } from './messages.js';

export interface Payment {
  readonly partnerId: string;
  readonly paymentId: string;
  readonly epoch: number;
  readonly invoiceId: string;
  readonly policy: OpenPayment['policy'];
  state: PaymentState;
  reason: string | null;
  /** The last price that was read; null until the first. */
  quote: Quote | null;
  /** The sum that was confirmed and held; later reads may say another. */
  held: Confirmation['seen'] | null;
  /** A person has given back what was held, while the payment is still live. */
  released: boolean;
  /** How many pivot calls this run has ordered. */
  orders: number;
}

export function beginPayment(input: OpenPayment): Payment {
  return { ...input, state: 'opening', reason: null, quote: null, held: null, released: false, orders: 0 };
}

export const keyOf = ({ partnerId, paymentId, epoch }: Payment) => ({ partnerId, paymentId, epoch });
export const answerOf = ({ state, reason }: Payment): PaymentAnswer => ({ state, reason });

/** Moves on without telling the index: for states that last milliseconds (an upsert costs an event). */
export function moveTo(payment: Payment, state: PaymentState, reason: string | null = null): void {
  payment.state = state;
  payment.reason = reason;
}

/** Moves on to a state that lasts: searchable in the Temporal UI. */
export function settleInto(payment: Payment, state: PaymentState, reason: string | null = null): void {
  moveTo(payment, state, reason);
  upsertSearchAttributes([
    { key: searchAttributes.paymentState, value: state },
    ...(state === 'in_review' ? [{ key: searchAttributes.reviewReason, value: reason ?? 'unproven' }] : []),
  ]);
  if (isFinal(state)) explain(payment, reason === null ? 'It is over.' : `It is over (${reason}).`, 'Nothing to do.');
}

/** Says in the Temporal UI, in words, what the payment waits for and what an operator can do. Costs no event. */
export function explain(payment: Payment, waitsFor: string, operatorCan: string): void {
  setCurrentDetails(`**${payment.state}** · ${waitsFor}\n\n${operatorCan}`);
}
