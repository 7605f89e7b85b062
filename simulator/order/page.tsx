import type { Invoice } from '../books.js';
import type { InvoiceState } from '../invoiceState.js';
import { russianAmount } from '../money.js';
import { renderPage } from '../pages/layout.js';

const SITE = 'Инвойсбокс';

const headings: Record<InvoiceState, string> = {
  pending: 'Ожидает оплаты',
  paid: 'Счёт оплачен',
  expired: 'Срок оплаты истёк',
  canceled: 'Счёт отменён',
  partial: 'Счёт оплачен частично',
};

const explanations: Record<InvoiceState, string> = {
  pending: 'Выберите способ оплаты.',
  paid: 'Магазин уже знает об оплате и собирает заказ.',
  expired: 'Оплатить этот счёт уже нельзя. Оформите заказ снова.',
  canceled: 'Магазин отменил этот счёт. Платить не нужно.',
  partial: 'Остаток примет магазин: обратитесь к нему.',
};

interface OrderPage {
  readonly invoice: Invoice;
  readonly state: InvoiceState;
  /** Surety's entry for this invoice. */
  readonly pointsUrl: string;
  readonly shopUrl: string;
}

export function orderPage({ invoice, state, pointsUrl, shopUrl }: OrderPage): string {
  return renderPage({
    title: headings[state],
    site: SITE,
    look: 'invoicebox',
    status: state,
    children: (
      <div class="card narrow">
        <p class={`badge ${state}`}>Счёт № {invoice.number}</p>
        <h1>{headings[state]}</h1>
        <p class="sum">{russianAmount(invoice.amountMinor, invoice.currency)}</p>
        <p class="muted">{explanations[state]}</p>
        <dl>
          <dt>За что</dt>
          <dd>{invoice.description}</dd>
          <dt>Оплатить до</dt>
          <dd>
            <time dateTime={invoice.expiresAt}>{moscowTime(invoice.expiresAt)}</time>
          </dd>
          {state === 'paid' && (
            <>
              <dt>Чем оплачен</dt>
              <dd>{instrument(invoice)}</dd>
            </>
          )}
        </dl>
        {state === 'pending' ? (
          <div class="ways">
            <a class="button" href={pointsUrl}>
              Оплатить баллами
            </a>
            <form method="post" action={`/order/${invoice.id}/pay`}>
              <button class="button quiet">Оплатить картой</button>
            </form>
          </div>
        ) : (
          <a class="button quiet" href={shopUrl}>
            Вернуться в магазин
          </a>
        )}
      </div>
    ),
  });
}

export function noOrderPage(): string {
  return renderPage({
    title: 'Счёт не найден',
    site: SITE,
    look: 'invoicebox',
    status: 'not_found',
    children: (
      <div class="card narrow">
        <h1>Счёт не найден</h1>
        <p class="muted">Проверьте ссылку, по которой вы пришли.</p>
      </div>
    ),
  });
}

function instrument({ paidBy }: Invoice): string {
  return paidBy === undefined || paidBy === 'another instrument' ? 'Картой' : 'Баллами программы лояльности';
}

function moscowTime(instant: string): string {
  const format = new Intl.DateTimeFormat('ru-RU', { dateStyle: 'long', timeStyle: 'short', timeZone: 'Europe/Moscow' });
  return `${format.format(new Date(instant))} (МСК)`;
}
