import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startedSimulator, type TestedSimulator, token } from './startedSimulator.js';

let simulator: TestedSimulator;
let account = '';
let bearer = '';
let accounts = 0;
beforeAll(async () => {
  simulator = await startedSimulator();
});
beforeEach(async () => {
  accounts += 1;
  account = `fund-${accounts}`;
  bearer = `${token}-${accounts}`;
  await simulator.applyAccount(account, { token: bearer, funds: [{ currency: 'RUB', sizeMinor: 100_000 }] });
});

async function paid(amountMinor: number, number: string): Promise<string> {
  const id = await simulator.invoice({ amountMinor, number });
  expect((await simulator.confirm(id, `pays-${number}`, bearer)).status).toBe(200);
  return id;
}
const drawn = () => simulator.drawnMinor(account);

describe('what a merchant gives back', () => {
  it('restores the fund, in parts and never more than was paid', async () => {
    const id = await paid(10_000, 'r-1');
    const reverse = (body: object) => simulator.control('POST', `/invoices/${id}/reverse`, body);
    const first = await reverse({ amountMinor: 2_500, restoreFund: true, status: 'paid' });
    expect(first).toMatchObject({ amountMinor: 2_500, restoredTo: account });
    expect(await drawn()).toBe(7_500);
    expect((await simulator.read(id, bearer)).body).toMatchObject({ data: [{ status: 'paid', amount: 100 }] });
    await expect(reverse({ amountMinor: 7_501, restoreFund: true, status: 'paid' })).rejects.toThrow(/409.*7500/);
    expect(await reverse({ restoreFund: true, status: 'canceled' })).toMatchObject({ amountMinor: 7_500 });
    expect(await drawn()).toBe(0);
    expect((await simulator.read(id, bearer)).body).toMatchObject({ data: [{ status: 'canceled' }] });
  });

  it('may go elsewhere, and is nothing where nothing was paid', async () => {
    const id = await paid(10_000, 'r-2');
    const elsewhere = { restoreFund: false, status: 'paid' };
    expect(await simulator.control('POST', `/invoices/${id}/reverse`, elsewhere)).toMatchObject({ restoredTo: null });
    expect(await drawn()).toBe(10_000);
    const open = await simulator.invoice();
    await expect(simulator.control('POST', `/invoices/${open}/reverse`, elsewhere)).rejects.toThrow('409');
  });
});

describe('the statement', () => {
  it('has draws, refunds and deposits with what the fund holds after each', async () => {
    await simulator.control('POST', `/accounts/${account}/deposits`, { amountMinor: 50_000, billNumber: 'bill; 7' });
    const id = await paid(19_658, 's-1');
    await simulator.control('POST', `/invoices/${id}/reverse`, {
      amountMinor: 58,
      restoreFund: true,
      status: 'paid',
    });
    const response = await simulator.send('GET', `/control/accounts/${account}/statement?zone=UTC`, { bearer: null });
    const lines = (await response.text()).trimEnd().split('\r\n');
    expect(lines[0]).toBe('Дата;Операция;Номер транзакции;Операция партнёра;Номер счёта;Сумма;Валюта;Остаток');
    const uuid = '[0-9a-f-]{36}';
    const time = String.raw`\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d`;
    expect(lines.slice(1)).toEqual([
      expect.stringMatching(`^${time};Пополнение;${uuid};;"bill; 7";500,00;RUB;1500,00$`),
      expect.stringMatching(`^${time};Списание;${uuid};pays-s-1;s-1;-196,58;RUB;1303,42$`),
      expect.stringMatching(`^${time};Возврат;${uuid};pays-s-1;s-1;0,58;RUB;1304,00$`),
    ]);
    const later = await simulator.send(
      'GET',
      `/control/accounts/${account}/statement?from=${new Date(Date.now() + 60_000).toISOString()}`,
      { bearer: null },
    );
    expect((await later.text()).trimEnd().split('\r\n')).toHaveLength(1);
  });
});
