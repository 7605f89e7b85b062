/** The lists of reconciliation: differences and runs, and what can be begun from there. */
import { differenceKinds, differenceStates } from '../../../ledger/reconciliations.js';
import type { ConsolePartner, FormContext } from '../desk.js';
import { addressOf, pageWords, type Page, type Sort } from '../paging.js';
import { ActionForm, Choice, Field, Filters } from '../fields.js';
import { Pages, Table } from '../tables.js';
import { ageOf, count, Id, Money, Said, State, None, When } from '../values.js';
import { PartnerChoice, PartnerName, SortChoice } from '../partnerParts.js';
import type { DifferenceRow, RunRow } from './differenceReads.js';

export const kindWords = {
  ours_only: 'ours only',
  theirs_only: 'theirs only',
  amount: 'amounts differ',
  state: 'states differ',
  duplicate: 'theirs twice',
  ambiguous: 'ambiguous',
} as const satisfies Record<(typeof differenceKinds)[number], string>;

function Ways({ partner, here }: { partner: string | undefined; here: 'differences' | 'runs' }) {
  return (
    <p class="ways">
      <a
        href={addressOf('/console/reconciliation', { partner })}
        aria-current={here === 'differences' ? 'true' : undefined}
      >
        Differences
      </a>
      <a
        href={addressOf('/console/reconciliation/runs', { partner })}
        aria-current={here === 'runs' ? 'true' : undefined}
      >
        Runs
      </a>
    </p>
  );
}

export function DifferencesPage({
  page,
  partners,
  chosen,
  sort,
  timeZone,
  now,
}: {
  page: Page<DifferenceRow>;
  partners: readonly ConsolePartner[];
  chosen: { readonly partner: string | undefined; readonly state: string; readonly kind: string | undefined };
  sort: Sort;
  timeZone: string;
  now: number;
}) {
  return (
    <>
      <Ways partner={chosen.partner} here="differences" />
      <Filters action="/console/reconciliation">
        <PartnerChoice partners={partners} value={chosen.partner} />
        <Choice
          name="state"
          label="State"
          value={chosen.state}
          all="open"
          options={[...differenceStates.slice(1).map((state) => [state, state] as const), ['all', 'all of them']]}
        />
        <Choice
          name="kind"
          label="Kind"
          value={chosen.kind}
          options={differenceKinds.map((kind) => [kind, kindWords[kind]] as const)}
        />
        <SortChoice value={sort} />
      </Filters>
      <div data-region="differences">
        <Table
          caption="Differences between the books and Invoicebox"
          rows={page.rows}
          keyOf={({ id }) => id}
          empty={chosen.state === 'open' ? 'The books and Invoicebox agree.' : 'There is none.'}
          columns={[
            {
              title: 'Kind',
              cell: ({ id, kind }) => <a href={`/console/reconciliation/differences/${id}`}>{kindWords[kind]}</a>,
            },
            { title: 'State', cell: ({ state }) => <State state={state} /> },
            { title: 'Partner', cell: ({ partnerName }) => <PartnerName name={partnerName} /> },
            { title: 'Amount', isNumber: true, cell: (row) => <Money {...row} /> },
            { title: 'Age', isNumber: true, cell: ({ firstSeenAt }) => ageOf(firstSeenAt.getTime(), now) },
            { title: 'Last seen', cell: ({ lastSeenAt }) => <When at={lastSeenAt} timeZone={timeZone} /> },
            {
              title: 'Payment',
              cell: ({ paymentId }) => <Id id={paymentId} under="/console/payments/" />,
            },
          ]}
        />
        <Pages newer={page.newer} older={page.older} words={pageWords(sort)} />
      </div>
    </>
  );
}

export function RunsPage({
  page,
  partners,
  partner,
  mayAct,
  hasMapping,
  forms,
  uploadKey,
  timeZone,
}: {
  page: Page<RunRow>;
  partners: readonly ConsolePartner[];
  partner: ConsolePartner | null;
  mayAct: boolean;
  hasMapping: boolean;
  forms: FormContext;
  uploadKey: string;
  timeZone: string;
}) {
  return (
    <>
      <Ways partner={partner?.slug} here="runs" />
      <Filters action="/console/reconciliation/runs">
        <PartnerChoice partners={partners} value={partner?.slug} />
      </Filters>
      {mayAct && partner === null && <p class="empty">Choose a partner to run it now, or to upload a statement.</p>}
      {mayAct && partner !== null && (
        <>
          <ActionForm
            forms={forms}
            action="/console/reconciliation/run"
            confirm={`Reconcile ${partner.name.slice(0, 60)} now?`}
            submit="Run now"
            hidden={{ partner: partner.slug }}
          />
          {hasMapping ? (
            <Upload partner={partner} forms={forms} uploadKey={uploadKey} />
          ) : (
            <p class="notice">
              How this partner’s statements are written is not known yet: PUT /v1/fund/statement-mapping says it.
            </p>
          )}
        </>
      )}
      <div data-region="runs">
        <Table
          caption="Runs of reconciliation"
          rows={page.rows}
          keyOf={({ id }) => id}
          empty="Nothing has run yet."
          columns={[
            { title: 'Wanted', cell: ({ createdAt }) => <When at={createdAt} timeZone={timeZone} /> },
            { title: 'By', cell: ({ wantedBy }) => wantedBy },
            { title: 'Partner', cell: ({ partnerName }) => <PartnerName name={partnerName} /> },
            { title: 'State', cell: ({ state }) => <State state={state} /> },
            { title: 'Took', cell: tookOf },
            { title: 'What it found', cell: ({ failure, result }) => <Found failure={failure} result={result} /> },
          ]}
        />
        <Pages newer={page.newer} older={page.older} />
      </div>
    </>
  );
}

const tookOf = ({ startedAt, finishedAt }: RunRow) =>
  startedAt === null || finishedAt === null ? <None /> : ageOf(startedAt.getTime(), finishedAt.getTime());

function Found({ failure, result }: Pick<RunRow, 'failure' | 'result'>) {
  const told = Object.entries(result).flatMap(([name, value]) =>
    value === null || value === 0
      ? []
      : [`${name.replace(/[A-Z]/g, (one) => ` ${one.toLowerCase()}`)} ${count(value)}`],
  );
  return (
    <>
      {failure !== null && <State state="failed" />} {failure !== null && <Said text={failure.replaceAll('_', ' ')} />}{' '}
      <Said text={told.join(', ')} />
    </>
  );
}

/** Sent as the file that it is, beside the fields before it. */
function Upload({ partner, forms, uploadKey }: { partner: ConsolePartner; forms: FormContext; uploadKey: string }) {
  return (
    <form
      method="post"
      action="/console/reconciliation/statements"
      enctype="multipart/form-data"
      class="action"
      data-confirm={`Upload this statement of ${partner.name.slice(0, 60)}? It counts whole, or not at all.`}
    >
      <input type="hidden" name="csrf" value={forms.csrf} />
      <input type="hidden" name="partner" value={partner.slug} />
      <input type="hidden" name="key" value={uploadKey} />
      <Field name="from" label="Covers from" type="date" hint="Empty: from its first movement" />
      <Field name="to" label="Covers to" type="date" hint="Empty: to its last movement" />
      <label>
        <span>Statement, CSV</span>
        <input type="file" name="file" required accept=".csv,text/csv,text/plain" />
        <small>As Invoicebox’s cabinet gives it</small>
      </label>
      <button class="primary">Upload the statement</button>
    </form>
  );
}
