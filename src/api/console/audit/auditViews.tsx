/** The pages of the audit log. */
import type { ConsolePartner, FormContext } from '../desk.js';
import { addressOf, pageWords, type Page, type Sort } from '../paging.js';
import { ActionForm, Choice, Field, Filters } from '../fields.js';
import { Facts, Pages, Table } from '../tables.js';
import { Count, Id, Said, State, When } from '../values.js';
import { PartnerChoice, PartnerName, SortChoice } from '../partnerParts.js';
import type { ActRow, HeadRow } from './auditReads.js';

export interface ChosenActs {
  readonly [name: string]: string | undefined;
  readonly partner: string | undefined;
  readonly operator: string | undefined;
  readonly action: string | undefined;
  readonly subject: string | undefined;
}

export function AuditPage({
  page,
  partners,
  actions,
  chosen,
  sort,
  forms,
  timeZone,
}: {
  page: Page<ActRow>;
  partners: readonly ConsolePartner[];
  actions: readonly string[];
  chosen: ChosenActs;
  sort: Sort;
  forms: FormContext;
  timeZone: string;
}) {
  return (
    <>
      <Filters action="/console/audit">
        <PartnerChoice partners={partners} value={chosen.partner} />
        <Field name="operator" label="Operator" type="search" value={chosen.operator} />
        <Choice
          name="action"
          label="Action"
          value={chosen.action}
          options={actions.map((action) => [action, action] as const)}
        />
        <Field name="subject" label="Subject" value={chosen.subject} hint="An id, or an address of the console" />
        <SortChoice value={sort} />
      </Filters>
      <p class="ways">
        <a class="button" href={addressOf('/console/audit/export.csv', chosen)}>
          Export CSV
        </a>
        <small>That you have taken it stands in the log, too.</small>
      </p>
      <ActionForm
        forms={forms}
        action="/console/audit/verify"
        confirm="Follow the whole chain from its first line?"
        submit="Verify the chain"
      />
      <Table
        caption="What operators did"
        rows={page.rows}
        keyOf={({ n }) => String(n)}
        empty="There is no such line."
        columns={[
          { title: 'Line', cell: ({ n }) => <a href={`/console/audit/${n}`}>{n}</a>, isNumber: true },
          { title: 'When', cell: ({ at }) => <When at={at} timeZone={timeZone} /> },
          { title: 'Who', cell: ({ operator }) => <Said text={operator} most={60} /> },
          { title: 'Action', cell: ({ action }) => <code>{action}</code> },
          { title: 'Subject', cell: (row) => <Subject act={row} /> },
          { title: 'Outcome', cell: ({ outcome }) => <Outcome outcome={outcome} /> },
          { title: 'Partner', cell: ({ partnerName }) => <Said text={partnerName} most={60} /> },
        ]}
      />
      <Pages newer={page.newer} older={page.older} words={pageWords(sort)} />
    </>
  );
}

const pages: Readonly<Record<string, string>> = {
  approval: '/console/approvals/',
  payment: '/console/payments/',
  member: '/console/members/',
  difference: '/console/reconciliation/differences/',
  endpoint: '/console/webhooks/endpoints/',
};

function Subject({ act: { subjectKind, subject } }: { act: ActRow }) {
  const page = pages[subjectKind];
  if (page === undefined || !/^[0-9a-f-]{36}$/.test(subject)) return <Said text={subject} most={80} />;
  return (
    <a href={page + subject}>
      {subjectKind} <code>{subject}</code>
    </a>
  );
}

function Outcome({ outcome }: { outcome: string }) {
  return outcome.startsWith('refused: ') ? (
    <>
      <State state="refused" /> <Said text={outcome.slice('refused: '.length)} most={60} />
    </>
  ) : (
    <State state={outcome} />
  );
}

export function ActPage({ act, timeZone }: { act: ActRow; timeZone: string }) {
  return (
    <>
      <Facts
        facts={[
          ['When', <When at={act.at} timeZone={timeZone} />],
          ['Who', <Said text={act.operator} />],
          ['In the roles', act.roles.join(', ')],
          ['Action', <code>{act.action}</code>],
          ['Subject', <Subject act={act} />],
          ['Outcome', <Outcome outcome={act.outcome} />],
          ['Partner', act.partnerName === null ? 'of none, or of several' : <PartnerName name={act.partnerName} />],
          ['Request', <code>{act.requestId}</code>],
          ['Hash of the line before', <code>{act.previousHash}</code>],
          ['Hash of this line', <code>{act.hash}</code>],
        ]}
      />
      <h2>What was given and shown</h2>
      <pre class="said" tabIndex={0}>
        <Said text={JSON.stringify(act.detail, null, 1).replace(/\n/g, ' ')} most={6_000} />
      </pre>
    </>
  );
}

export function VerifiedPage({
  through,
  broken,
  heads,
  timeZone,
}: {
  through: number;
  broken: number | null;
  heads: readonly HeadRow[];
  timeZone: string;
}) {
  return (
    <>
      {broken === null ? (
        <p class="done" role="status">
          The chain is whole: each of its {through} lines covers the one before it.
        </p>
      ) : (
        <p class="notice" role="alert">
          The chain is right through line {through}. Line {broken} was changed, taken out, or put in by somebody.
        </p>
      )}
      <h2>The books’ own chains</h2>
      <p>
        A line or an entry that is made anew from the beginning shows only by a hash that somebody has kept where the
        operators of Surety cannot write. Keep these; <code>npm run verify -- ledger --head partner:block:hash</code>{' '}
        checks them, and everything before them, with a program of its own.
      </p>
      <Table
        caption="The last sealed block of each partner"
        rows={heads}
        keyOf={({ partnerName, hash }) => `${partnerName} ${hash ?? ''}`}
        empty="You see no partner."
        columns={[
          { title: 'Partner', cell: ({ partnerName }) => <PartnerName name={partnerName} /> },
          { title: 'Block', cell: ({ n }) => <Count value={n} />, isNumber: true },
          { title: 'Entries', cell: ({ entries }) => <Count value={entries} />, isNumber: true },
          { title: 'Sealed', cell: ({ sealedAt }) => <When at={sealedAt} timeZone={timeZone} /> },
          { title: 'Hash', cell: ({ hash }) => <Id id={hash} /> },
        ]}
      />
    </>
  );
}
