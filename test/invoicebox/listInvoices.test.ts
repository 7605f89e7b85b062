import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { InvoiceboxClient, type ListAnswer } from '../../src/invoicebox/client.js';
import { atomTime, endOfList, type InvoicePage, type ListCondition } from '../../src/invoicebox/lists.js';
import { startedSimulator, type TestedSimulator, token as twinToken } from '../simulator/startedSimulator.js';
import { invoiceData, invoiceId, withHttp, type Reply } from './servers.js';

const everything = { conditions: [], order: 'asc', page: 1 } as const;

async function list(reply: Reply): Promise<ListAnswer> {
  let answer: ListAnswer | undefined;
  await withHttp(reply, async ({ client, account }) => {
    answer = await client.listInvoices(account, everything);
  });
  if (answer === undefined) throw new Error('no answer');
  return answer;
}

describe('a page of invoices', () => {
  it('is asked for with filters, operators, order and the page in the partner’s spelling', async () => {
    const conditions: ListCondition[] = [
      { property: 'status', operator: '_eq', values: ['pending', 'paid'] },
      { property: 'createdAt', operator: '_ge', values: [atomTime(Date.parse('2026-03-01T03:00:00.999+03:00'))] },
      { property: 'merchantOrderId', operator: '_eq', values: ['a&b'] },
    ];
    await withHttp({ body: { data: [] } }, async ({ client, account, seen }) => {
      await client.listInvoices(account, { conditions, order: 'desc', page: 3 });
      const paging = { pageParameters: '_page', pageSize: 100 } as const;
      await client.listInvoices({ ...account, paging }, everything);
      const [first, second] = seen.map(({ url }) => new URL(`http://x${url ?? ''}`));
      expect(first?.pathname).toBe('/v3/business/api/invoice');
      expect([...(first?.searchParams ?? [])]).toEqual([
        ['status[]', 'pending'],
        ['status[]', 'paid'],
        ['createdAt[_ge]', '2026-03-01T00:00:00+00:00'],
        ['merchantOrderId', 'a&b'],
        ['_order[createdAt]', 'desc'],
        ['page', '3'],
        ['pageSize', '30'],
      ]);
      expect([...(second?.searchParams ?? [])].slice(1)).toEqual([
        ['_page', '1'],
        ['_pageSize', '100'],
      ]);
      await expect(
        client.listInvoices(account, {
          ...everything,
          conditions: [{ property: 'amount', operator: '_gt', values: ['1', '2'] }],
        }),
      ).rejects.toThrow(RangeError);
    });
  });

  it('has the invoices that can be read, and tells of those that cannot', async () => {
    const answer = await list({
      headers: { 'x-request-id': 'r-1' },
      body: {
        data: [invoiceData, { ...invoiceData, id: 'x' }, 7, { number: '1' }, { ...invoiceData, amount: 'much' }],
        metaData: { totalCount: 5, pageSize: 30, page: 1 },
      },
    });
    expect(answer).toMatchObject({
      kind: 'page',
      requestId: 'r-1',
      page: {
        invoices: [
          { id: invoiceId, amount: { ok: true } },
          { id: invoiceId, amount: { ok: false } },
        ],
        unreadable: [
          { index: 1, id: 'x', why: 'malformed_id' },
          { index: 2, id: null, why: 'malformed' },
          { index: 3, id: null, why: 'malformed' },
        ],
        totalCount: 5,
      },
    });
  });

  it.each<[string, Reply, object]>([
    ['no metaData', { body: { data: [] } }, { kind: 'page', page: { totalCount: null } }],
    ['a total that is none', { body: { data: [], metaData: { totalCount: -1 } } }, { page: { totalCount: null } }],
    ['one invoice instead of a list', { body: { data: invoiceData } }, { kind: 'unavailable', detail: 'malformed' }],
    ['no JSON', { body: '<html>' }, { kind: 'unavailable', detail: 'malformed' }],
    ['more than a mebibyte', { body: `[${' '.repeat(1_100_000)}]` }, { kind: 'unavailable', detail: 'oversized' }],
    ['a 500', { status: 500, body: {} }, { kind: 'unavailable', detail: 'http_500' }],
    ['a 429', { status: 429, headers: { 'retry-after': '7' } }, { kind: 'rate_limited', retryAfterMs: 7_000 }],
    [
      'a refused filter',
      { status: 422, body: { error: { code: 'wrong_filter_format', message: '', fields: [] } } },
      { kind: 'refused', httpStatus: 422, code: 'wrong_filter_format' },
    ],
  ])('is answered: %s', async (_, reply, expected) => {
    expect(await list(reply)).toMatchObject(expected);
  });
});

describe('a list ends', () => {
  const page = (ids: string[], totalCount: number | null, unreadable = 0): InvoicePage => ({
    invoices: ids.map((id) => ({ id }) as InvoicePage['invoices'][number]),
    unreadable: Array.from({ length: unreadable }, (_, index) => ({ index, id: null, why: 'malformed' })),
    totalCount,
  });
  const seen = (id: string) => id.startsWith('seen');

  it.each([
    ['at its total', page(['a', 'b'], 5), 3, 'total_reached'],
    ['at its total, what cannot be read included', page(['a'], 5, 1), 3, 'total_reached'],
    ['not before its total', page(['a', 'b'], 6), 3, null],
    ['at an empty page', page([], 9), 3, 'empty'],
    ['where nothing is new', page(['seen-1', 'seen-2'], null), 3, 'nothing_new'],
    ['not where something is new beside what was seen', page(['seen-1', 'b'], null), 3, null],
    ['not at a page that cannot be read', page([], null, 2), 3, null],
  ])('%s', (_, found, takenBefore, end) => {
    expect(endOfList(found, takenBefore, seen)).toBe(end);
  });
});

describe('a list of the twin', () => {
  let twin: TestedSimulator;
  let client: InvoiceboxClient;
  beforeAll(async () => {
    twin = await startedSimulator();
    await twin.applyAccount('lists');
    await twin.applyAccount('underscore', { token: 'underscore', pageParameters: '_page' });
    await twin.control('POST', '/invoice-series', { count: 95, amountMinor: 100, everyMs: 10 });
    client = new InvoiceboxClient({
      timeouts: { connectMs: 5_000, readMs: 10_000, confirmMs: 10_000 },
      userAgent: 'Surety/0 (test 0)',
    });
  });
  afterAll(() => client.close());

  async function walk(token: string, pageParameters: 'page' | '_page') {
    const account = { baseUrl: twin.url, prefix: '/v3', token, paging: { pageParameters, pageSize: 30 } };
    const seen = new Set<string>();
    for (let page = 1, taken = 0; ; page += 1) {
      const answer = await client.listInvoices(account, { ...everything, page });
      if (answer.kind !== 'page') throw new Error(answer.kind);
      const end = endOfList(answer.page, taken, (id) => seen.has(id));
      taken += answer.page.invoices.length;
      for (const { id } of answer.page.invoices) seen.add(id);
      if (end !== null) return { found: seen.size, pages: page, end };
    }
  }

  it('is walked to its end', async () => {
    expect(await walk(twinToken, 'page')).toEqual({ found: 95, pages: 4, end: 'total_reached' });
    expect(await walk('underscore', '_page')).toEqual({ found: 95, pages: 4, end: 'total_reached' });
  });

  it('is not walked for ever where the page’s spelling is not understood', async () => {
    expect(await walk('underscore', 'page')).toEqual({ found: 30, pages: 2, end: 'nothing_new' });
  });
});
