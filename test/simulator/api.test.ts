import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startedSimulator, type TestedSimulator, token } from './startedSimulator.js';
import { unknownCurrency } from '../support/currencies.js';

const operation = '117a58b0-7dc9-424c-8f07-b8a865e8bcc7';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const failure = (code: string) => ({ error: expect.objectContaining({ code, message: expect.any(String) }) });

let simulator: TestedSimulator;
let account = '';
let accounts = 0;
beforeAll(async () => {
  simulator = await startedSimulator();
});
// Every test has a fund and a token of its own.
let bearer = token;
beforeEach(async () => {
  accounts += 1;
  account = `account-${accounts}`;
  bearer = `${token}-${accounts}`;
  await simulator.applyAccount(account, { token: bearer });
});

describe('the token check', () => {
  it('tells the holder of a token who he is, nobody that he is nobody, and refuses a wrong token', async () => {
    const check = (value: string | null) => simulator.call('GET', '/v3/security/api/auth/auth', { bearer: value });
    expect(await check(bearer)).toMatchObject({ status: 200, body: { data: { userId: account } } });
    expect(await check(null)).toMatchObject({ status: 200, body: { data: { userId: null } } });
    expect(await check('wrong')).toMatchObject({ status: 401, body: failure('unauthorized') });
  });
});

describe('reading an invoice', () => {
  it('gives the documented properties, the amount as an exact decimal, in a one-element array', async () => {
    const id = await simulator.invoice({
      id: '01771534-1A57-F184-DEE3-EBEB91DDED76',
      number: '123-123212',
      amountMinor: 1_965_845,
      description: 'Оплата номера в отеле',
      expiresAt: '2099-12-25T00:00:00Z',
      customer: { type: 'private', name: 'Peter' },
    });
    const { status, requestId, body } = await simulator.read(id.toUpperCase(), bearer);
    expect(status).toBe(200);
    expect(requestId).toMatch(UUID);
    expect(body).toEqual({
      data: [
        {
          id: '01771534-1a57-f184-dee3-ebeb91dded76',
          number: '123-123212',
          createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/),
          expirationDate: '2099-12-25T00:00:00+00:00',
          description: 'Оплата номера в отеле',
          amount: 19658.45,
          vatAmount: 3544.96,
          currencyId: 'RUB',
          customer: { type: 'private', name: 'Peter' },
          status: 'pending',
          paymentUrl: `${simulator.url}/order/${id}`,
        },
      ],
      metaData: { totalCount: 1, pageSize: 30, page: 1 },
      extendedData: [],
    });
  });

  it('gives an object to an account whose single reads are objects', async () => {
    await simulator.applyAccount(account, { token: bearer, singleReadAsObject: true });
    const id = await simulator.invoice();
    expect((await simulator.read(id, bearer)).body).toEqual({ data: expect.objectContaining({ id, amount: 100.5 }) });
  });

  it('sends yen without fraction digits', async () => {
    const id = await simulator.invoice({ amountMinor: 110, currency: 'JPY' });
    expect((await simulator.read(id, bearer)).body).toMatchObject({ data: [{ amount: 110, currencyId: 'JPY' }] });
  });

  it('sends planted values as they are and leaves out what it is told to', async () => {
    const id = await simulator.invoice({ rawAmount: -1.005, raw: { currencyId: unknownCurrency }, omit: ['status'] });
    const { body } = await simulator.read(id, bearer);
    expect(body).toMatchObject({ data: [{ amount: -1.005, currencyId: unknownCurrency }] });
    expect(body).not.toHaveProperty('data[0].status');
  });

  it.each([
    { what: 'an unknown id', id: '01771534-1a57-f184-dee3-ebeb91dded00', status: 404, code: 'not_found' },
    { what: 'a malformed id', id: 'not-an-id', status: 422, code: 'validation' },
  ])('refuses $what', async ({ id, status, code }) => {
    expect(await simulator.read(id, bearer)).toMatchObject({ status, body: failure(code) });
  });

  it("hides another account's invoice and refuses a wrong token", async () => {
    await simulator.applyAccount(`${account}-other`, { token: `${bearer}-other` });
    const id = await simulator.invoice({ accountId: `${account}-other` });
    expect(await simulator.read(id, bearer)).toMatchObject({ status: 404 });
    expect(await simulator.confirm(id, operation, bearer)).toMatchObject({ status: 404 });
    expect(await simulator.read(id, `${bearer}-other`)).toMatchObject({ status: 200 });
    expect(await simulator.read(id, 'wrong')).toMatchObject({ status: 401, body: failure('unauthorized') });
  });
});

describe('confirming an invoice', () => {
  it('draws the fund once, and a repeat of the operation gets the same transaction', async () => {
    const id = await simulator.invoice();
    const first = await simulator.confirm(id, operation, bearer);
    expect(first).toMatchObject({
      status: 200,
      body: { data: { partnerOperationId: operation, id: expect.stringMatching(UUID) } },
    });
    const again = await simulator.confirm(id, operation, bearer);
    expect(again.body).toEqual(first.body);
    expect(await simulator.drawnMinor(account)).toBe(10_050);
    expect((await simulator.read(id, bearer)).body).toMatchObject({ data: [{ status: 'paid' }] });
  });

  it('books who confirmed what, with the id of the request', async () => {
    const id = await simulator.invoice();
    const { requestId } = await simulator.confirm(id, operation, bearer);
    const { accounts: booked } = await simulator.control<{ accounts: { id: string }[] }>('GET', '/books');
    expect(booked.find((one) => one.id === account)).toMatchObject({
      funds: [
        { currency: 'RUB', sizeMinor: 90_000, overdraftMinor: 10_000, drawnMinor: 10_050, availableMinor: 89_950 },
      ],
      confirmations: [
        {
          partnerOperationId: operation,
          invoiceId: id,
          accountId: account,
          amountMinor: 10_050,
          currency: 'RUB',
          requestId,
        },
      ],
    });
  });

  it('tells an account that wants it so that a repeat is already paid', async () => {
    await simulator.applyAccount(account, { token: bearer, repeatAnswers: 'already_paid' });
    const id = await simulator.invoice();
    await simulator.confirm(id, operation, bearer);
    expect(await simulator.confirm(id, operation, bearer)).toMatchObject({
      status: 422,
      body: failure('invoice_already_paid'),
    });
  });

  it('refuses an invoice paid by another operation or another instrument', async () => {
    const [confirmed, paid] = [await simulator.invoice(), await simulator.invoice()];
    await simulator.confirm(confirmed, operation, bearer);
    await simulator.control('POST', `/invoices/${paid}/pay`);
    for (const id of [confirmed, paid]) {
      expect(await simulator.confirm(id, 'another', bearer)).toMatchObject({
        status: 422,
        body: failure('invoice_already_paid'),
      });
    }
    expect(await simulator.drawnMinor(account)).toBe(10_050);
  });

  it.each([
    ['canceled', { status: 'canceled' }],
    ['partly paid', { status: 'partial' }],
    ['expired', { expiresAt: '2020-01-01T00:00:00Z' }],
  ])('refuses a %s invoice', async (_what, fields) => {
    const id = await simulator.invoice(fields);
    expect(await simulator.confirm(id, operation, bearer)).toMatchObject({
      status: 422,
      body: failure('wrong_order_status'),
    });
  });

  it('spends the overdraft to the last kopeck, and not one more', async () => {
    const whole = await simulator.invoice({ amountMinor: 100_000 });
    const kopeck = await simulator.invoice({ amountMinor: 1 });
    expect(await simulator.confirm(whole, operation, bearer)).toMatchObject({ status: 200 });
    expect(await simulator.confirm(kopeck, 'another', bearer)).toMatchObject({
      status: 422,
      body: failure('notEnoughMoney'),
    });
  });

  it('has no money in a currency without a fund', async () => {
    const id = await simulator.invoice({ currency: 'USD' });
    expect(await simulator.confirm(id, operation, bearer)).toMatchObject({ body: failure('notEnoughMoney') });
  });

  it('moves no money for an operation id that paid another invoice', async () => {
    const [one, other] = [await simulator.invoice(), await simulator.invoice()];
    await simulator.confirm(one, operation, bearer);
    expect(await simulator.confirm(other, operation, bearer)).toMatchObject({ body: failure('invalid_argument') });
    expect(await simulator.drawnMinor(account)).toBe(10_050);
  });

  it.each([undefined, '', 'x'.repeat(37), 7])('refuses the operation id %p', async (value) => {
    const id = await simulator.invoice();
    expect(await simulator.confirm(id, value, bearer)).toMatchObject({ status: 422, body: failure('validation') });
  });

  it('refuses a body that is not JSON, and one that is too large, with a request id', async () => {
    const path = `/v3/business/api/invoice/${await simulator.invoice()}/confirm`;
    const malformed = await simulator.call('POST', path, { bearer, body: '{' });
    expect(malformed).toMatchObject({
      status: 422,
      requestId: expect.stringMatching(UUID),
      body: failure('validation'),
    });
    const large = await simulator.call('POST', path, { bearer, body: JSON.stringify('x'.repeat(1_100_000)) });
    expect(large).toMatchObject({ status: 413, requestId: expect.stringMatching(UUID) });
  });

  it('confirms for one of two calls that come at once', async () => {
    const id = await simulator.invoice();
    const answers = await Promise.all(['a', 'b', 'c'].map((op) => simulator.confirm(id, op, bearer)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 422, 422]);
    expect(await simulator.drawnMinor(account)).toBe(10_050);
  });
});
