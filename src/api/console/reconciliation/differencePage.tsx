/** One difference: both sides beside each other, and what may be done. */
import { decimalString } from '../../../domain/money.js';
import type { Difference } from '../../../ledger/reconciliations.js';
import { Who } from '../approvals/approvalWords.js';
import type { FormContext } from '../desk.js';
import { ActionForm, Choice, Evidence, Field } from '../fields.js';
import { Facts } from '../tables.js';
import { Id, Money, plain, Said, State, When } from '../values.js';
import { PartnerName } from '../partnerParts.js';
import type { EntryRow } from '../fund/fundReads.js';
import type { OurPayment, PlacedDifference } from './differenceReads.js';
import { kindWords } from './reconciliationViews.js';

export const explainReasons = [
  ['under_way', 'It is under way'],
  ['fee', 'A fee'],
  ['agreed_with_partner', 'Agreed with the partner'],
  ['invoicebox_answered', 'Invoicebox has explained it'],
  ['other', 'Other'],
] as const;
export const correctReasons = [
  ['statement_right', 'The statement is right'],
  ['invoicebox_answered', 'Invoicebox has confirmed it'],
  ['other', 'Other'],
] as const;

/** What a page of it was made of: another sum or state is another thing to decide on. */
export const versionOf = ({ state, amountMinor, currency, reopened }: Difference): string =>
  [state, amountMinor, currency, reopened].join(' ');

export interface DifferencePageProps {
  readonly difference: Difference;
  readonly place: PlacedDifference;
  readonly entries: readonly EntryRow[];
  readonly payment: OurPayment | null;
  readonly mayAct: boolean;
  readonly forms: FormContext;
  readonly timeZone: string;
}

export function DifferencePage(props: DifferencePageProps) {
  const { difference, place, mayAct, timeZone } = props;
  return (
    <>
      <h2>{kindWords[difference.kind]}</h2>
      <Facts
        facts={[
          ['State', <State state={difference.state} />],
          ['Partner', <PartnerName name={place.partnerName} />],
          ['Amount', <Money {...difference} />],
          ['First seen', <When at={difference.firstSeenAt} timeZone={timeZone} />],
          ['Last seen', <When at={difference.lastSeenAt} timeZone={timeZone} />],
          ['Found again after it had ended', `${difference.reopened} times`],
        ]}
      />
      <div class="sides">
        <section aria-labelledby="ours">
          <h2 id="ours">Our books</h2>
          <Ours {...props} />
        </section>
        <section aria-labelledby="theirs">
          <h2 id="theirs">Invoicebox</h2>
          <Theirs {...props} />
        </section>
      </div>
      <h2>What was compared</h2>
      <Facts
        facts={Object.entries(difference.detail).map(([name, value]) => [
          plain(name, 60),
          <Said text={typeof value === 'string' ? value : JSON.stringify(value)} most={500} />,
        ])}
      />
      {difference.reason !== null && <Explained difference={difference} timeZone={timeZone} />}
      {place.correctionId !== null && (
        <p class="notice">
          A correction was asked for: <a href={`/console/approvals/${place.correctionId}`}>how it stands</a>.
        </p>
      )}
      {mayAct && difference.state !== 'closed' && <Actions {...props} />}
    </>
  );
}

const nothing = <p class="empty">Nothing.</p>;

function Ours({ entries, payment, difference, timeZone }: DifferencePageProps) {
  if (entries.length === 0 && payment === null) return nothing;
  return (
    <>
      {entries.map(({ id, at, kind, amountMinor, reference, paymentId }) => (
        <Facts
          key={id}
          facts={[
            ['Entry', kind.replaceAll('_', ' ')],
            ['Amount', <Money amountMinor={amountMinor} currency={difference.currency} />],
            ['When', <When at={at} timeZone={timeZone} />],
            ['Reference', <Said text={reference} />],
            ['Payment', <Id id={paymentId} under="/console/payments/" />],
          ]}
        />
      ))}
      {payment !== null && (
        <Facts
          facts={[
            ['Payment', <Id id={payment.id} under="/console/payments/" />],
            ['State', <State state={payment.state} />],
            ['Invoice', <Said text={payment.invoiceNumber} />],
            ['Amount', <Money amountMinor={payment.amountMinor} currency={payment.currency} />],
            ['Transaction', <Said text={payment.transactionId} />],
          ]}
        />
      )}
    </>
  );
}

function Theirs({ difference, payment, timeZone }: DifferencePageProps) {
  const { line } = difference;
  const checked = payment?.checkedStatus ?? null;
  if (line === null && checked === null) return nothing;
  return (
    <>
      {line !== null && (
        <Facts
          facts={[
            ['Line of the statement', line.line],
            ['Amount', <Money amountMinor={line.amountMinor} currency={line.currency} />],
            ['Day', line.day],
            ['When', <When at={line.at} timeZone={timeZone} />],
            ['Transaction', <Said text={line.transactionId} />],
            ['Operation', <Said text={line.operationId} />],
            ['Invoice', <Said text={line.invoiceNumber} />],
          ]}
        />
      )}
      {payment !== null && checked !== null && (
        <Facts
          facts={[
            ['The invoice reads', <State state={checked} />],
            ['Read', <When at={payment.checkedAt} timeZone={timeZone} />],
          ]}
        />
      )}
    </>
  );
}

function Explained({ difference, timeZone }: { difference: Difference; timeZone: string }) {
  const { reason, explainedBy, explainedAt, approvalId } = difference;
  return (
    <>
      <h2>What was said of it</h2>
      <Facts
        facts={[
          ['Reason', <Said text={reason} most={2_000} />],
          ['By', <Who who={explainedBy} />],
          ['When', <When at={explainedAt} timeZone={timeZone} />],
          ['Set right by', <Id id={approvalId} under="/console/approvals/" />],
        ]}
      />
    </>
  );
}

function Actions({ difference, place, forms }: DifferencePageProps) {
  const { id, kind, currency, amountMinor, line } = difference;
  const address = `/console/reconciliation/differences/${id}`;
  const version = versionOf(difference);
  // Ours alone: to be taken back. Otherwise the mirror follows the statement.
  const suggested = kind === 'ours_only' ? -amountMinor : amountMinor;
  return (
    <>
      <h2>Act</h2>
      <details class="act">
        <summary>Explain: no money moves</summary>
        <ActionForm
          forms={forms}
          action={`${address}/explain`}
          confirm="Explain this difference? It stays explained as long as it is found with the same sum."
          submit="Explain"
          hidden={{ version }}
        >
          <Evidence reasons={explainReasons} />
        </ActionForm>
      </details>
      <details class="act">
        <summary>Correct: book what sets it right, with a second person</summary>
        <ActionForm
          forms={forms}
          action={`${address}/correct`}
          confirm={`Ask for it? ${place.partnerName.slice(0, 60)}, ${currency}. A second person has to approve.`}
          submit="Ask for the correction"
          needsFresh
          hidden={{ version }}
        >
          <Choice
            name="kind"
            label="Book as"
            value="correction"
            all="choose …"
            options={[
              ['correction', 'Correction'],
              ['deposit', 'Deposit'],
              ['repayment', 'Repayment'],
            ]}
          />
          <Field
            name="amount"
            label={`Amount, ${currency}`}
            required
            most={30}
            value={decimalString(suggested, currency)}
            hint="Below zero: the fund has less than our books say"
          />
          <Field
            name="bookAs"
            label="Book under"
            required
            most={100}
            value={line?.transactionId ?? line?.invoiceNumber ?? ''}
            hint="The transaction or the bill: it is booked once by it, and the statement’s line is found by it"
          />
          <Evidence reasons={correctReasons} />
        </ActionForm>
      </details>
    </>
  );
}
