/** The pages of the guarantee funds. */
import type { FundMirror } from '../../../ledger/fund.js';
import type { Pause } from '../../../ledger/pauses.js';
import { actionWords } from '../approvals/approvalWords.js';
import { ChartScripts, type ChartData } from '../chart.js';
import type { ConsolePartner, FormContext } from '../desk.js';
import { addressOf, type Page } from '../paging.js';
import { Choice, Field, Filters } from '../fields.js';
import { Pages, Table } from '../tables.js';
import { ageOf, Id, money, Money, None, Said, State, When } from '../values.js';
import { PartnerChoice, PartnerName } from '../partnerParts.js';
import { FundChart, HeldChart, spans } from './fundChart.js';
import { FundForms } from './fundForms.js';
import { Paused, PauseForm } from './pauseForms.js';
import type { EntryRow, FundRow } from './fundReads.js';

export function FundsPage({
  page,
  partners,
  needsSomebody,
  pauses,
  mayPauseAll,
  forms,
  timeZone,
}: {
  page: Page<FundRow>;
  partners: readonly ConsolePartner[];
  needsSomebody: boolean;
  /** Of all partners. */
  pauses: readonly Pause[];
  mayPauseAll: boolean;
  forms: FormContext;
  timeZone: string;
}) {
  return (
    <>
      <Paused pauses={pauses} timeZone={timeZone} />
      <Filters action="/console/fund">
        <PartnerChoice partners={partners} value={undefined} />
        <Choice
          name="only"
          label="Show"
          value={needsSomebody ? 'low' : undefined}
          options={[['low', 'low or doubted']]}
        />
      </Filters>
      <div data-region="funds">
        <Table
          caption="Guarantee funds"
          rows={page.rows}
          keyOf={({ partnerId, currency }) => `${partnerId} ${currency}`}
          empty={needsSomebody ? 'No fund is low or doubted.' : 'No partner of yours has a fund.'}
          columns={[
            {
              title: 'Partner',
              cell: ({ slug, name, currency }) => (
                <a href={addressOf('/console/fund', { partner: slug, currency })}>
                  <PartnerName name={name} />
                </a>
              ),
            },
            { title: 'State', cell: (row) => <FundState doubtedAt={row.doubtedAt} isLow={row.isLow} /> },
            { title: 'Available', isNumber: true, cell: (row) => amountIn(row, row.availableMinor) },
            { title: 'Overdraft', isNumber: true, cell: (row) => amountIn(row, row.overdraftMinor) },
            { title: 'Size', isNumber: true, cell: (row) => amountIn(row, row.sizeMinor) },
            { title: 'Reserved', isNumber: true, cell: (row) => amountIn(row, row.reservedMinor) },
            { title: 'Drawn', isNumber: true, cell: (row) => amountIn(row, row.drawnMinor) },
            { title: 'Lasts', isNumber: true, cell: runwayOf },
          ]}
        />
        <Pages newer={page.newer} older={page.older} />
      </div>
      {mayPauseAll && (
        <>
          <h2>Act</h2>
          <PauseForm pause={pauses[0]} partner={null} forms={forms} />
        </>
      )}
    </>
  );
}

const amountIn = ({ currency }: FundRow, amountMinor: number) => (
  <Money amountMinor={amountMinor} currency={currency} />
);

function runwayOf({ availableMinor, overdraftMinor, drawnIn7DaysMinor }: FundRow) {
  if (drawnIn7DaysMinor <= 0) return <None />;
  const left = Math.max(0, availableMinor + overdraftMinor);
  return ageOf(0, (left * 7 * 86_400_000) / drawnIn7DaysMinor);
}

function FundState({ doubtedAt, isLow }: { doubtedAt: Date | string | null; isLow: boolean }) {
  if (doubtedAt !== null) return <State state="doubted" />;
  return <State state={isLow ? 'low' : 'ok'} />;
}

export interface FundPageProps {
  readonly partner: ConsolePartner;
  readonly funds: readonly FundMirror[];
  readonly fund: FundMirror;
  readonly chart: ChartData;
  readonly span: keyof typeof spans;
  readonly held: readonly { readonly at: Date; readonly points: number }[];
  readonly entries: Page<EntryRow>;
  readonly pauses: readonly Pause[];
  readonly asked: readonly { readonly id: string; readonly action: string; readonly subject: string }[];
  readonly mayAct: boolean;
  readonly forms: FormContext;
  readonly month: string;
  readonly timeZone: string;
  readonly now: number;
}

export function FundPage(props: FundPageProps) {
  const { partner, fund, span, now, timeZone } = props;
  const here = { partner: partner.slug, currency: fund.currency };
  return (
    <>
      <p class="ways">
        <strong>
          <PartnerName name={partner.name} />
        </strong>
        <a href="/console/fund">All funds</a>
        {props.funds.map(({ currency }) => (
          <a
            key={currency}
            href={addressOf('/console/fund', { ...here, currency })}
            aria-current={currency === fund.currency ? 'true' : undefined}
          >
            {currency}
          </a>
        ))}
      </p>
      {fund.doubtedAt !== null && (
        <p class="notice" role="alert">
          Doubted since <When at={fund.doubtedAt} timeZone={timeZone} />: what Invoicebox says contradicts the books.
          New payments are refused until somebody has looked.
        </p>
      )}
      <Paused pauses={props.pauses} timeZone={timeZone} />
      <div data-region="figures">
        <Figures fund={fund} />
      </div>
      <p class="ways">
        {Object.keys(spans).map((days) => (
          <a
            key={days}
            href={addressOf('/console/fund', { ...here, days })}
            aria-current={days === span ? 'true' : undefined}
          >
            {days} days
          </a>
        ))}
      </p>
      <FundChart data={props.chart} currency={fund.currency} />
      <HeldChart held={props.held} now={now} timeZone={timeZone} />
      {props.asked.length > 0 && (
        <>
          <h2>Waiting for a second person</h2>
          <ul>
            {props.asked.map(({ id, action, subject }) => (
              <li key={id}>
                <a href={`/console/approvals/${id}`}>{actionWords(action)}</a>: <Said text={subject} most={60} />
              </li>
            ))}
          </ul>
        </>
      )}
      {props.mayAct && (
        <>
          <h2>Act</h2>
          <FundForms partner={partner} fund={fund} forms={props.forms} />
          <PauseForm pause={props.pauses.find(({ ofAll }) => !ofAll)} partner={partner} forms={props.forms} />
        </>
      )}
      <h2>Statement of a month</h2>
      <form method="get" action="/console/fund/statement.csv" class="filters">
        <input type="hidden" name="partner" value={partner.slug} />
        <input type="hidden" name="currency" value={fund.currency} />
        <Field
          name="month"
          label="Month"
          value={props.month}
          most={7}
          required
          hint="YYYY-MM, in the programme’s zone"
        />
        <button>Download CSV</button>
      </form>
      <h2>Entries</h2>
      <div data-region="entries">
        <Entries page={props.entries} currency={fund.currency} timeZone={timeZone} />
      </div>
      <ChartScripts />
    </>
  );
}

function Figures({ fund }: { fund: FundMirror }) {
  const { over7DaysSeconds, over30DaysSeconds } = fund.runway;
  const figures = [
    ['Available', fund.availableMinor],
    ['Size: deposits, repayments, corrections', fund.sizeMinor],
    ['Of that repaid by bills', fund.repaidMinor],
    ['Reserved for payments under way', fund.reservedMinor],
    ['Drawn by payments, less returns', fund.drawnMinor],
    [`Overdraft (guard: ${fund.guard})`, fund.overdraftMinor],
  ] as const;
  return (
    <ul class="cards">
      {figures.map(([title, minor]) => (
        <li key={title} class="card" data-tone={title === 'Available' && fund.isLow ? 'warn' : undefined}>
          <strong>{money(minor, fund.currency)}</strong>
          {title}
        </li>
      ))}
      <li class="card">
        <strong>{fund.lowWaterMinor === null ? 'none' : money(fund.lowWaterMinor, fund.currency)}</strong>
        Low-water mark {fund.isLow && <State state="low" />}
      </li>
      <li class="card">
        <strong>{lasts(over7DaysSeconds)}</strong>
        It lasts at the pace of 7 days <small>(of 30 days: {lasts(over30DaysSeconds)})</small>
      </li>
    </ul>
  );
}

const lasts = (seconds: number | null): string => (seconds === null ? 'nothing drawn' : ageOf(0, seconds * 1_000));

function Entries({ page, currency, timeZone }: { page: Page<EntryRow>; currency: string; timeZone: string }) {
  return (
    <>
      <Table
        caption="What moved the fund"
        rows={page.rows}
        keyOf={({ id }) => id}
        empty="Nothing has moved it yet."
        columns={[
          { title: 'When', cell: ({ at }) => <When at={at} timeZone={timeZone} /> },
          { title: 'What', cell: ({ kind }) => kind.replaceAll('_', ' ') },
          {
            title: 'Amount',
            isNumber: true,
            cell: ({ amountMinor }) => <Money amountMinor={amountMinor} currency={currency} />,
          },
          { title: 'Reference', cell: ({ reference }) => <Said text={reference} most={60} /> },
          {
            title: 'Payment',
            cell: ({ paymentId }) => <Id id={paymentId} under="/console/payments/" />,
          },
        ]}
      />
      <Pages newer={page.newer} older={page.older} />
    </>
  );
}
