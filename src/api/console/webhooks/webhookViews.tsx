/** The pages of webhooks. */
import { listenableTypes } from '../../events/eventSchemas.js';
import type { ConsolePartner, FormContext } from '../desk.js';
import type { Page } from '../paging.js';
import { ActionForm, Choice, Evidence, Field, Filters } from '../fields.js';
import { Facts, Pages, Table } from '../tables.js';
import { count, Count, Id, plain, Said, State, When } from '../values.js';
import { PartnerChoice, PartnerName } from '../partnerParts.js';
import { deliveryStates, mostLookedThrough, type DeliveryRow, type EndpointRow } from './webhookReads.js';

export const enableReasons = [
  ['mended', 'The partner has mended it'],
  ['tried', 'It was tried, and answers'],
  ['other', 'Other'],
] as const;

export interface ChosenDeliveries {
  readonly [name: string]: string | undefined;
  readonly partner?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly state?: string | undefined;
  readonly type?: string | undefined;
}

export function WebhooksPage({
  page,
  partners,
  endpoints,
  chosen,
  mayAct,
  forms,
  timeZone,
}: {
  page: Page<DeliveryRow>;
  partners: readonly ConsolePartner[];
  endpoints: readonly EndpointRow[];
  chosen: ChosenDeliveries;
  mayAct: boolean;
  forms: FormContext;
  timeZone: string;
}) {
  return (
    <>
      <Filters action="/console/webhooks">
        <PartnerChoice partners={partners} value={chosen.partner} />
        <Choice
          name="endpoint"
          label="Endpoint"
          value={chosen.endpoint}
          options={endpoints.map(
            ({ id, url, partnerName }) => [id, `${plain(partnerName, 30)}: ${plain(url, 60)}`] as const,
          )}
        />
        <StateChoice value={chosen.state} />
        <TypeChoice value={chosen.type} />
      </Filters>
      <h2>Endpoints</h2>
      <div data-region="endpoints">
        <Endpoints endpoints={endpoints} timeZone={timeZone} />
      </div>
      <h2>Deliveries</h2>
      {chosen.type !== undefined && (
        <p>
          <small>Of this type among the newest {count(mostLookedThrough)} of each endpoint.</small>
        </p>
      )}
      <div data-region="deliveries">
        <Deliveries page={page} endpoints={endpoints} mayAct={mayAct} forms={forms} timeZone={timeZone} />
      </div>
    </>
  );
}

function StateChoice({ value }: { value: string | undefined }) {
  return (
    <Choice name="state" label="State" value={value} options={deliveryStates.map((state) => [state, state] as const)} />
  );
}

function TypeChoice({ value }: { value: string | undefined }) {
  return (
    <Choice name="type" label="Event" value={value} options={listenableTypes.map((type) => [type, type] as const)} />
  );
}

function Endpoints({ endpoints, timeZone }: { endpoints: readonly EndpointRow[]; timeZone: string }) {
  return (
    <Table
      caption="Endpoints"
      rows={endpoints}
      keyOf={({ id }) => id}
      empty="Nobody listens."
      columns={[
        {
          title: 'Endpoint',
          cell: ({ id, url }) => (
            <a href={`/console/webhooks/endpoints/${id}`}>
              <Said text={url} most={100} />
            </a>
          ),
        },
        { title: 'Partner', cell: ({ partnerName }) => <PartnerName name={partnerName} /> },
        { title: 'State', cell: (row) => <EndpointState endpoint={row} /> },
        { title: 'Failing since', cell: ({ failingSince }) => <When at={failingSince} timeZone={timeZone} /> },
        { title: 'Failed since', isNumber: true, cell: ({ failures }) => <Count value={failures} /> },
      ]}
    />
  );
}

function EndpointState({ endpoint: { state, disabledReason, failingSince } }: { endpoint: EndpointRow }) {
  if (state === 'disabled') return <State state={disabledReason === null ? state : `disabled: ${disabledReason}`} />;
  return <State state={failingSince === null ? 'ok' : 'failing'} />;
}

function Deliveries({
  page,
  endpoints,
  mayAct,
  forms,
  timeZone,
}: {
  page: Page<DeliveryRow>;
  endpoints: readonly EndpointRow[];
  mayAct: boolean;
  forms: FormContext;
  timeZone: string;
}) {
  const urls = new Map(endpoints.map(({ id, url }) => [id, url]));
  return (
    <>
      <Table
        caption="Deliveries, of the newest event first"
        rows={page.rows}
        keyOf={({ eventId, endpointId }) => `${eventId} ${endpointId}`}
        empty="There is none."
        columns={[
          { title: 'When', cell: ({ at }) => <When at={at} timeZone={timeZone} /> },
          { title: 'Event', cell: ({ eventType, eventId }) => <EventCell type={eventType} id={eventId} /> },
          ...(endpoints.length === 1
            ? []
            : [
                {
                  title: 'Endpoint',
                  cell: ({ endpointId }: DeliveryRow) => <Said text={urls.get(endpointId)} most={60} />,
                },
              ]),
          { title: 'State', cell: ({ state }) => <State state={state} /> },
          { title: 'Attempts', isNumber: true, cell: ({ attempts }) => <Count value={attempts} /> },
          { title: 'Last answer', cell: (row) => <Answer {...row} /> },
          { title: 'Next try', cell: ({ nextAttemptAt }) => <When at={nextAttemptAt} timeZone={timeZone} /> },
          ...(mayAct ? [{ title: 'Again', cell: (row: DeliveryRow) => <Replay row={row} forms={forms} /> }] : []),
        ]}
      />
      <Pages newer={page.newer} older={page.older} />
    </>
  );
}

function EventCell({ type, id }: { type: string; id: string }) {
  return (
    <>
      {type}
      <br />
      <small>
        <code title={id}>…{id.slice(-12)}</code>
      </small>
    </>
  );
}

function Answer({ lastStatus, lastProblem }: Pick<DeliveryRow, 'lastStatus' | 'lastProblem'>) {
  if (lastStatus === null && lastProblem === null) return <span class="none">none yet</span>;
  return (
    <>
      {lastStatus} <Said text={lastProblem?.replaceAll('_', ' ') ?? ''} most={60} />
    </>
  );
}

function Replay({ row: { eventId, endpointId, eventType }, forms }: { row: DeliveryRow; forms: FormContext }) {
  return (
    <form
      method="post"
      action={`/console/webhooks/endpoints/${endpointId}/replay/${eventId}`}
      data-confirm={`Send this ${eventType} again? The partner gets it once more, with the same id.`}
    >
      <input type="hidden" name="csrf" value={forms.csrf} />
      <button aria-label={`Replay ${eventType} ${eventId}`}>Replay</button>
    </form>
  );
}

export function EndpointPage({
  endpoint,
  page,
  chosen,
  mayAct,
  forms,
  from,
  to,
  timeZone,
}: {
  endpoint: EndpointRow;
  page: Page<DeliveryRow>;
  chosen: ChosenDeliveries;
  mayAct: boolean;
  forms: FormContext;
  from: string;
  to: string;
  timeZone: string;
}) {
  const here = `/console/webhooks/endpoints/${endpoint.id}`;
  return (
    <>
      <Facts
        facts={[
          ['Address', <Said text={endpoint.url} most={300} />],
          ['Description', <Said text={endpoint.description} />],
          ['Partner', <PartnerName name={endpoint.partnerName} />],
          ['State', <EndpointState endpoint={endpoint} />],
          ['Failing since', <When at={endpoint.failingSince} timeZone={timeZone} />],
          ['Attempts that failed since', <Count value={endpoint.failures} />],
          ['Listens to', <Said text={endpoint.eventTypes?.join(', ') ?? 'everything'} most={600} />],
          ['Registered', <When at={endpoint.createdAt} timeZone={timeZone} />],
          ['Id', <Id id={endpoint.id} />],
        ]}
      />
      {mayAct && endpoint.state === 'disabled' && (
        <ActionForm
          forms={forms}
          action={`${here}/enable`}
          confirm="Enable it again? It is sent what comes from now on; what it has missed can be replayed."
          submit="Enable again"
          hidden={{ version: endpoint.state }}
        >
          <Evidence reasons={enableReasons} />
        </ActionForm>
      )}
      {mayAct && endpoint.state === 'enabled' && (
        <details class="act">
          <summary>Replay a range of time</summary>
          <ActionForm
            forms={forms}
            action={`${here}/replay`}
            confirm="Send the events of this span again? At most 10,000 at once."
            submit="Replay the range"
            hidden={{ version: endpoint.state }}
          >
            <Field name="from" label="From" required most={30} value={from} hint="UTC, as 2026-11-26T08:00:00Z" />
            <Field name="to" label="Until, exclusive" required most={30} value={to} />
            <label>
              <span>Which</span>
              <select name="which">
                <option value="undelivered">those that were not delivered</option>
                <option value="all">all of them</option>
              </select>
            </label>
          </ActionForm>
        </details>
      )}
      <h2>Deliveries</h2>
      <Filters action={here}>
        <StateChoice value={chosen.state} />
        <TypeChoice value={chosen.type} />
      </Filters>
      <div data-region="deliveries">
        <Deliveries
          page={page}
          endpoints={[endpoint]}
          mayAct={mayAct && endpoint.state === 'enabled'}
          forms={forms}
          timeZone={timeZone}
        />
      </div>
    </>
  );
}
