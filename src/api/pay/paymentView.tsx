/** What stands under the heading of a payment's page, view by view. Texts from outside are shown as text, cut by CSS. */
import type { PaymentEntity } from '../../database/entities/payment.js';
import { formatClock, formatMoney, formatPoints, formatTime, type Language } from './format.js';
import { fill, texts } from './texts.js';
import type { ViewName } from './viewOf.js';

export interface PaymentPage {
  readonly view: ViewName;
  readonly payment: PaymentEntity;
  readonly language: Language;
  readonly timeZone: string;
  /** Points that the member can spend now. */
  readonly available: number;
  /** This payment's address, without a query. */
  readonly path: string;
  /** The buyer's own payments. */
  readonly listPath: string;
  readonly csrfToken: string;
  readonly idempotencyId: string;
  readonly mayCancel: boolean;
  /** A confirmation was accepted and is not acted on yet: it shows as processing. */
  readonly sent: boolean;
  /** Checked links; null where there is none that may be shown. */
  readonly links: {
    readonly invoice: string | null;
    readonly success: string | null;
    readonly fail: string | null;
    readonly cancel: string | null;
  };
}

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

function Summary({
  view,
  payment,
  language,
  timeZone,
  available,
  withBalance = false,
}: PaymentPage & { withBalance?: boolean }) {
  const t = texts[language];
  const { points, amountMinor, currency, invoiceExpiresAt } = payment;
  const pointsName = pointsNameOf(view, language);
  return (
    <dl class="summary">
      {payment.description !== null && <Row name={t.description} value={shortened(payment.description)} />}
      {payment.invoiceNumber !== null && <Row name={t.invoice} value={payment.invoiceNumber} />}
      {amountMinor !== null && currency !== null && (
        <Row name={t.amount} value={formatMoney(amountMinor, currency, language)} />
      )}
      {points !== null && pointsName !== null && <Row name={pointsName} value={formatPoints(points, language)} />}
      {withBalance && points !== null && (
        <>
          <Row name={t.balanceBefore} value={formatPoints(available, language)} />
          {available >= points ? (
            <Row name={t.balanceAfter} value={formatPoints(available - points, language)} />
          ) : (
            <Row name={t.shortfall} value={formatPoints(points - available, language)} />
          )}
        </>
      )}
      {withBalance && invoiceExpiresAt !== null && (
        <div>
          <dt>{t.payBy}</dt>
          <dd>
            <time dateTime={invoiceExpiresAt.toISOString()}>{formatTime(invoiceExpiresAt, language, timeZone)}</time>
          </dd>
        </div>
      )}
      <Row name={t.reference} value={payment.id} />
    </dl>
  );
}

/** What the points of this payment are by now; where none were taken, nothing is said of them. */
function pointsNameOf(view: ViewName, language: Language): string | null {
  const t = texts[language];
  switch (view) {
    case 'paid':
      return t.charged;
    case 'unknown':
      return t.reserved;
    case 'declined':
    case 'expired':
    case 'cancelled':
    case 'paid_elsewhere':
    case 'opening':
    case 'someone_else':
    case 'someone_else_paid':
    case 'someone_else_ended':
      return null;
    case 'ready':
    case 'amount_changed':
    case 'try_again':
    case 'insufficient_points':
    case 'fund_unavailable':
    case 'processing':
      return t.toCharge;
  }
}

const longestDescription = 200;

/** A text from outside: without marks that turn its direction, and not longer than the page can bear. */
function shortened(text: string): string {
  const plain = text.replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '');
  const points = Array.from(plain);
  return points.length <= longestDescription ? plain : `${points.slice(0, longestDescription - 1).join('')}…`;
}

function Row({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd dir="auto">{value}</dd>
    </div>
  );
}

/** Carries what the buyer sees: anything else is refused by the saga. */
export function ConfirmForm({
  payment,
  language,
  path,
  csrfToken,
  idempotencyId,
  again = false,
  quiet = false,
}: PaymentPage & { again?: boolean; quiet?: boolean }) {
  const t = texts[language];
  const { points, amountMinor, currency } = payment;
  if (points === null || amountMinor === null || currency === null) return null;
  return (
    <form method="post" action={`${path}/confirm?lang=${language}`} data-working={t.working}>
      <input type="hidden" name="csrf" value={csrfToken} />
      <input type="hidden" name="idempotencyId" value={idempotencyId} />
      <input type="hidden" name="amountMinor" value={amountMinor} />
      <input type="hidden" name="currency" value={currency} />
      <input type="hidden" name="points" value={points} />
      <button class={quiet ? 'secondary' : 'primary'}>
        {fill(again ? t.payAgain : t.pay, { points: formatPoints(points, language) })}
      </button>
    </form>
  );
}

export function CancelForm({ language, path, csrfToken, idempotencyId, mayCancel }: PaymentPage) {
  if (!mayCancel) return null;
  const t = texts[language];
  return (
    <form method="post" action={`${path}/cancel?lang=${language}`} data-working={t.working}>
      <input type="hidden" name="csrf" value={csrfToken} />
      <input type="hidden" name="idempotencyId" value={idempotencyId} />
      <button class="secondary">{t.cancel}</button>
    </form>
  );
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

/** Only who has just paid is taken along; who looks at an old payment stays. */
const justPaidMs = 2 * 60_000;

function PaidReturn({ links, language, payment }: PaymentPage) {
  const t = texts[language];
  const url = links.invoice ?? links.success;
  if (url === null) return null;
  const isJustPaid = payment.paidAt !== null && Date.now() - payment.paidAt.getTime() < justPaidMs;
  const text = url === links.invoice ? t.toInvoice : t.toShop;
  return (
    <div class="return" data-return={isJustPaid} data-text={t.autoReturn}>
      <a class="primary" href={url} autofocus aria-describedby="countdown">
        {text}
      </a>
      <p id="countdown" data-countdown hidden />
      <button type="button" class="secondary" data-stay hidden>
        {t.stay}
      </button>
    </div>
  );
}

function ReturnLink({ links, language, kind }: PaymentPage & { kind: 'fail' | 'cancel' | 'invoice' }) {
  const t = texts[language];
  const url = links[kind] ?? links.fail ?? links.cancel ?? links.invoice;
  if (url === null) return null;
  return (
    <p>
      <a class="primary" href={url}>
        {url === links.invoice ? t.toInvoice : t.toShop}
      </a>
    </p>
  );
}

function Reason({ payment, language }: PaymentPage) {
  const reason = payment.reason === null ? undefined : texts[language].reasons[payment.reason];
  return reason === undefined ? null : <p class="reason">{reason}</p>;
}
