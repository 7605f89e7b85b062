/** What an operator can do with a payment as it stands: nothing that its workflow or the ledger would not do. */
import { v7 as uuidv7 } from 'uuid';
import { mayConfirmAfter } from '../../../domain/proof.js';
import type { FormContext } from '../desk.js';
import { ActionForm, Evidence, Field } from '../fields.js';
import { reviewReasonOf, type ShownPayment } from './paymentReads.js';

export const probeReasons = [
  ['buyer_waits', 'The buyer or the partner waits'],
  ['invoicebox_recovered', 'Invoicebox works again'],
  ['cause_mended', 'What kept it from going on is mended'],
  ['other', 'Another one, see the comment'],
] as const;
export const resolveReasons = [
  ['statement', 'The fund’s statement says so'],
  ['invoicebox_case', 'Invoicebox has answered a case'],
  ['merchant', 'The merchant has proven it'],
  ['other', 'Another one, see the comment'],
] as const;

const outcomes = [
  ['paid', 'Paid by us: capture the points and draw the fund, under the transaction named below'],
  ['paid_elsewhere', 'Paid by somebody else, which the reference proves: give back what is held'],
  ['not_paid', 'Not paid by anybody: give back what is held. Refused while the invoice reads paid'],
] as const;

export const canProbe = ({ state }: Pick<ShownPayment, 'state'>): boolean =>
  state === 'unknown' || state === 'in_review';
export const canConfirmAgain = (payment: ShownPayment): boolean =>
  canProbe(payment) && mayConfirmAfter(reviewReasonOf(payment), payment.released) !== 'never';
export const canRetry = (payment: ShownPayment): boolean => reviewReasonOf(payment) === 'ledger_refused';

export function PaymentActions({ payment, forms }: { payment: ShownPayment; forms: FormContext }) {
  if (!canProbe(payment)) return null;
  const to = (action: string) => `/console/payments/${payment.id}/${action}`;
  const { version } = payment;
  return (
    <section aria-labelledby="actions">
      <h2 id="actions">What you can do</h2>
      <ActionForm
        forms={forms}
        action={to('probe')}
        confirm="Read the invoice at Invoicebox now? That changes nothing by itself; what it proves is done."
        submit="Probe now"
      >
        <p class="wide">Reads the invoice at once, besides the schedule. Safe at any time.</p>
      </ActionForm>
      {canRetry(payment) && (
        <details>
          <summary>Try the refused step again</summary>
          <ActionForm
            forms={forms}
            action={to('retry')}
            confirm="Try the step that the ledger refused again? It captures or gives back what Invoicebox’s answers prove."
            submit="Try again"
            hidden={{ version }}
            needsFresh
          >
            <Evidence reasons={probeReasons} />
          </ActionForm>
        </details>
      )}
      {canConfirmAgain(payment) && (
        <details>
          <summary>Confirm again, with the same operation id</summary>
          <ActionForm
            forms={forms}
            action={to('confirm-again')}
            confirm="Ask for the confirm to be repeated as soon as what is read allows it? Points and fund may be taken by it."
            submit="Confirm again"
            hidden={{ version }}
            needsFresh
          >
            <p class="wide">
              Invoicebox does an operation id once. It is repeated only where two reads say that nobody has paid and the
              call before is over, or where the invoice reads paid: no sooner than by itself, but without waiting for
              the schedule.
            </p>
            <Evidence reasons={probeReasons} />
          </ActionForm>
        </details>
      )}
      {payment.state === 'in_review' && (
        <details>
          <summary>Resolve it, with evidence</summary>
          <ActionForm
            forms={forms}
            action={to('resolve')}
            confirm="Resolve this payment as you have chosen? It moves money and points, and cannot be taken back by a click."
            submit="Resolve"
            hidden={{ version, resolution: uuidv7() }}
            needsFresh
            danger
          >
            <fieldset class="wide">
              <legend>What is true</legend>
              {outcomes.map(([outcome, words]) => (
                <label key={outcome} class="option">
                  <input type="radio" name="outcome" value={outcome} required /> <span>{words}</span>
                </label>
              ))}
            </fieldset>
            <Field
              name="transaction"
              label="Transaction at Invoicebox"
              most={36}
              hint="Of “paid by us” alone, as the statement names it."
            />
            <Evidence reasons={resolveReasons} />
            <p class="wide">The invoice is read once more before anything is done, and what it says is shown to you.</p>
          </ActionForm>
        </details>
      )}
    </section>
  );
}
