/** How a payment stands after something was said to it, and what that means for who said it. */
import { isFinal, type PaymentState } from '../../domain/payment.js';
import type { ApiAnswer } from '../answer.js';
import { Problem } from '../problem.js';

export type Verb = 'confirm' | 'cancel' | 'refuse';

/** How a payment stands, as an answer and in parts. */
export interface Told {
  readonly answer: ApiAnswer;
  readonly state: PaymentState;
  readonly reason: string | null;
  readonly confirmationId: string | null;
  readonly body: object;
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
