import { beforeAll, describe, expect, it } from '@jest/globals';
import { startedSimulator, type TestedSimulator } from './startedSimulator.js';

interface List {
  readonly data: { id: string; createdAt: string; status: string; amount: number }[];
  readonly metaData: { totalCount: number; pageSize: number; page: number };
}

let simulator: TestedSimulator;
const ids: string[] = [];
const startMs = Date.parse('2026-03-01T00:00:00Z');
const at = (n: number) => new Date(startMs + n * 1_000).toISOString();

beforeAll(async () => {
  simulator = await startedSimulator();
  await simulator.applyAccount('lists', { funds: [{ currency: 'RUB', sizeMinor: 1e9 }] });
  await simulator.applyAccount('other', { token: 'other', pageParameters: '_page' });
  // Created in another order than they are given.
  for (const n of [3, 0, 4, 1, 2]) {
    ids[n] = await simulator.invoice({
      amountMinor: 100_00 * (n + 1),
      createdAt: at(n),
      number: `7-${n}`,
      merchantOrderId: `order-${n}`,
    });
  }
  await simulator.invoice({ createdAt: at(2), accountId: 'other' });
});

async function list(query: string, bearer?: string): Promise<List> {
  const { status, body } = await simulator.call('GET', `/v3/business/api/invoice?${query}`, { bearer });
  expect(status).toBe(200);
  return body as List;
}

const placesOf = ({ data }: List): number[] => data.map(({ id }) => ids.indexOf(id));

describe('a list of invoices', () => {
  it('has those the account may use, newest first or as ordered, with its total', async () => {
    const { metaData, ...rest } = await list('');
    expect(placesOf({ metaData, ...rest })).toEqual([4, 3, 2, 1, 0]);
    expect(metaData).toEqual({ totalCount: 5, pageSize: 30, page: 1 });
    expect(placesOf(await list('_order[createdAt]=asc'))).toEqual([0, 1, 2, 3, 4]);
    expect((await list('', 'other')).metaData.totalCount).toBe(6);
  });

  it.each([
    ['amount[_gt]=300', [3, 4]],
    ['amount[_ge]=300.00', [2, 3, 4]],
    ['amount[_lt]=200', [0]],
    ['amount[_le]=200&amount[_ge]=200', [1]],
    ['amount[_ne]=200', [0, 2, 3, 4]],
    ['amount=500', [4]],
    ['createdAt[_ge]=2026-03-01T00:00:03%2B00:00', [3, 4]],
    // A plus sign that nobody escaped.
    ['createdAt[_gt]=2026-03-01T03:00:03+03:00', [4]],
    ['createdAt[_lt]=2026-03-01T00:00:01Z', [0]],
    ['createdAt[_eq]=2026-03-01T00:00:02Z', [2]],
    ['merchantOrderId=order-2', [2]],
    ['merchantOrderId[_start]=order-', [0, 1, 2, 3, 4]],
    ['merchantOrderIdVisible=x', []],
    ['number[_start]=7-4', [4]],
    ['status=paid', []],
    ['status[]=pending&status[]=paid&amount[_lt]=200', [0]],
  ])('is filtered by %s', async (query, places) => {
    expect(placesOf(await list(`${query}&_order[createdAt]=asc`))).toEqual(places);
  });

  it('is filtered by ids, one or several, whatever their case', async () => {
    expect(placesOf(await list(`id=${ids[1]?.toUpperCase()}`))).toEqual([1]);
    expect(placesOf(await list(`id[]=${ids[3]}&id[]=${ids[0]}&_order[createdAt]=asc`))).toEqual([0, 3]);
  });

  it.each(['page=2&pageSize=2', '_page=2&_pageSize=2'])('has pages: %s', async (query) => {
    const page = await list(`${query}&_order[createdAt]=asc`);
    expect(placesOf(page)).toEqual([2, 3]);
    expect(page.metaData).toEqual({ totalCount: 5, pageSize: 2, page: 2 });
    expect(placesOf(await list(query))).toEqual([2, 1]);
    expect((await list(query.replace('=2&', '=9&'))).data).toEqual([]);
  });

  it('ignores the page in the spelling that an account does not understand', async () => {
    expect((await list('page=2&pageSize=2', 'other')).metaData).toEqual({ totalCount: 6, pageSize: 30, page: 1 });
    expect((await list('_page=2&_pageSize=2', 'other')).metaData).toEqual({ totalCount: 6, pageSize: 2, page: 2 });
  });

  it.each(['colour=red', 'status[_gt]=paid', 'amount[_like]=1', 'amount[_gt]=much', 'createdAt[_ge]=soon', 'page=0', '_order[amount]=asc', 'amount[]=1&amount[]=2&amount[_gt]=x'])(
    'refuses %s',
    async (query) => {
      expect(await simulator.call('GET', `/v3/business/api/invoice?${query}`)).toMatchObject({
        status: 422,
        body: { error: { code: 'wrong_filter_format' } },
      });
    },
  ); // prettier-ignore

  it('follows what happens to the invoices', async () => {
    const id = await simulator.invoice({ createdAt: at(9) });
    const pending = 'status=pending&createdAt[_ge]=2026-03-01T00:00:09Z';
    expect((await list(pending)).metaData.totalCount).toBe(1);
    await simulator.confirm(id, 'listed');
    expect((await list(pending)).metaData.totalCount).toBe(0);
    expect((await list(pending.replace('pending', 'paid'))).data).toMatchObject([{ id, status: 'paid' }]);
  });

  it('pages through tens of thousands', async () => {
    const count = 30_000;
    await simulator.control('POST', '/invoice-series', { count, amountMinor: 777, createdAt: at(100), everyMs: 100 });
    const seen = new Set<string>();
    for (let page = 1; page <= 300; page += 1) {
      const { data, metaData } = await list(`amount=7.77&_order[createdAt]=asc&page=${page}&pageSize=100`);
      expect(metaData.totalCount).toBe(count);
      for (const { id } of data) seen.add(id);
    }
    expect(seen.size).toBe(count);
  });
});
