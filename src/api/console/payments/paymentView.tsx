/** The page of one payment: how it stands, what happened, what was booked, called and told, who looked at it and acted. */
import type { ComponentChildren } from 'preact';
import { Facts, Table } from '../tables.js';
import { count, Count, Id, Money, Said, State, When } from '../values.js';
import { PartnerName } from '../partnerParts.js';
import { masked } from './paymentPages.js';
import { reviewReasonOf, type PaymentParts, type ShownPayment } from './paymentReads.js';
import { actorWords, eventWords, refusalWords, reviewAdvice } from './paymentWords.js';

export function PaymentSummary({
  payment,
  timeZone,
  workflowUrl,
}: {
  payment: ShownPayment;
  timeZone: string;
  workflowUrl: string | null;
}) {
  const { hold } = payment;
  const review = reviewReasonOf(payment);
  return (
    <section data-region="summary" aria-label="How it stands">
      <p class="lead">
        <State state={payment.state} /> {payment.reason !== null && <span>{payment.reason.replaceAll('_', ' ')}</span>}
      </p>
      {review !== null && <p class="notice">{reviewAdvice[review]}</p>}
      {payment.state === 'unknown' && (
        <p class="notice">
          Points and fund stay held, and nobody is told that it failed. It is read again by itself; nothing has to be
          done yet.
        </p>
      )}
      <Facts
        facts={[
          ['Partner', <PartnerName key="p" name={payment.partnerName} />],
          ['Scheme', payment.scheme],
          ['Amount', <Money key="m" amountMinor={payment.amountMinor} currency={payment.currency} />],
          ['Points', <Count key="c" value={payment.points} />],
          ['Invoice', <Said key="i" text={payment.invoiceNumber} most={80} />],
          ['Invoice’s id', <Id key="ii" id={payment.invoiceId} />],
          ['Description', <Said key="d" text={payment.description} />],
          [
            'The invoice reads',
            <>
              <Said text={payment.invoiceStatus} most={40} />
              {payment.readAmountMinor !== null && payment.readCurrency !== null && (
                <>
                  {', '}
                  <Money amountMinor={payment.readAmountMinor} currency={payment.readCurrency} />
                </>
              )}
              , read <When at={payment.readAt} timeZone={timeZone} />
            </>,
          ],
          ['The invoice expires', <When key="e" at={payment.invoiceExpiresAt} timeZone={timeZone} />],
          [
            'Member',
            payment.memberId === null ? (
              <Said key="n" text={null} />
            ) : (
              <a key="mm" href={`/console/payments?member=${payment.memberId}`}>
                {masked(payment.memberEnd)}, all his payments
              </a>
            ),
          ],
          ['Opened by', actorWords(payment.openedBy)],
          ['Opened', <When key="o" at={payment.openedAt} timeZone={timeZone} />],
          ['Ended', <When key="cl" at={payment.closedAt} timeZone={timeZone} />],
          [
            'Hold',
            hold === null ? (
              'nothing was held'
            ) : (
              <>
                {hold.state}: {count(hold.points)} points,{' '}
                <Money amountMinor={hold.amountMinor} currency={hold.currency} />
              </>
            ),
          ],
          ['Last probe', <Said key="lp" text={payment.lastProbe?.replaceAll('_', ' ')} most={40} />],
          ['Next probe', <When key="np" at={payment.nextProbeAt} timeZone={timeZone} />],
          ['Transaction', <Said key="t" text={payment.transactionId} most={40} />],
          ['Refused with', <Said key="rc" text={payment.refusalCode} most={80} />],
          [
            'Paid for what was seen',
            <Said key="v" text={payment.state === 'paid' ? (payment.verdict ?? 'pending') : null} />,
          ],
          [
            'Returned',
            payment.returnedMinor === 0 ? (
              'nothing'
            ) : (
              <>
                <Money amountMinor={payment.returnedMinor} currency={payment.currency} />,{' '}
                {count(payment.returnedPoints)} points
              </>
            ),
          ],
          ['Run', `epoch ${payment.epoch}`],
        ]}
      />
      <p class="ways">
        {workflowUrl !== null && <a href={workflowUrl}>Its workflow in the Temporal UI</a>}
        <a href={`/console/payments/${payment.id}/passport.json`}>Passport, as JSON</a>
        <a href={`/console/payments?invoice=${payment.invoiceId}`}>All payments of this invoice</a>
      </p>
    </section>
  );
}

function Part({ title, name, children }: { title: string; name: string; children: ComponentChildren }) {
  return (
    <div data-region={name}>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function PaymentHistory({ parts, timeZone }: { parts: PaymentParts; timeZone: string }) {
  const when = { title: 'When', cell: ({ at }: { at: Date }) => <When at={at} timeZone={timeZone} /> };
  return (
    <>
      <Part title="What happened" name="timeline">
        <ol class="timeline" reversed>
          {parts.events.map((event) => (
            <li key={event.seq}>
              <When at={event.at} timeZone={timeZone} /> <span>{eventWords(event)}.</span>
            </li>
          ))}
        </ol>
      </Part>
      <Part title="Calls to Invoicebox" name="calls">
        <Table
          caption="Calls to Invoicebox"
          rows={parts.attempts}
          keyOf={({ n }) => String(n)}
          empty="Invoicebox was not asked to take it."
          columns={[
            { title: 'No.', isNumber: true, cell: ({ n }) => n },
            { title: 'Began', cell: ({ startedAt }) => <When at={startedAt} timeZone={timeZone} /> },
            { title: 'Ended', cell: ({ finishedAt }) => <When at={finishedAt} timeZone={timeZone} /> },
            {
              title: 'Its answer means',
              cell: (attempt) => attempt.class?.replaceAll('_', ' ') ?? 'no answer: it may have arrived',
            },
            { title: 'Code', cell: ({ code }) => <Said text={code} most={60} /> },
            { title: 'X-Request-Id', cell: ({ requestId }) => <Said text={requestId} most={80} /> },
          ]}
        />
      </Part>
      <Part title="Ledger" name="entries">
        <Table
          caption="Ledger entries"
          rows={parts.entries}
          keyOf={({ id }) => id}
          empty="Nothing was booked."
          columns={[
            when,
            { title: 'Kind', cell: ({ kind }) => kind.replaceAll('_', ' ') },
            { title: 'From', cell: ({ debit }) => debit },
            { title: 'To', cell: ({ credit }) => credit },
            {
              title: 'Amount',
              isNumber: true,
              cell: ({ asset, amount }) =>
                asset === 'points' ? `${count(amount)} points` : <Money amountMinor={amount} currency={asset} />,
            },
          ]}
        />
      </Part>
      {parts.returns.length > 0 && (
        <Part title="Returns" name="returns">
          <Table
            caption="Returns"
            rows={parts.returns}
            keyOf={({ id }) => id}
            empty=""
            columns={[
              { title: 'Return', cell: ({ id }) => <Id id={id} /> },
              { title: 'State', cell: ({ state }) => <State state={state} /> },
              {
                title: 'Amount',
                isNumber: true,
                cell: ({ amountMinor, currency }) => <Money amountMinor={amountMinor} currency={currency} />,
              },
              { title: 'Points', isNumber: true, cell: ({ points }) => <Count value={points} /> },
              { title: 'Reference', cell: ({ reference }) => <Said text={reference} most={80} /> },
              { title: 'Reason', cell: ({ reason }) => <Said text={reason} /> },
              {
                title: 'Asked for by',
                cell: ({ requestedBy }) => (requestedBy === null ? '' : actorWords(requestedBy)),
              },
              { title: 'Decided by', cell: ({ decidedBy }) => (decidedBy === null ? '' : actorWords(decidedBy)) },
            ]}
          />
        </Part>
      )}
      {parts.resolutions.length > 0 && (
        <Part title="What persons said" name="resolutions">
          <Table
            caption="Resolutions"
            rows={parts.resolutions}
            keyOf={({ id }) => id}
            empty=""
            columns={[
              when,
              { title: 'Who', cell: ({ actor }) => actorWords(actor) },
              { title: 'Said', cell: ({ outcome }) => outcome.replaceAll('_', ' ') },
              { title: 'Reason', cell: ({ reason }) => <Said text={reason.replaceAll('_', ' ')} most={80} /> },
              { title: 'Comment', cell: ({ comment }) => <Said text={comment} /> },
              { title: 'Reference', cell: ({ reference }) => <Said text={reference} most={80} /> },
              { title: 'Transaction', cell: ({ transactionId }) => <Said text={transactionId} most={40} /> },
              {
                title: 'Came of it',
                cell: ({ result }) =>
                  result === null
                    ? 'no answer yet'
                    : result.why === undefined
                      ? 'done'
                      : `refused: ${refusalWords(result.why)}`,
              },
            ]}
          />
        </Part>
      )}
      <Part title="Webhooks" name="webhooks">
        <Table
          caption="Webhooks of its events"
          rows={parts.deliveries}
          keyOf={({ eventId, endpointId }) => `${eventId} ${endpointId ?? ''}`}
          empty="The partner was told nothing yet."
          columns={[
            when,
            { title: 'Event', cell: ({ type }) => type },
            { title: 'Endpoint', cell: ({ url }) => <Said text={url ?? 'no endpoint listened'} most={120} /> },
            { title: 'State', cell: ({ state }) => (state === null ? '' : <State state={state} />) },
            { title: 'Attempts', isNumber: true, cell: ({ attempts }) => <Count value={attempts} /> },
            {
              title: 'Last answer',
              cell: ({ lastStatus, lastProblem }) => (
                <Said text={lastStatus === null ? lastProblem : String(lastStatus)} most={80} />
              ),
            },
          ]}
        />
      </Part>
      <Part title="Audit" name="acts">
        <Table
          caption="What operators did with it"
          rows={parts.acts}
          keyOf={({ n }) => String(n)}
          empty="No operator has acted on it."
          columns={[
            { title: 'No.', isNumber: true, cell: ({ n }) => n },
            when,
            { title: 'Operator', cell: ({ operator }) => <Said text={operator} most={60} /> },
            { title: 'Act', cell: ({ action }) => action },
            { title: 'Outcome', cell: ({ outcome }) => <Said text={outcome.replaceAll('_', ' ')} most={100} /> },
          ]}
        />
      </Part>
    </>
  );
}
