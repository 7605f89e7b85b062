/** The two things that a buyer can do to a payment. */
import { formatPoints } from './format.js';
import type { PaymentPage } from './paymentPage.js';
import { fill, texts } from './texts.js';

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
