/** What an operator may do about a fund; each form carries what the page showed. */
import type { FundChange } from '../../../domain/approval.js';
import { decimalString } from '../../../domain/money.js';
import type { FundMirror } from '../../../ledger/fund.js';
import type { ConsolePartner, FormContext } from '../desk.js';
import { ActionForm, Evidence, Field } from '../fields.js';
import { money } from '../values.js';

export const changeReasons = {
  deposit: [
    ['bill_paid', 'The bill is paid'],
    ['statement_seen', 'Invoicebox’s statement says so'],
    ['other', 'Other'],
  ],
  repayment: [
    ['bill_paid', 'The bill is paid'],
    ['statement_seen', 'Invoicebox’s statement says so'],
    ['other', 'Other'],
  ],
  correction: [
    ['statement_differs', 'Invoicebox’s statement says otherwise'],
    ['fee', 'A fee'],
    ['booked_wrongly', 'It was booked wrongly'],
    ['other', 'Other'],
  ],
} as const satisfies Record<FundChange, readonly (readonly [string, string])[]>;

export const clearReasons = [
  ['balances_agree', 'Invoicebox’s balance and ours agree'],
  ['corrected', 'What was missing is booked'],
  ['other', 'Other'],
] as const;

export const markReasons = [
  ['pace_changed', 'More or less is drawn than before'],
  ['agreed', 'The partner wants it so'],
  ['other', 'Other'],
] as const;

const changes: readonly {
  readonly kind: FundChange;
  readonly title: string;
  readonly submit: string;
  readonly hint: string;
}[] = [
  { kind: 'deposit', title: 'Record a deposit', submit: 'Ask for the deposit', hint: 'Reference: the bill’s number' },
  {
    kind: 'repayment',
    title: 'Record a repayment',
    submit: 'Ask for the repayment',
    hint: 'Of the contract’s older form, in which the fund is security. Reference: the bill’s number',
  },
  {
    kind: 'correction',
    title: 'Correct the mirror',
    submit: 'Ask for the correction',
    hint: 'Below zero: the fund has less than our books say',
  },
];

export function FundForms({ partner, fund, forms }: { partner: ConsolePartner; fund: FundMirror; forms: FormContext }) {
  const { slug } = partner;
  const { currency } = fund;
  return (
    <>
      {fund.doubtedAt !== null && (
        <details class="act" open>
          <summary>Say that somebody has looked, and clear the doubt</summary>
          <ActionForm
            forms={forms}
            action="/console/fund/doubt/clear"
            confirm="Clear the doubt? Payments can be opened again."
            submit="Clear the doubt"
            needsFresh
            hidden={{ partner: slug, version: Date.parse(fund.doubtedAt) }}
          >
            <Evidence reasons={clearReasons} />
          </ActionForm>
        </details>
      )}
      {changes.map(({ kind, title, submit, hint }) => (
        <details key={kind} class="act">
          <summary>{title}</summary>
          <p>
            <small>{hint}. It is booked when a second person approves, once by its reference.</small>
          </p>
          <ActionForm
            forms={forms}
            action="/console/fund/changes"
            confirm={`${submit}? ${partner.name.slice(0, 60)}, ${currency}.`}
            submit={submit}
            needsFresh
            hidden={{ partner: slug, currency, kind, version: fund.sizeMinor }}
          >
            <Field
              name="amount"
              label={`Amount, ${currency}`}
              required
              most={30}
              hint={`As ${decimalString(123_450, currency)}`}
            />
            <Evidence reasons={changeReasons[kind]} />
          </ActionForm>
        </details>
      ))}
      <details class="act">
        <summary>Set the low-water mark</summary>
        <ActionForm
          forms={forms}
          action="/console/fund/low-water"
          confirm={`Set the mark of ${partner.name.slice(0, 60)}, ${currency}? Below it fund.low is told.`}
          submit="Set the mark"
          hidden={{ partner: slug, currency, version: fund.lowWaterMinor ?? 'none' }}
        >
          <Field
            name="amount"
            label={`Mark, ${currency}`}
            most={30}
            value={fund.lowWaterMinor === null ? '' : decimalString(fund.lowWaterMinor, currency)}
            hint={`Empty: none. Available: ${money(fund.availableMinor, currency)}`}
          />
          <Evidence reasons={markReasons} />
        </ActionForm>
      </details>
    </>
  );
}
