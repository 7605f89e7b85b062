import type { PaymentEntity } from '../../database/entities/payment.js';
import { formatDay, formatPoints, formatTime, type Language } from './format.js';
import { texts } from './texts.js';

/** What the buyer can spend and by when, his own payments, newest first, and the way out. */
export function PaymentList({
  payments,
  available,
  expiringSoon,
  language,
  timeZone,
  slug,
  csrfToken,
}: {
  payments: readonly PaymentEntity[];
  available: number;
  expiringSoon: readonly { readonly expiresOn: string; readonly points: number }[];
  language: Language;
  timeZone: string;
  slug: string;
  csrfToken: string;
}) {
  const t = texts[language];
  return (
    <>
      <dl class="summary">
        <div>
          <dt>{t.balance}</dt>
          <dd>{formatPoints(available, language)}</dd>
        </div>
        {expiringSoon.map(({ expiresOn, points }) => (
          <div key={expiresOn}>
            <dt>
              {t.spendBy} <time dateTime={expiresOn}>{formatDay(expiresOn, language)}</time>
            </dt>
            <dd>{formatPoints(points, language)}</dd>
          </div>
        ))}
      </dl>
      {payments.length === 0 ? (
        <p>{t.none}</p>
      ) : (
        <ul class="payments">
          {payments.map((payment) => (
            <li key={payment.id}>
              <a href={`/pay/${slug}/payments/${payment.id}?lang=${language}`}>
                <strong>{payment.points === null ? t.invoice : formatPoints(payment.points, language)}</strong>
                <span>{t.states[payment.state]}</span>
                {payment.returnedMinor > 0 && (
                  <span>
                    {t.returnedPoints}: {formatPoints(payment.returnedPoints, language)}
                  </span>
                )}
                <time dateTime={payment.openedAt.toISOString()}>
                  {formatTime(payment.openedAt, language, timeZone)}
                </time>
                <span class="reference">{payment.id}</span>
              </a>
            </li>
          ))}
        </ul>
      )}
      <form method="post" action={`/pay/${slug}/logout?lang=${language}`} data-working={t.working}>
        <input type="hidden" name="csrf" value={csrfToken} />
        <button class="secondary">{t.logOut}</button>
      </form>
    </>
  );
}
