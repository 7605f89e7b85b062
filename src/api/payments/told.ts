/** How a payment stands after something was said to it, and what that means for who said it. */
import { isFinal, type PaymentState } from '../../domain/payment.js';
import type { PaymentEntity } from '../../database/entities/payment.js';
import type { ApiAnswer } from '../answer.js';
import { Problem } from '../problem.js';
import { paymentJson } from './paymentJson.js';

export type Verb = 'confirm' | 'cancel' | 'refuse';

/** How a payment stands, as an answer and in parts. */
export interface Told {
  readonly answer: ApiAnswer;
  readonly state: PaymentState;
  readonly reason: string | null;
  readonly confirmationId: string | null;
  readonly body: object;
}

/** 202 while it moves by itself. */
export function toldOf(payment: PaymentEntity): Told {
  const body = paymentJson(payment);
  const { id, state, reason, confirmation } = payment;
  const moves = state === 'opening' || state === 'settling' || state === 'unknown' || state === 'in_review';
  const headers = { Location: `/v1/payments/${id}` };
  return {
    answer: { status: moves ? 202 : 200, body, headers },
    state,
    reason,
    confirmationId: confirmation?.confirmationId ?? null,
    body,
  };
}

/** Whether a payment now stands where the verb was to bring it. */
export function came(verb: Verb, state: PaymentState): boolean {
  switch (verb) {
    case 'cancel':
      return state === 'cancelled';
    case 'refuse':
      return state === 'declined';
    case 'confirm':
      return (
        state !== 'awaiting_confirmation' && state !== 'awaiting_approval' && (!isFinal(state) || state === 'paid')
      );
  }
}

export function conflict(told: Told, refusal?: string): Problem {
  const extensions = { refusal: refusal ?? told.reason ?? told.state, payment: told.body };
  return new Problem('conflict', 'The true state of the payment is given.', extensions, {}, isFinal(told.state));
}
