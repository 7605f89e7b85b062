import type { Invoice } from '../books.js';
import type { InvoiceState } from '../invoiceState.js';
import { russianAmount } from '../money.js';
import { renderPage } from '../pages/layout.js';
import { type Good, goods } from './goods.js';
import { unhappyCases } from './unhappyCases.js';

const SITE = 'Магазин «Полка»';

export function shopPage(): string {
  return renderPage({
    title: 'Товары',
    site: SITE,
    look: 'shop',
    children: (
      <>
        <h1>Покупайте за баллы</h1>
        <p class="muted lead">Выберите товар: счёт выставит Инвойсбокс, баллы спишет программа лояльности.</p>
        <ul class="goods">
          {goods.map((good) => (
            <GoodCard key={good.id} good={good} />
          ))}
        </ul>
        <section aria-labelledby="unhappy">
          <h2 id="unhappy">Посмотреть неудачные случаи</h2>
          <p class="muted lead">Каждая кнопка создаёт счёт, с которым что-то пойдёт не так.</p>
          <ul class="cases">
            {unhappyCases.map((unhappy) => (
              <li key={unhappy.id}>
                <form method="post" action="/shop/orders">
                  <button class="case" name="case" value={unhappy.id}>
                    <strong>{unhappy.title}</strong>
                    <small>{unhappy.about}</small>
                  </button>
                </form>
              </li>
            ))}
          </ul>
        </section>
      </>
    ),
  });
}

function GoodCard({ good }: { readonly good: Good }) {
  return (
    <li class="card good">
      <div class="picture">
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d={good.drawing} />
        </svg>
      </div>
      <h2>{good.title}</h2>
      <p class="price">{russianAmount(good.priceMinor, 'RUB')}</p>
      <form method="post" action="/shop/orders">
        <button class="button" name="good" value={good.id} aria-label={`Оплатить баллами: ${good.title}`}>
          Оплатить баллами
        </button>
      </form>
    </li>
  );
}

const results = {
  success: ['Спасибо за заказ', 'Мы уже собираем его.'],
  fail: ['Оплата не прошла', 'Заказ сохранён: его можно оплатить иначе.'],
  cancel: ['Вы отменили оплату', 'Заказ сохранён: его можно оплатить позже.'],
} as const;

export type ReturnResult = keyof typeof results;

export function isReturnResult(value: unknown): value is ReturnResult {
  return typeof value === 'string' && Object.hasOwn(results, value);
}

interface ReturnPage {
  readonly result: ReturnResult;
  readonly order?: { readonly invoice: Invoice; readonly state: InvoiceState } | undefined;
}

/** The link only says where the buyer comes from: what is true of the money, the invoice says. */
export function returnPage({ result, order }: ReturnPage): string {
  const told = order?.state === 'paid' ? 'success' : result === 'success' ? 'fail' : result;
  const [title, text] = results[told];
  return renderPage({
    title,
    site: SITE,
    look: 'shop',
    status: order?.state ?? 'not_found',
    children: (
      <div class="card narrow">
        <h1>{title}</h1>
        <p>{text}</p>
        {order && (
          <p class="muted">
            Счёт № {order.invoice.number}, {russianAmount(order.invoice.amountMinor, order.invoice.currency)}
          </p>
        )}
        <div class="ways">
          <a class="button" href="/shop">
            В магазин
          </a>
          {order && (
            <a class="button quiet" href={`/order/${order.invoice.id}`}>
              Открыть счёт
            </a>
          )}
        </div>
      </div>
    ),
  });
}
