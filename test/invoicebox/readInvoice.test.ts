import { describe, expect, it } from '@jest/globals';
import type { ReadAnswer } from '../../src/invoicebox/client.js';
import {
  answeringBytes,
  deadPort,
  invoiceData,
  invoiceId,
  party,
  token,
  withHttp,
  withTcp,
  type Reply,
} from './servers.js';

async function read(reply: Reply): Promise<ReadAnswer> {
  let answer: ReadAnswer | undefined;
  await withHttp(reply, async ({ client, account }) => {
    answer = await client.readInvoice(account, invoiceId);
  });
  if (answer === undefined) throw new Error('no answer');
  return answer;
}

async function readData(changed: object) {
  const answer = await read({ body: { data: { ...invoiceData, ...changed } } });
  if (answer.kind !== 'invoice') throw new Error(JSON.stringify(answer));
  return answer.invoice;
}

const invoice = {
  id: invoiceId,
  number: '123-123212',
  description: 'Оплата номера в отеле',
  amount: { ok: true, amountMinor: 1_965_845 },
  vatAmountMinor: 15_656,
  currency: 'RUB',
  status: 'pending',
  statusText: 'pending',
  createdAt: '2023-12-22T00:00:00.000Z',
  expiresAt: '2023-12-25T00:00:00.000Z',
  paymentUrl: `https://pay.invoicebox.ru/order/${invoiceId}`,
  customer: { type: 'private', name: 'Peter', phone: '79001112233', email: 'peter@domain.com', vatNumber: '' },
};

describe('an invoice', () => {
  it.each([
    ['an object', { data: invoiceData }],
    ['a list of one', { data: [invoiceData], metaData: { totalCount: 1, pageSize: 30, page: 1 }, extendedData: [] }],
    ['an id in capitals', { data: { ...invoiceData, id: invoiceId.toUpperCase() } }],
    ['unknown fields', { data: { ...invoiceData, payer: { x: 1 } }, extra: [] }],
  ])('is read from %s', async (_, body) => {
    const headers = { 'x-request-id': 'r-1' };
    expect(await read({ headers, body })).toStrictEqual({ kind: 'invoice', invoice, requestId: 'r-1' });
  });

  it('is asked for at its own address', async () => {
    await withHttp({ body: { data: invoiceData } }, async ({ client, account, seen }) => {
      const shop = { ...account, baseUrl: `${account.baseUrl}/`, prefix: '/l3' };
      await client.readInvoice(shop, invoiceId.toUpperCase());
      expect(seen[0]).toMatchObject({
        method: 'GET',
        url: `/l3/business/api/invoice/${invoiceId}`,
        body: '',
        headers: { accept: 'application/json', authorization: `Bearer ${token}` },
      });
      await expect(client.readInvoice(account, 'x')).rejects.toThrow(RangeError);
      expect(seen).toHaveLength(1);
    });
  });

  it('may lack everything but its id', async () => {
    expect(await read({ body: { data: { id: invoiceId } } })).toMatchObject({
      kind: 'invoice',
      invoice: {
        id: invoiceId,
        number: '',
        description: '',
        amount: { ok: false, problem: 'not_a_number' },
        vatAmountMinor: null,
        currency: '',
        status: 'unknown',
        statusText: '',
        createdAt: null,
        expiresAt: null,
        paymentUrl: null,
        customer: {},
      },
    });
  });

  it.each([
    ['pending', 'pending'],
    ['paid', 'paid'],
    ['partial', 'partial'],
    ['canceled', 'canceled'],
    ['cancelled', 'canceled'],
    ['completed', 'unknown'],
    ['PAID', 'unknown'],
    [undefined, 'unknown'],
    [null, 'unknown'],
    [7, 'unknown'],
  ])('with the status %s is %s', async (status, expected) => {
    expect(await readData({ status })).toMatchObject({
      status: expected,
      statusText: typeof status === 'string' ? status : '',
    });
  });

  it.each<[unknown, string, object]>([
    [110, 'USD', { ok: true, amountMinor: 11_000 }],
    ['19658.45', 'RUB', { ok: true, amountMinor: 1_965_845 }],
    [0, 'RUB', { ok: true, amountMinor: 0 }],
    [0.001, 'RUB', { ok: false, problem: 'too_many_fraction_digits' }],
    [-1, 'RUB', { ok: false, problem: 'negative' }],
    [1e15, 'RUB', { ok: false, problem: 'too_large' }],
    [1, 'XTS', { ok: false, problem: 'unknown_currency' }],
    [1, 'RUBLES', { ok: false, problem: 'unknown_currency' }],
    [null, 'RUB', { ok: false, problem: 'not_a_number' }],
    [{}, 'RUB', { ok: false, problem: 'not_a_number' }],
  ])('of %p %s costs %p', async (amount, currencyId, expected) => {
    expect((await readData({ amount, currencyId })).amount).toStrictEqual(expected);
  });

  it('has no VAT where it cannot be read exactly', async () => {
    expect(await readData({ vatAmount: 0.001 })).toMatchObject({ vatAmountMinor: null });
    expect(await readData({ vatAmount: 0 })).toMatchObject({ vatAmountMinor: 0 });
  });

  it.each([
    ['2023-12-25T03:00:00+03:00', '2023-12-25T00:00:00.000Z'],
    ['2023-12-25T03:00:00+0300', '2023-12-25T00:00:00.000Z'],
    ['2023-12-25T00:00:00Z', '2023-12-25T00:00:00.000Z'],
    ['2023-12-25T00:00:00.123456+00:00', '2023-12-25T00:00:00.123Z'],
    ['2023-12-25 00:00:00', '2023-12-25T00:00:00.000Z'],
    ['2023-13-25T00:00:00Z', null],
    ['2023-02-30T00:00:00Z', null],
    ['2024-02-29T23:00:00-03:00', '2024-03-01T02:00:00.000Z'],
    ['0000-00-00T00:00:00+00:00', null],
    ['-0001-11-30T00:00:00+00:00', null],
    ['0001-01-01T00:00:00+00:00', null],
    ['25.12.2023', null],
    ['', null],
    [1_703_462_400, null],
  ])('that expires at %p expires at %p', async (expirationDate, expected) => {
    expect(await readData({ expirationDate })).toMatchObject({ expiresAt: expected });
  });

  it.each([
    ['https://pay.invoicebox.ru/x', true],
    [`https://pay.invoicebox.ru/${'x'.repeat(974)}`, true],
    [`https://pay.invoicebox.ru/${'x'.repeat(975)}`, false],
    ['javascript:alert(1)', false],
    ['https://a\r\nb', false],
    ['', false],
    [undefined, false],
  ])('with the link %p: kept %p', async (paymentUrl, kept) => {
    expect((await readData({ paymentUrl })).paymentUrl).toBe(kept ? paymentUrl : null);
  });

  it('has only texts that Postgres stores, cut by code points', async () => {
    const body = JSON.stringify({ data: { ...invoiceData, description: 'D', number: '😀'.repeat(60), customer: [] } });
    const odd = body.replace('"D"', `"a\\u0000b\\ud800c${'я'.repeat(2_000)}"`);
    expect(await read({ body: odd })).toMatchObject({
      invoice: {
        number: '😀'.repeat(50),
        description: `a\uFFFDb\uFFFDc${'я'.repeat(995)}`,
        customer: {},
      },
    });
  });
});

describe('no invoice', () => {
  const error = (code: string) => ({ error: { code, message: 'No' } });
  it.each<[string, Reply, object]>([
    ['an empty list', { body: { data: [] } }, { kind: 'unavailable', detail: 'no_invoice' }],
    ['two', { body: { data: [invoiceData, invoiceData] } }, { kind: 'unavailable', detail: 'several_invoices' }],
    [
      'another',
      { body: { data: { ...invoiceData, id: 'ffffffff-1a57-f184-dee3-ebeb91dded76' } } },
      { kind: 'unavailable', detail: 'another_invoice' },
    ],
    ['no data', { body: { metaData: {} } }, { kind: 'unavailable', detail: 'malformed' }],
    ['data null', { body: { data: null } }, { kind: 'unavailable', detail: 'malformed' }],
    ['an empty body', {}, { kind: 'unavailable', detail: 'malformed' }],
    ['a page', { body: '<html>' }, { kind: 'unavailable', detail: 'malformed' }],
    ['past 1 MiB', { body: ' '.repeat(1_048_577) }, { kind: 'unavailable', detail: 'oversized' }],
    ['404', { status: 404, body: error('not_found') }, { kind: 'not_found' }],
    ['404 of a proxy', { status: 404, body: '<html>' }, { kind: 'unavailable', detail: 'http_404' }],
    ['404 of another shape', { status: 404, body: { detail: 'x' } }, { kind: 'unavailable', detail: 'http_404' }],
    [
      '401',
      { status: 401, body: error('unauthorized') },
      { kind: 'refused', httpStatus: 401, code: 'unauthorized', message: 'No' },
    ],
    [
      '403 with a code at the top',
      { status: 403, body: { code: 'forbidden' } },
      { kind: 'refused', httpStatus: 403, code: 'forbidden', message: '' },
    ],
    ['422', { status: 422, body: error('validation') }, { kind: 'refused', httpStatus: 422, code: 'validation' }],
    ['429', { status: 429, body: '<html>' }, { kind: 'rate_limited', retryAfterMs: undefined }],
    ['425', { status: 425, headers: { 'retry-after': '3600' } }, { kind: 'rate_limited', retryAfterMs: 60_000 }],
    ['408', { status: 408, body: error('timeout') }, { kind: 'unavailable', detail: 'http_408' }],
    ['500', { status: 500, body: error('not_found') }, { kind: 'unavailable', detail: 'http_500' }],
    ['503 of a proxy', { status: 503, body: '<html>' }, { kind: 'unavailable', detail: 'http_503' }],
    ['a redirect', { status: 302, headers: { location: '/' } }, { kind: 'unavailable', detail: 'redirect' }],
  ])('%s', async (_, reply, expected) => {
    const answer = await read({ ...reply, headers: { ...reply.headers, 'x-request-id': 'r-2' } });
    expect(answer).toMatchObject({ ...expected, requestId: 'r-2' });
  });

  it('where the connection ends before the body does', async () => {
    const bytes = 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"data":{';
    await withTcp(answeringBytes(bytes), async ({ client, account }) => {
      expect(await client.readInvoice(account, invoiceId)).toMatchObject({ kind: 'unavailable', detail: 'truncated' });
    });
  });

  it('in time, where nobody listens, where it was stopped', async () => {
    await withTcp(
      () => undefined,
      async ({ client, account }) => {
        expect(await client.readInvoice(account, invoiceId)).toStrictEqual({ kind: 'unavailable', detail: 'timeout' });
        expect(await client.readInvoice(account, invoiceId, AbortSignal.abort())).toStrictEqual({
          kind: 'unavailable',
          detail: 'aborted',
        });
      },
      { connectMs: 500, readMs: 100 },
    );
    const { client, account } = party(await deadPort());
    const answer = await client.readInvoice(account, invoiceId);
    expect(answer).toStrictEqual({ kind: 'unavailable', detail: 'connection_refused' });
    await client.close();
  });
});

describe('the token', () => {
  it('is in no answer, whatever is refused', async () => {
    const { client, account } = party(await deadPort());
    const answers = [
      await client.readInvoice(account, invoiceId),
      await client.readInvoice({ ...account, token: `${token}\r\n` }, invoiceId),
      await client.checkToken({ ...account, baseUrl: `http://${token}@[` }),
    ];
    expect(JSON.stringify(answers)).not.toContain('secret-token');
    await client.close();
  });
});
