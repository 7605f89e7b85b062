import type { VNode } from 'preact';
import type { FundBalance } from '../books.js';
import type { Invoice } from '../invoice.js';
import { formatMoney } from '../money.js';
import type { UnhappyCase } from './cases.js';
import type { Good } from './goods.js';

interface ShopProps {
  goods: readonly Good[];
  cases: readonly UnhappyCase[];
  funds: readonly FundBalance[];
}

export function ShopPage({ goods, cases, funds }: ShopProps): VNode {
  return (
    <main class="wide">
      <p class="eyebrow">Демо-магазин</p>
      <h1>Купите что-нибудь за баллы</h1>
      <p class="muted">
        Магазин выставит счёт в Инвойсбоксе и отправит вас на страницу программы лояльности.
        {funds.map((fund) => ` Гарантийный фонд: доступно ${formatMoney(fund.availableMinor, fund.currency)}.`)}
      </p>
      <ul class="goods">
        {goods.map((good) => (
          <li class="card good" key={good.id}>
            <span class="picture" aria-hidden="true">
              {good.emoji}
            </span>
            <h2>{good.name}</h2>
            <p class="muted">{good.about}</p>
            <p class="price">{formatMoney(good.priceMinor, 'RUB')}</p>
            <form method="post" action={`/shop/goods/${good.id}`}>
              <button class="button" type="submit" aria-label={`Оплатить баллами: ${good.name}`}>
                Оплатить баллами
              </button>
            </form>
          </li>
        ))}
      </ul>
      <section>
        <h2>Посмотреть неудачные случаи</h2>
        <ul class="cases">
          {cases.map((unhappy) => (
            <li key={unhappy.name}>
              <form method="post" action={`/shop/cases/${unhappy.name}`}>
                <button class="case" type="submit">
                  <strong>{unhappy.title}</strong>
                  <small>{unhappy.about}</small>
                  <span class="price">{formatMoney(unhappy.amountMinor, 'RUB')}</span>
                </button>
              </form>
            </li>
          ))}
        </ul>
      </section>
    </main>
  );
}

const returns = {
  success: { title: 'Спасибо за покупку', text: 'Магазин ждёт подтверждения оплаты от Инвойсбокса.' },
  fail: { title: 'Оплатить не получилось', text: 'Заказ сохранён: можно выбрать другой способ оплаты.' },
  cancel: { title: 'Вы отказались от оплаты', text: 'Заказ сохранён: к оплате можно вернуться.' },
};

export function ReturnPage({ result, invoice }: { result: unknown; invoice: Invoice | undefined }): VNode {
  const { title, text } = returns[result === 'success' || result === 'cancel' ? result : 'fail'];
  return (
    <main class="card narrow" data-result={result === 'success' || result === 'cancel' ? result : 'fail'}>
      <h1>{title}</h1>
      <p>{text}</p>
      <div class="actions">
        {invoice && (
          <a class="button" href={`/order/${invoice.id}`}>
            Счёт № {invoice.number}
          </a>
        )}
        <a class="button secondary" href="/shop">
          В магазин
        </a>
      </div>
    </main>
  );
}

export function NothingHerePage(): VNode {
  return (
    <main class="card narrow">
      <h1>Здесь ничего нет</h1>
      <p class="back">
        <a href="/shop">В магазин</a>
      </p>
    </main>
  );
}
