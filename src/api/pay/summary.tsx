/** What is paid, for what, by when, and the balance before and after. Texts from outside are shown as text. */
import { formatMoney, formatPoints, formatTime, type Language } from './format.js';
import type { PaymentPage } from './paymentPage.js';
import { texts } from './texts.js';
import type { ViewName } from './viewOf.js';

export function Summary({
  view,
  payment,
  language,
  timeZone,
  available,
  withBalance = false,
}: PaymentPage & { withBalance?: boolean }) {
  const t = texts[language];
  const { points, amountMinor, currency, invoiceExpiresAt, returnedMinor, returnedPoints } = payment;
  const pointsName = pointsNameOf(view, language);
  return (
    <dl class="summary">
      {payment.description !== null && <Row name={t.description} value={shortened(payment.description)} />}
      {payment.invoiceNumber !== null && <Row name={t.invoice} value={payment.invoiceNumber} />}
      {amountMinor !== null && currency !== null && (
        <Row name={t.amount} value={formatMoney(amountMinor, currency, language)} />
      )}
      {points !== null && pointsName !== null && <Row name={pointsName} value={formatPoints(points, language)} />}
      {view === 'paid' && returnedMinor > 0 && currency !== null && (
        <>
          <Row name={t.returned} value={formatMoney(returnedMinor, currency, language)} />
          <Row name={t.returnedPoints} value={formatPoints(returnedPoints, language)} />
        </>
      )}
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
