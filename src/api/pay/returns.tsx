/** The ways back: to the invoice's page at Invoicebox, or to the shop. Their links are checked already. */
import type { PaymentPage } from './paymentPage.js';
import { texts } from './texts.js';

/** Only who has just paid is taken along; who looks at an old payment stays. */
const justPaidMs = 2 * 60_000;

export function PaidReturn({ links, language, payment }: PaymentPage) {
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

export function ReturnLink({ links, language, kind }: PaymentPage & { kind: 'fail' | 'cancel' | 'invoice' }) {
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
