/** The pages of members. There is no list of them: each is looked up, and that is in the log. */
import type { Balance } from '../../../ledger/outcomes.js';
import type { Entry, Lot, Member } from '../../../ledger/points.js';
import type { ConsolePartner, FormContext } from '../desk.js';
import { ActionForm, Evidence, Field } from '../fields.js';
import { Facts, Pages, Table } from '../tables.js';
import { count, Count, Id, plain, Said, When } from '../values.js';
import { PartnerName } from '../partnerParts.js';
import type { Page } from '../paging.js';
import type { MemberPlace } from './memberReads.js';

export const adjustReasons = [
  ['agreed_with_partner', 'Agreed with the partner'],
  ['credited_wrongly', 'Points were credited wrongly'],
  ['goodwill', 'Goodwill'],
  ['other', 'Other'],
] as const;

export function SearchPage({
  partners,
  chosen,
  notFound,
  forms,
}: {
  partners: readonly ConsolePartner[];
  chosen: string | undefined;
  notFound: boolean;
  forms: FormContext;
}) {
  return (
    <>
      <p>
        A member is found by the partner’s own name for him, exactly as it is, or by our id. Each look is written into
        the audit log before it is shown; the name is not.
      </p>
      {notFound && (
        <p class="notice" role="alert">
          This partner has no such member.
        </p>
      )}
      {/* Sent in the body: the name may be a phone, and stands in no address and no log. */}
      <form method="post" action="/console/members/search" class="action" role="search">
        <input type="hidden" name="csrf" value={forms.csrf} />
        <label>
          <span>Partner</span>
          <select name="partner" required>
            {partners.map(({ slug, name }) => (
              <option key={slug} value={slug} selected={slug === chosen}>
                {plain(name, 60)}
              </option>
            ))}
          </select>
        </label>
        <Field name="member" label="External id, or our id" type="search" required most={200} />
        <button class="primary">Look</button>
      </form>
    </>
  );
}

export interface MemberPageProps {
  readonly member: Member;
  readonly place: MemberPlace;
  readonly lots: readonly Lot[];
  readonly hasMoreLots: boolean;
  readonly entries: Page<Entry>;
  readonly on: string | undefined;
  readonly balanceOn: Balance | null;
  readonly waiting: readonly { readonly id: string; readonly subject: string }[];
  readonly mayAct: boolean;
  readonly forms: FormContext;
  readonly timeZone: string;
}

export function MemberPage(props: MemberPageProps) {
  const { member, place, entries, timeZone, on, balanceOn } = props;
  const here = `/console/members/${member.id}`;
  return (
    <>
      <Facts
        facts={[
          ['External id', member.erasedAt === null ? <Said text={member.externalId} /> : 'erased'],
          ['Our id', <Id id={member.id} />],
          ['Partner', <PartnerName name={place.partnerName} />],
          ['Known since', <When at={member.createdAt} timeZone={timeZone} />],
          ['Erased', <When at={member.erasedAt} timeZone={timeZone} />],
        ]}
      />
      <h2>Points</h2>
      <ul class="cards">
        <li class="card">
          <strong>{count(member.balance.available)}</strong> Available
        </li>
        <li class="card">
          <strong>{count(member.balance.held)}</strong> Held for payments under way
        </li>
        {member.expiringSoon.slice(0, 3).map(({ expiresOn, points }) => (
          <li key={expiresOn} class="card" data-tone="warn">
            <strong>{count(points)}</strong> Can be spent until {expiresOn}
          </li>
        ))}
      </ul>
      <form method="get" action={here} class="filters">
        <Field name="on" label="Balance at the end of a day" type="date" value={on} required />
        <button>Show</button>
      </form>
      {balanceOn !== null && (
        <p role="status">
          At the end of {on}, in the programme’s zone: {count(balanceOn.available)} available, {count(balanceOn.held)}{' '}
          held.
        </p>
      )}
      {props.waiting.length > 0 && (
        <ul>
          {props.waiting.map(({ id, subject }) => (
            <li key={id}>
              Waiting for a second person:{' '}
              <a href={`/console/approvals/${id}`}>
                <Said text={subject} most={60} />
              </a>
            </li>
          ))}
        </ul>
      )}
      {props.mayAct && <Adjust {...props} here={here} />}
      <h2>Lots</h2>
      <Lots {...props} />
      <h2>Entries</h2>
      <Table
        caption="What moved the points"
        rows={entries.rows}
        keyOf={({ id }) => id}
        empty="Nothing has moved them yet."
        columns={[
          { title: 'When', cell: ({ at }) => <When at={at} timeZone={timeZone} /> },
          { title: 'What', cell: ({ kind }) => kind.replaceAll('_', ' ') },
          { title: 'Points', isNumber: true, cell: ({ points }) => <Count value={points} /> },
          { title: 'Reference', cell: ({ reference }) => <Said text={reference} most={60} /> },
          {
            title: 'Payment',
            cell: ({ paymentId }) => <Id id={paymentId} under="/console/payments/" />,
          },
        ]}
      />
      <Pages newer={entries.newer} older={entries.older} />
    </>
  );
}

function Lots({ lots, hasMoreLots, timeZone }: MemberPageProps) {
  return (
    <>
      <Table
        caption="Lots with something left"
        rows={lots}
        keyOf={({ id }) => id}
        empty="Nothing is left."
        columns={[
          { title: 'Since', cell: ({ at }) => <When at={at} timeZone={timeZone} /> },
          { title: 'Granted', isNumber: true, cell: ({ granted }) => <Count value={granted} /> },
          { title: 'Left', isNumber: true, cell: ({ remaining }) => <Count value={remaining} /> },
          { title: 'Held', isNumber: true, cell: ({ held }) => <Count value={held} /> },
          { title: 'Until', cell: ({ expiresOn }) => expiresOn ?? 'for ever' },
          { title: 'Reference', cell: ({ reference }) => <Said text={reference} most={60} /> },
          {
            title: 'Credit',
            cell: ({ creditId }) => <Id id={creditId} />,
          },
        ]}
      />
      {hasMoreLots && <p class="empty">The oldest 200 are shown.</p>}
    </>
  );
}

/** What the page showed of his points: they may be others by the time that somebody asks. */
export const versionOf = ({ balance, erasedAt }: Member): string =>
  [balance.available, balance.held, erasedAt === null ? 'known' : 'erased'].join(' ');

function Adjust({ member, lots, forms, here }: MemberPageProps & { here: string }) {
  const version = versionOf(member);
  const credits = lots.filter(({ creditId, remaining }) => creditId !== null && remaining > 0);
  return (
    <>
      <h2>Adjust</h2>
      {member.erasedAt === null && (
        <details class="act">
          <summary>Credit points</summary>
          <ActionForm
            forms={forms}
            action={`${here}/adjust`}
            confirm="Ask for these points? A second person has to approve."
            submit="Ask for the credit"
            needsFresh
            hidden={{ version, kind: 'credit' }}
          >
            <Field name="points" label="Points" type="number" required />
            <Field name="expiresOn" label="Can be spent until" type="date" required />
            <Evidence reasons={adjustReasons} />
          </ActionForm>
        </details>
      )}
      {credits.length > 0 && (
        <details class="act">
          <summary>Take points of a credit back</summary>
          <ActionForm
            forms={forms}
            action={`${here}/adjust`}
            confirm="Ask to take these points back? A second person has to approve."
            submit="Ask for the reversal"
            needsFresh
            danger
            hidden={{ version, kind: 'reverse' }}
          >
            <label>
              <span>Credit</span>
              <select name="creditId" required>
                <option value="">choose …</option>
                {credits.map(({ creditId, reference, remaining }) => (
                  <option key={creditId} value={creditId ?? ''}>
                    {plain(reference, 60)}: {count(remaining)} left
                  </option>
                ))}
              </select>
            </label>
            <Field name="points" label="Points" type="number" required />
            <Evidence reasons={adjustReasons} />
          </ActionForm>
        </details>
      )}
    </>
  );
}
