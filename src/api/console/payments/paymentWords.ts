/** What happened to a payment, and what a person can do about it, in words. */
import type { ReviewReason } from '../../../domain/payment.js';
import { count, money, plain } from '../values.js';
import type { ShownEvent } from './paymentReads.js';

type Body = ShownEvent['body'];

const fieldOf = (body: Body, name: string): string => {
  const value = body[name];
  return typeof value === 'string' ? plain(value, 100).replaceAll('_', ' ') : '';
};
const whoIn = (body: Body, name: string): string => {
  const actor = body[name];
  if (typeof actor !== 'object' || actor === null || !('kind' in actor) || !('id' in actor)) return '';
  return ` by ${actorWords({ kind: String(actor.kind), id: String(actor.id) })}`;
};
const sumIn = (body: Body): string => {
  const { amountMinor, currency, points } = body;
  const sum =
    typeof amountMinor === 'number' && typeof currency === 'string' ? money(amountMinor, plain(currency, 3)) : null;
  const price = typeof points === 'number' && points > 0 ? `${count(points)} points` : null;
  const both = [sum, price].filter((one) => one !== null).join(', ');
  return both === '' ? '' : `: ${both}`;
};
const because = (body: Body): string => {
  const reason = fieldOf(body, 'reason');
  return reason === '' ? '' : ` (${reason})`;
};

export const actorWords = ({ kind, id }: { readonly kind: string; readonly id: string }): string =>
  kind === 'saga' ? 'Surety' : `${kind.replaceAll('_', ' ')} ${plain(id, 60)}`;

/** Of each kind of event; a kind that a later release writes is told by its name. */
const told: Readonly<Record<string, (body: Body) => string>> = {
  'payment.opened': (body) => `Opened${whoIn(body, 'by')}`,
  'payment.awaiting_confirmation': (body) => `The invoice was read${sumIn(body)}. The buyer is asked`,
  'payment.awaiting_approval': (body) =>
    `The invoice was read${sumIn(body)}. An approver is asked: ${fieldOf(body, 'because')}`,
  'payment.requoted': (body) => `The invoice was read again, and has changed${sumIn(body)}`,
  'payment.returned_to_buyer': (body) => `Nothing is held any more; the buyer is asked again${because(body)}`,
  'payment.returned_to_approver': (body) => `The approver is asked again${because(body)}`,
  'payment.settling': (body) =>
    `Confirmed${whoIn(body, 'confirmedBy')}. Points are held, the fund is reserved, Invoicebox is asked`,
  'payment.unknown': () => 'It is not known whether Invoicebox has paid: the hold is frozen until it is proven',
  'payment.in_review': (body) => `A person is asked${because(body)}`,
  'payment.resumed': (body) => `A new run took over (epoch ${String(body['epoch'])})`,
  'payment.resolution': (body) => {
    const refused = fieldOf(body, 'refusedBecause');
    const asked = `A person said “${fieldOf(body, 'asked')}”${because(body)}`;
    return refused === '' ? `${asked}, and it was done` : `${asked}; it was refused: ${refused}`;
  },
  'payment.released': (body) => `What was held was given back; the invoice is still live${because(body)}`,
  'payment.paid': (body) => `Paid${sumIn(body)}. Points are captured, the fund is drawn`,
  'payment.declined': (body) => `Declined${because(body)}. Nothing is held`,
  'payment.expired': (body) => `Expired${because(body)}. Nothing is held`,
  'payment.cancelled': (body) => `Cancelled${whoIn(body, 'by')}${because(body)}. Nothing is held`,
  'payment.return_proposed': (body) => `A refund was found at Invoicebox${sumIn(body)}`,
  'payment.return_requested': (body) => `A return was asked for${whoIn(body, 'by')}${sumIn(body)}`,
  'payment.return_approved': (body) => `The return was approved${whoIn(body, 'by')}`,
  'payment.return_rejected': (body) => `The return was rejected${whoIn(body, 'by')}`,
  'payment.returned': (body) => `Returned${sumIn(body)}`,
};

export const eventWords = ({ type, body }: ShownEvent): string => told[type]?.(body) ?? plain(type, 60);

/** Why a person is asked, and what he should do. */
export const reviewAdvice: Readonly<Record<ReviewReason, string>> = {
  already_paid_after_unknown:
    'The invoice is paid, and Invoicebox does not say by whom: it may have been our first call. Look into the fund’s statement for this payment’s id. There: resolve as paid, with its transaction. Not there, and somebody else’s payment is proven: paid elsewhere.',
  changed_after_unknown:
    'After our call the invoice was changed, so it is not confirmed again. Look into the fund’s statement: what it took decides.',
  partial_after_unknown:
    'After our call the invoice reads partly paid, so it is not confirmed again. Look into the fund’s statement, and ask Invoicebox.',
  unproven: 'A day of reading has proven nothing. Ask Invoicebox about this operation id; it is read daily meanwhile.',
  ledger_refused:
    'The ledger refused a step that Invoicebox’s answer asks for. The log of the worker says why; once that is mended, try the step again.',
  hold_not_restored:
    'The ledger was restored from a backup, and the points that were held are not in it, so nothing is held. If the invoice turns out to be paid by us, you are told; the partner’s credits have to be sent again.',
  released_by_person:
    'A person gave back what was held. The payment stays until its invoice is cancelled or has expired; if it turns out to be paid by us, you are told.',
  paid_after_release:
    'What was held was given back, and then Invoicebox proved that we had paid. The fund is drawn; the points are the buyer’s. Resolve as paid, with the transaction shown, and settle the points with the partner.',
};

/** Why a resolution was refused, by the ledger (src/ledger/sql/payment_resolve.sql) or on the way to it. */
const refusals: Readonly<Record<string, string>> = {
  invoice_not_read: 'the invoice could not be read just now, and a decision rests on a read that is made for it',
  invoice_status_unknown: 'Invoicebox gave the invoice a status that is not known here',
  invoice_reads_paid: 'the invoice reads paid: what is held for it must not be given back',
  invoice_reads_not_paid: 'the invoice does not read paid',
  another_transaction_is_proven: 'another transaction is proven to have paid it',
  transaction_pays_another_payment: 'this transaction pays another payment',
  paid_by_us_is_proven: 'it is proven that we have paid it',
  too_soon_after_the_last_call: 'the last call to Invoicebox may still be under way; wait ten minutes after it',
  already_over: 'the payment came to its end meanwhile',
  ledger_refused: 'the ledger refused it; the log of the worker says why',
  not_waiting: 'somebody else is at it, or it is not in review any more',
  too_late: 'it took too long to reach the payment’s workflow',
  too_many_tries: 'it was asked for too often; the schedule goes on',
  busy: 'too many wait for this payment’s workflow; try again in a moment',
};
export const refusalWords = (why: string): string => refusals[why] ?? why.replaceAll('_', ' ');
