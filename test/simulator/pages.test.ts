import { beforeAll, describe, expect, it } from '@jest/globals';
import { startedSimulator, suretyUrl, type TestedSimulator } from './startedSimulator.js';

let simulator: TestedSimulator;
beforeAll(async () => {
  simulator = await startedSimulator({ SHOP_ACCOUNT: 'acme' });
  await simulator.applyAccount('acme', { funds: [{ currency: 'RUB', sizeMinor: 100_000_000 }] });
});

async function order(form: Readonly<Record<string, string>>): Promise<URL> {
  const response = await fetch(`${simulator.url}/shop/orders`, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams(form),
  });
  expect(response.status).toBe(303);
  return new URL(response.headers.get('location') ?? '');
}

const page = async (path: string): Promise<string> => (await fetch(simulator.url + path)).text();
const orderOf = (entry: URL): string => entry.searchParams.get('invoiceId') ?? '';

describe('the shop', () => {
  it('sends the buyer to the programme with the invoice and the links back', async () => {
    const entry = await order({ good: 'mug' });
    expect(entry.origin + entry.pathname).toBe(`${suretyUrl}/pay/kafeteriy`);
    const id = orderOf(entry);
    for (const result of ['success', 'fail', 'cancel']) {
      expect(entry.searchParams.get(`${result}Url`)).toBe(
        `${simulator.url}/shop/return?result=${result}&invoiceId=${id}`,
      );
    }
    expect(await simulator.control('GET', `/invoices/${id}`)).toMatchObject({
      accountId: 'acme',
      amountMinor: 124_990,
      status: 'pending',
      customer: { name: 'Анна Соколова' },
    });
  });

  it('offers every unhappy case, each with its trouble arranged', async () => {
    const offered = [...(await page('/shop')).matchAll(/name="case" value="([^"]+)"/g)].map(([, id]) => id ?? '');
    expect(offered).toEqual(['expired', 'edited', 'paid-elsewhere', 'too-dear', 'slow', 'outage', 'cut']);
    for (const id of offered) await order({ case: id });
    const faults = await simulator.control<{ kind: string }[]>('GET', '/faults');
    expect(faults.map(({ kind }) => kind)).toEqual([
      'edit_after',
      'pay_elsewhere_after',
      'delay',
      'error_before',
      'cut_after',
    ]);
  });

  it('believes the invoice, not the link, when the buyer comes back', async () => {
    const id = orderOf(await order({ good: 'mug' }));
    expect(await page(`/shop/return?result=success&invoiceId=${id}`)).toContain('Оплата не прошла');
    await simulator.confirm(id, 'paid');
    expect(await page(`/shop/return?result=fail&invoiceId=${id}`)).toContain('Спасибо за заказ');
  });
});

describe('the payment page', () => {
  it('offers points and a card while the invoice waits, and says how it was paid afterwards', async () => {
    const [byPoints, byCard] = [orderOf(await order({ good: 'hotel' })), orderOf(await order({ good: 'hotel' }))];
    const waiting = await page(`/order/${byCard}`);
    expect(waiting).toContain('data-status="pending"');
    expect(waiting).toContain('19\u00a0658,45\u00a0₽');
    expect(waiting).toContain(`${suretyUrl}/pay/kafeteriy?invoiceId=${byCard}`);

    await simulator.confirm(byPoints, 'points');
    expect(await page(`/order/${byPoints}`)).toMatch(/data-status="paid".*Счёт оплачен.*Баллами/s);
    const paid = await fetch(`${simulator.url}/order/${byCard}/pay`, { method: 'POST' });
    expect(await paid.text()).toMatch(/data-status="paid".*Счёт оплачен.*Картой/s);
  });

  it.each([
    ['expired', { expiresAt: '2020-01-01T00:00:00Z' }],
    ['canceled', { status: 'canceled' }],
    ['partial', { status: 'partial' }],
  ])('tells that an invoice is %s and offers no way to pay', async (status, fields) => {
    const html = await page(`/order/${await simulator.invoice(fields)}`);
    expect(html).toContain(`data-status="${status}"`);
    expect(html).not.toContain('Оплатить баллами');
  });

  it('answers 404 for an unknown invoice, and loads nothing from elsewhere', async () => {
    const response = await fetch(`${simulator.url}/order/nothing`);
    expect(response.status).toBe(404);
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect((await fetch(`${simulator.url}/assets/simulator.css`)).status).toBe(200);
  });
});
