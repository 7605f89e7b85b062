/** What stands under the heading of a payment's page, view by view. */
import { formatClock, formatTime, type Language } from './format.js';
import { CancelForm, ConfirmForm } from './forms.js';
import type { PaymentPage } from './paymentPage.js';
import { PaidReturn, ReturnLink } from './returns.js';
import { Summary } from './summary.js';
import { texts } from './texts.js';
import type { ViewName } from './viewOf.js';

export function PaymentView(page: PaymentPage) {
  return (
    <>
      <Content {...page} />
      <p class="more">
        <a href={`${page.listPath}?lang=${page.language}`}>{texts[page.language].myPayments}</a>
      </p>
    </>
  );
}

function Content(page: PaymentPage) {
  switch (page.view) {
    case 'ready':
    case 'amount_changed':
    case 'try_again':
      return (
        <>
          <Summary {...page} withBalance />
          <ConfirmForm {...page} again={page.view === 'try_again'} />
          <CancelForm {...page} />
        </>
      );
    case 'insufficient_points':
      return (
        <>
          <Summary {...page} withBalance />
          <ReturnLink {...page} kind="fail" />
          <CancelForm {...page} />
        </>
      );
    case 'fund_unavailable':
      return (
        <>
          <Summary {...page} />
          <ReturnLink {...page} kind="fail" />
          {page.payment.state === 'awaiting_confirmation' && <ConfirmForm {...page} again quiet />}
          {page.payment.state === 'awaiting_confirmation' && <CancelForm {...page} />}
        </>
      );
    case 'opening':
      return (
        <>
          <StatusRegion {...page} />
          <ReturnLink {...page} kind="fail" />
          <CancelForm {...page} />
        </>
      );
    case 'processing':
    case 'unknown':
      return (
        <>
          <StatusRegion {...page} />
          <Summary {...page} />
        </>
      );
    case 'paid':
      return (
        <>
          <PaidReturn {...page} />
          <Summary {...page} />
        </>
      );
    case 'paid_elsewhere':
      return (
        <>
          <ReturnLink {...page} kind="invoice" />
          <Summary {...page} />
        </>
      );
    case 'declined':
    case 'expired':
      return (
        <>
          <Reason {...page} />
          <ReturnLink {...page} kind="fail" />
          <Summary {...page} />
        </>
      );
    case 'cancelled':
      return (
        <>
          <ReturnLink {...page} kind="cancel" />
          <Summary {...page} />
        </>
      );
    case 'someone_else':
    case 'someone_else_paid':
    case 'someone_else_ended':
      return <ReturnLink {...page} kind="invoice" />;
  }
}

function StatusRegion({ payment, view, language, timeZone, path, sent }: PaymentPage) {
  const t = texts[language];
  return (
    <div class="status">
      <p role="status" data-poll={`${path}/status?lang=${language}${sent ? '&sent=1' : ''}`} data-view={view}>
        {statusText(view, payment.nextProbeAt, language, timeZone)}
      </p>
      <p>
        <a class="secondary" href={`${path}?lang=${language}${sent ? '&sent=1' : ''}`}>
          {t.check}
        </a>
      </p>
    </div>
  );
}

/** A time further away than this is told with its date. */
const soonMs = 60 * 60_000;

/** The one text that changes while the buyer waits. */
export function statusText(view: ViewName, nextProbeAt: Date | null, language: Language, timeZone: string): string {
  if (view !== 'unknown' || nextProbeAt === null) return texts[language].stillWorking;
  const isSoon = nextProbeAt.getTime() - Date.now() < soonMs;
  const when = isSoon ? formatClock(nextProbeAt, language, timeZone) : formatTime(nextProbeAt, language, timeZone);
  return `${texts[language].nextCheck}: ${when}`;
}

function Reason({ payment, language }: PaymentPage) {
  const reason = payment.reason === null ? undefined : texts[language].reasons[payment.reason];
  return reason === undefined ? null : <p class="reason">{reason}</p>;
}
