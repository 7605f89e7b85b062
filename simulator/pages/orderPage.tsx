import type { VNode } from 'preact';
import type { Invoice, VisibleStatus } from '../invoice.js';
import { formatMoney } from '../money.js';
import { formatTime } from '../time.js';

const headings: Record<VisibleStatus, string> = {
  paid: 'Счёт оплачен',
  pending: 'Ожидает оплаты',
  expired: 'Срок оплаты истёк',
  canceled: 'Счёт отменён',
  partial: 'Оплачен частично',
};

interface Props {
  invoice: Invoice;
  status: VisibleStatus;
  pointsUrl: string;
}

export function OrderPage({ invoice, status, pointsUrl }: Props): VNode {
  return (
    <main class="card narrow" data-status={status}>
      <p class={`badge ${status}`}>{headings[status]}</p>
      <h1>{formatMoney(invoice.amountMinor, invoice.currency)}</h1>
      <dl class="facts">
        <dt>Счёт</dt>
        <dd>№ {invoice.number}</dd>
        <dt>Назначение</dt>
        <dd>{invoice.description}</dd>
        <dt>Оплатить до</dt>
        <dd>{formatTime(invoice.expiresAt)}</dd>
      </dl>
      {status === 'pending' && (
        <div class="actions">
          <a class="button" href={pointsUrl}>
            Оплатить баллами
          </a>
          <form method="post" action={`/order/${invoice.id}/card`}>
            <button class="button secondary" type="submit">
              Оплатить картой
            </button>
          </form>
        </div>
      )}
      {status === 'paid' && <p class="muted">Спасибо! Магазин уже получил подтверждение оплаты.</p>}
      <p class="back">
        <a href="/shop">Вернуться в магазин</a>
      </p>
    </main>
  );
}

export function NoOrderPage(): VNode {
  return (
    <main class="card narrow">
      <h1>Такого счёта нет</h1>
      <p class="muted">Проверьте ссылку или начните покупку заново.</p>
      <p class="back">
        <a href="/shop">В магазин</a>
      </p>
    </main>
  );
}
