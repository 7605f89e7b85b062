/** The pages of approvals. */
import { approvalActions } from '../../../domain/approval.js';
import type { ConsolePartner, FormContext } from '../desk.js';
import { pageWords, type Page, type Sort } from '../paging.js';
import { ActionForm, Choice, Evidence, Filters } from '../fields.js';
import { Facts, Pages, Table } from '../tables.js';
import { ageOf, Id, Said, State, None, When } from '../values.js';
import { PartnerChoice, PartnerName, SortChoice } from '../partnerParts.js';
import { approvalFilters, type ApprovalRow } from './approvalReads.js';
import { actionWords, Who, wishOf } from './approvalWords.js';

export const approveReasons = [
  ['bill_seen', 'The bill or transfer was seen'],
  ['statement_seen', 'Invoicebox’s statement says so'],
  ['agreed_with_partner', 'Agreed with the partner'],
  ['other', 'Other'],
] as const;
export const rejectReasons = [
  ['not_proven', 'Nothing proves it'],
  ['wrong_amount', 'The amount is wrong'],
  ['duplicate', 'It was done already'],
  ['other', 'Other'],
] as const;
export const withdrawReasons = [
  ['mistake', 'It was a mistake'],
  ['not_needed', 'It is not needed any more'],
  ['other', 'Other'],
] as const;

export function ApprovalsPage({
  page,
  partners,
  chosen,
  sort,
  timeZone,
  now,
}: {
  page: Page<ApprovalRow>;
  partners: readonly ConsolePartner[];
  chosen: { readonly partner: string | undefined; readonly state: string; readonly action: string | undefined };
  sort: Sort;
  timeZone: string;
  now: number;
}) {
  return (
    <>
      <Filters action="/console/approvals">
        <PartnerChoice partners={partners} value={chosen.partner} />
        <Choice
          name="state"
          label="State"
          value={chosen.state}
          all="waiting"
          options={[...approvalFilters.slice(1).map((state) => [state, state] as const), ['all', 'all of them']]}
        />
        <Choice
          name="action"
          label="What"
          value={chosen.action}
          options={approvalActions.map((action) => [action, actionWords(action)] as const)}
        />
        <SortChoice value={sort} />
      </Filters>
      <div data-region="approvals">
        <Table
          caption="Approvals"
          rows={page.rows}
          keyOf={({ id }) => id}
          empty={chosen.state === 'waiting' ? 'Nothing waits for a second person.' : 'There is none.'}
          columns={[
            { title: 'What', cell: ({ id, action }) => <a href={`/console/approvals/${id}`}>{actionWords(action)}</a> },
            { title: 'About', cell: ({ subject }) => <Said text={subject} most={60} /> },
            { title: 'Partner', cell: (row) => <PartnerName name={row.partnerName} /> },
            { title: 'State', cell: ({ state }) => <State state={state} /> },
            { title: 'Asked by', cell: ({ requestedBy }) => <Who who={requestedBy} /> },
            { title: 'Asked', cell: ({ requestedAt }) => <When at={requestedAt} timeZone={timeZone} /> },
            { title: 'Time left', cell: (row) => timeLeft(row, now) },
          ]}
        />
        <Pages newer={page.newer} older={page.older} words={pageWords(sort)} />
      </div>
    </>
  );
}

const timeLeft = ({ state, expiresAt }: ApprovalRow, now: number) =>
  state === 'waiting' ? ageOf(now, expiresAt.getTime()) : <None />;

export function ApprovalPage({
  approval,
  forms,
  mayDecide,
  mayWithdraw,
  timeZone,
  now,
}: {
  approval: ApprovalRow;
  forms: FormContext;
  mayDecide: boolean;
  mayWithdraw: boolean;
  timeZone: string;
  now: number;
}) {
  const { id, action, state, version, waived } = approval;
  const isOpen = state === 'waiting';
  return (
    <>
      <h2>{actionWords(action)}</h2>
      <Facts
        facts={[
          ['State', <State state={state} />],
          ['Partner', <PartnerName name={approval.partnerName} />],
          ...wishOf(approval),
          ['Version', version],
          ['Id', <Id id={id} />],
        ]}
      />
      <h2>What it rests on</h2>
      <Facts
        facts={[
          ['Asked by', <Who who={approval.requestedBy} />],
          ['Asked', <When at={approval.requestedAt} timeZone={timeZone} />],
          ['Can be decided until', <When at={approval.expiresAt} timeZone={timeZone} />],
          ['Time left', timeLeft(approval, now)],
          ['Reason and evidence', <Said text={approval.reason} most={2_000} />],
        ]}
      />
      {!isOpen && <Decision approval={approval} waived={waived} timeZone={timeZone} />}
      {isOpen && mayWithdraw && (
        <p class="notice">You have asked for this: somebody else must approve. You may take it back.</p>
      )}
      {isOpen && (mayDecide || mayWithdraw) && <h2>Decide</h2>}
      {isOpen && mayDecide && (
        <ActionForm
          forms={forms}
          action={`/console/approvals/${id}/approve`}
          confirm={`${actionWords(action)}: approve it? It is done at once, and by you and who asked.`}
          submit="Approve"
          needsFresh
          hidden={{ version }}
        >
          <Evidence reasons={approveReasons} />
        </ActionForm>
      )}
      {isOpen && mayDecide && (
        <ActionForm
          forms={forms}
          action={`/console/approvals/${id}/reject`}
          confirm={`${actionWords(action)}: reject it? Nothing is done.`}
          submit="Reject"
          danger
          hidden={{ version }}
        >
          <Evidence reasons={rejectReasons} />
        </ActionForm>
      )}
      {isOpen && mayWithdraw && (
        <ActionForm
          forms={forms}
          action={`/console/approvals/${id}/withdraw`}
          confirm={`${actionWords(action)}: take it back? Nothing is done.`}
          submit="Take back"
          danger
          hidden={{ version }}
        >
          <Evidence reasons={withdrawReasons} />
        </ActionForm>
      )}
    </>
  );
}

function Decision({ approval, waived, timeZone }: { approval: ApprovalRow; waived: boolean; timeZone: string }) {
  const { decidedBy, decidedAt, decisionReason, result } = approval;
  return (
    <>
      <h2>What came of it</h2>
      <Facts
        facts={[
          ['Decided by', waived ? 'nobody: the partner’s settings need no second person' : <Who who={decidedBy} />],
          ['Decided', <When at={decidedAt} timeZone={timeZone} />],
          ['Reason and evidence', <Said text={decisionReason} most={2_000} />],
          ...Object.entries(result ?? {}).map(
            ([name, value]) =>
              [name, <Said text={typeof value === 'string' ? value : JSON.stringify(value)} />] as const,
          ),
        ]}
      />
    </>
  );
}
