/** What is asked for, in words. */
import type { ComponentChildren } from 'preact';
import { Count, Id, Money, None, plain, Said } from '../values.js';
import type { ApprovalRow } from './approvalReads.js';

const actions: Readonly<Record<string, string>> = {
  'fund.deposit': 'Book a deposit',
  'fund.repayment': 'Book a repayment',
  'fund.correction': 'Correct the fund’s mirror',
  'payment.return': 'Return a payment',
  'points.adjust': 'Adjust a member’s points',
};

/** One that came with a later release is told by its code. */
export const actionWords = (action: string): string => actions[action] ?? action;

const reasons: Readonly<Record<string, string>> = {
  reference_is_booked: 'something is booked under this reference already',
  not_enough_left: 'less is left of this credit than is to be taken back',
  member_is_erased: 'the member was erased',
  expiry_is_past: 'the day until which the points would count is past',
  no_such_credit: 'there is no such credit',
  no_such_member: 'there is no such member',
  more_than_paid: 'more would be returned than was paid',
  not_paid: 'the payment is not paid',
};

/** Why the ledger refuses to do it. */
export const refusalWords = (why: string): string => reasons[why] ?? why.replaceAll('_', ' ');

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const number = (value: unknown): number | null => (typeof value === 'number' ? value : null);

/** What will be done, exactly: each thing that the request names. */
export function wishOf({ action, subject, body, partnerSlug }: ApprovalRow): (readonly [string, ComponentChildren])[] {
  switch (action) {
    case 'fund.deposit':
    case 'fund.repayment':
    case 'fund.correction':
      return [
        [action === 'fund.correction' ? 'Moves the fund by' : 'Comes to the fund', amountOf(body)],
        ['Booked under', <Said text={subject} />],
        ['Fund', <a href={`/console/fund?partner=${partnerSlug}`}>as it stands now</a>],
      ];
    case 'payment.return':
      return [
        ['Returns', amountOf(body)],
        ['Restores the fund', body['fundRestored'] === true ? 'yes' : 'no'],
        ['Refund’s reference', <Said text={text(body['reference'])} />],
        ['Payment', <Id id={text(body['paymentId'])} under="/console/payments/" />],
      ];
    case 'points.adjust':
      return [
        [body['kind'] === 'credit' ? 'Credits points' : 'Takes points back', <Count value={number(body['points'])} />],
        ...(body['kind'] === 'credit'
          ? [['They count until', <Said text={text(body['expiresOn'])} />] as const]
          : [['Of the credit', <Said text={text(body['creditId'])} />] as const]),
        ['Booked under', <Said text={subject} />],
        ['Member', <Id id={text(body['memberId'])} under="/console/members/" />],
      ];
    default:
      return Object.entries(body).map(([name, value]) => [plain(name, 40), <Said text={JSON.stringify(value)} />]);
  }
}

function amountOf(body: ApprovalRow['body']) {
  return <Money amountMinor={number(body['amountMinor'])} currency={text(body['currency'])} />;
}

/** `operator olga`, `API key 0198…` */
export function Who({ who }: { who: { readonly kind: string; readonly id: string } | null }) {
  if (who === null) return <None />;
  return (
    <>
      {kinds[who.kind] ?? plain(who.kind, 40)} <Said text={who.id} most={80} />
    </>
  );
}

const kinds: Readonly<Record<string, string>> = { operator: 'operator', api_key: 'API key', saga: 'saga' };
