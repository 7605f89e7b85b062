import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Twin } from '../../scripts/twin.js';
import { startedSimulator, type TestedSimulator, token } from './startedSimulator.js';

const account = 'acme';
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;
let simulator: TestedSimulator;
let twin: Twin;
let id = '';
let operation = '';
beforeAll(async () => {
  simulator = await startedSimulator();
  twin = new Twin(simulator.url);
});
beforeEach(async () => {
  await simulator.applyAccount(account, { funds: [{ currency: 'RUB', sizeMinor: 10_000_000 }] });
  id = await simulator.invoice();
  operation = randomUUID();
});

/** What is drawn now, to compare with later: the account lives through all tests of this file. */
const drawn = async (): Promise<number> => (await simulator.drawnMinor(account)) ?? 0;
const effects = async (): Promise<unknown[]> => (await twin.requests(id)).map(({ status, effect }) => [status, effect]);

/** Asks over HTTP again and again, for 10 s at most. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await holds())) if (Date.now() > deadline) throw new Error(`Not within 10 s: ${String(holds)}`);
}

/** A confirm whose client may hang up, and whose answer's body may be anything. */
const confirmRaw = (signal?: AbortSignal): Promise<Response> =>
  simulator.send('POST', `/v3/business/api/invoice/${id}/confirm`, {
    body: { partnerOperationId: operation },
    ...(signal && { signal }),
  });

describe('faults', () => {
  it('cut_after: the money is drawn, the connection dies without an answer, and a repeat succeeds', async () => {
    const before = await drawn();
    await simulator.fault({ invoiceId: id, operation: 'confirm', kind: 'cut_after' });
    await expect(simulator.confirm(id, 'cut')).rejects.toThrow('fetch failed');
    expect(await drawn()).toBe(before + 10_050);
    expect(await simulator.confirm(id, 'cut')).toMatchObject({ status: 200 });
    expect(await drawn()).toBe(before + 10_050);
    expect(await effects()).toEqual([
      ['cut', 'executed'],
      [200, 'repeated'],
    ]);
  });

  it('cut_after on a read: the connection dies and nothing changes', async () => {
    await simulator.fault({ invoiceId: id, operation: 'read', kind: 'cut_after' });
    await expect(simulator.read(id)).rejects.toThrow('fetch failed');
    expect(await simulator.read(id)).toMatchObject({ status: 200 });
  });

  it('error_before: 5xx as often as arranged, nothing drawn, then it works', async () => {
    const before = await drawn();
    await simulator.fault({ invoiceId: id, operation: 'confirm', kind: 'error_before', times: 2, status: 502 });
    expect(await simulator.confirm(id, 'outage')).toMatchObject({ status: 502 });
    expect(await simulator.confirm(id, 'outage')).toMatchObject({ status: 502 });
    expect(await drawn()).toBe(before);
    expect(await simulator.confirm(id, 'outage')).toMatchObject({ status: 200 });
  });

  it('refuse: the status, the code and Retry-After that were asked for, nothing drawn', async () => {
    const before = await drawn();
    const fault = {
      invoiceId: id,
      operation: 'confirm',
      kind: 'refuse',
      status: 429,
      code: 'slow_down',
      retryAfter: '7',
    };
    await simulator.fault(fault);
    expect(await simulator.confirm(id, 'refused')).toMatchObject({
      status: 429,
      retryAfter: '7',
      body: { error: { code: 'slow_down' } },
    });
    expect(await drawn()).toBe(before);
  });

  it('refuse with 2xx: the refusal of the sister calls', async () => {
    await simulator.fault({ invoiceId: id, operation: 'confirm', kind: 'refuse', status: 200, code: 'notEnoughMoney' });
    expect(await simulator.confirm(id, 'polite')).toMatchObject({
      status: 200,
      body: { data: { type: 'message', result: 'notEnoughMoney' } },
    });
  });

  it('delay: acts even though the client has gone', async () => {
    const before = await drawn();
    await simulator.fault({ invoiceId: id, operation: 'confirm', kind: 'delay', delayMs: 150 });
    await expect(confirmRaw(AbortSignal.timeout(50))).rejects.toThrow('timeout');
    expect(await drawn()).toBe(before);
    await until(async () => (await drawn()) !== before);
    expect(await drawn()).toBe(before + 10_050);
  });

  it('delay_after: the money is drawn while the client still waits, and stays so when it hangs up', async () => {
    const before = await drawn();
    await twin.arrangeFault({ invoiceId: id, operation: 'confirm', kind: 'delay_after', delayMs: 600_000 });
    const client = new AbortController();
    const waiting = expect(confirmRaw(client.signal)).rejects.toThrow('abort');
    await until(async () => (await drawn()) === before + 10_050);
    expect(await effects()).toEqual([[null, 'executed']]);
    client.abort();
    await waiting;
    expect((await simulator.confirm(id, operation)).status).toBe(200);
    expect(await effects()).toEqual([
      [null, 'executed'],
      [200, 'repeated'],
    ]);
  });

  it('delay_after: the answer comes when the wait is over', async () => {
    await twin.arrangeFault({ invoiceId: id, operation: 'confirm', kind: 'delay_after', delayMs: 100 });
    const start = performance.now();
    expect(await simulator.confirm(id, operation)).toMatchObject({ body: { data: { partnerOperationId: operation } } });
    expect(performance.now() - start).toBeGreaterThan(95);
  });

  it('error_after: 5xx although the money is drawn, and a repeat finds it done', async () => {
    const before = await drawn();
    await twin.arrangeFault({ invoiceId: id, operation: 'confirm', kind: 'error_after', status: 504, retryAfter: '3' });
    expect(await simulator.confirm(id, operation)).toMatchObject({ status: 504, retryAfter: '3' });
    expect(await drawn()).toBe(before + 10_050);
    expect(await simulator.confirm(id, operation)).toMatchObject({ status: 200 });
    expect(await effects()).toEqual([
      [504, 'executed'],
      [200, 'repeated'],
    ]);
  });

  it('cut_before: the connection dies, nothing is drawn, and the next confirm executes', async () => {
    const before = await drawn();
    await twin.arrangeFault({ invoiceId: id, operation: 'confirm', kind: 'cut_before' });
    await expect(simulator.confirm(id, operation)).rejects.toThrow('fetch failed');
    expect(await drawn()).toBe(before);
    expect(await simulator.confirm(id, operation)).toMatchObject({ status: 200 });
    expect(await effects()).toEqual([
      ['cut', 'none'],
      [200, 'executed'],
    ]);
  });

  it.each([
    { status: 429, code: 'slow_down' },
    { status: 400, code: 'out_of_service' },
    { status: 422, code: 'notEnoughMoney' },
    { status: 200, code: 'notEnoughMoney' },
  ])('refuse with $status $code: no Retry-After unless asked for, as often as arranged', async (refusal) => {
    const fault = { ...refusal, invoiceId: id, operation: 'confirm', kind: 'refuse' } as const;
    await twin.arrangeFault({ ...fault, times: 2 });
    await twin.arrangeFault({ ...fault, retryAfter: '60' });
    const answers = [
      await simulator.confirm(id, operation),
      await simulator.confirm(id, operation),
      await simulator.confirm(id, operation),
    ];
    expect(answers.map(({ status, retryAfter }) => [status, retryAfter])).toEqual([
      [fault.status, null],
      [fault.status, null],
      [fault.status, '60'],
    ]);
    expect(JSON.stringify(answers[0]?.body)).toContain(`"${fault.code}"`);
    expect((await twin.readInvoice(id)).status).toBe('pending');
  });

  it.each([true, false])(
    'garbled, acts %p: 200, a body that nobody can use, and the books tell whether',
    async (acts) => {
      const garbled = async (body: 'truncated' | 'malformed' | 'huge' | 'empty'): Promise<Response> => {
        id = await simulator.invoice();
        operation = randomUUID();
        await twin.arrangeFault({ invoiceId: id, operation: 'confirm', kind: 'garbled', acts, body });
        const before = await drawn();
        const response = await confirmRaw();
        expect(response.status).toBe(200);
        expect(response.headers.get('x-request-id')).toMatch(UUID);
        expect((await drawn()) - before).toBe(acts ? 10_050 : 0);
        expect(await effects()).toEqual([[200, acts ? 'executed' : 'none']]);
        return response;
      };
      const truncated = await garbled('truncated');
      expect(truncated.headers.get('content-length')).toBe('1000');
      const start = performance.now();
      await expect(truncated.text()).rejects.toThrow('terminated');
      // At once, not when node tires of an idle connection.
      expect(performance.now() - start).toBeLessThan(4_000);

      const malformed = await garbled('malformed');
      expect(malformed.headers.get('content-type')).toContain('text/html');
      expect(await malformed.text()).toMatch(/^<!doctype html>/);

      const huge = await garbled('huge');
      expect(huge.headers.get('content-length')).toBeNull();
      const text = await huge.text();
      expect(text.length).toBeGreaterThan(1_048_576);
      expect(JSON.parse(text)).toHaveProperty('data');

      expect(await (await garbled('empty')).text()).toBe('');
    },
  );

  it('garbled: a client that hangs up in the middle of a huge body harms nobody', async () => {
    await twin.arrangeFault({ invoiceId: id, operation: 'read', kind: 'garbled', acts: true, body: 'huge' });
    const response = await simulator.send('GET', `/v3/business/api/invoice/${id}`);
    await response.body?.cancel();
    expect(await simulator.read(id)).toMatchObject({ status: 200 });
  });

  it.each([true, false])('wrong_operation_id, acts %p: a success for a stranger', async (acts) => {
    const before = await drawn();
    await twin.arrangeFault({ invoiceId: id, operation: 'confirm', kind: 'wrong_operation_id', acts });
    const { status, body } = await simulator.confirm(id, operation);
    expect(status).toBe(200);
    expect(body).toEqual({
      data: { partnerOperationId: expect.stringMatching(UUID), id: expect.stringMatching(UUID) },
    });
    expect(body).not.toHaveProperty('data.partnerOperationId', operation);
    expect((await drawn()) - before).toBe(acts ? 10_050 : 0);
  });

  it.each([true, false])('no_transaction_id, acts %p: a success for us, without a transaction', async (acts) => {
    const before = await drawn();
    await twin.arrangeFault({ invoiceId: id, operation: 'confirm', kind: 'no_transaction_id', acts });
    const { status, body } = await simulator.confirm(id, operation);
    expect([status, body]).toEqual([200, { data: { partnerOperationId: operation } }]);
    expect((await drawn()) - before).toBe(acts ? 10_050 : 0);
  });

  it('edit_after and pay_elsewhere_after: the first read is answered by the old state, the next by the new', async () => {
    await simulator.fault({ invoiceId: id, operation: 'read', kind: 'edit_after', amountMinor: 20_000 });
    await simulator.fault({ invoiceId: id, operation: 'read', kind: 'pay_elsewhere_after' });
    const seen = [await simulator.read(id), await simulator.read(id), await simulator.read(id)];
    expect(seen.map(({ body }) => body)).toMatchObject([
      { data: [{ amount: 100.5, status: 'pending' }] },
      { data: [{ amount: 200, status: 'pending' }] },
      { data: [{ amount: 200, status: 'paid' }] },
    ]);
  });

  it('edit_after: the currency alone or with the amount, but never neither', async () => {
    const edit = { invoiceId: id, operation: 'read', kind: 'edit_after' } as const;
    await twin.arrangeFault({ ...edit, currency: 'USD' });
    await twin.arrangeFault({ ...edit, currency: 'JPY', amountMinor: 7 });
    await expect(simulator.fault(edit)).rejects.toThrow(/400.*amountMinor, currency or both/);
    const seen = [await simulator.read(id), await simulator.read(id), await simulator.read(id)];
    expect(seen.map(({ body }) => body)).toMatchObject([
      { data: [{ amount: 100.5, currencyId: 'RUB' }] },
      { data: [{ amount: 100.5, currencyId: 'USD' }] },
      { data: [{ amount: 7, currencyId: 'JPY' }] },
    ]);
  });

  it('cancel_after: pending for the call, canceled for the next; what the call paid stays paid', async () => {
    await twin.arrangeFault({ invoiceId: id, operation: 'read', kind: 'cancel_after' });
    expect((await simulator.read(id)).body).toMatchObject({ data: [{ status: 'pending' }] });
    expect((await simulator.read(id)).body).toMatchObject({ data: [{ status: 'canceled' }] });
    id = await simulator.invoice();
    await twin.arrangeFault({ invoiceId: id, operation: 'confirm', kind: 'cancel_after' });
    expect(await simulator.confirm(id, operation)).toMatchObject({ status: 200 });
    expect((await twin.readInvoice(id)).status).toBe('paid');
  });

  it('expire_after: in time for the call, too late for the confirm that follows', async () => {
    await twin.arrangeFault({ invoiceId: id, operation: 'read', kind: 'expire_after' });
    const expirationOf = ({ body }: { body: unknown }): number =>
      Date.parse((body as { data: [{ expirationDate: string }] }).data[0].expirationDate);
    expect(expirationOf(await simulator.read(id))).toBeGreaterThan(Date.now());
    expect(expirationOf(await simulator.read(id))).toBeLessThan(Date.now());
    expect(await simulator.confirm(id, operation)).toMatchObject({ body: { error: { code: 'wrong_order_status' } } });
  });

  it('NUL and lone surrogates reach the wire as JSON escapes, in an invoice and in a refusal', async () => {
    const text = 'a\u0000b\ud800c';
    await twin.editInvoice(id, { raw: { description: text } });
    await twin.arrangeFault({ invoiceId: id, operation: 'confirm', kind: 'refuse', message: text });
    const invoice = await simulator.send('GET', `/v3/business/api/invoice/${id}`);
    expect(await invoice.text()).toContain(String.raw`"description":"a\u0000b\ud800c"`);
    expect(await (await confirmRaw()).text()).toContain(String.raw`"message":"a\u0000b\ud800c"`);
  });

  it('strike in the order they were arranged, only the operation they are for, until cleared', async () => {
    await simulator.fault({ invoiceId: id, operation: 'confirm', kind: 'refuse', code: 'first' });
    await simulator.fault({ invoiceId: id, operation: 'confirm', kind: 'refuse', code: 'second', times: 5 });
    expect(await simulator.read(id)).toMatchObject({ status: 200 });
    expect(await simulator.confirm(id, 'x')).toMatchObject({ body: { error: { code: 'first' } } });
    expect(await simulator.confirm(id, 'x')).toMatchObject({ body: { error: { code: 'second' } } });
    expect(await simulator.control('GET', '/faults')).toMatchObject([{ code: 'second', times: 4 }]);
    await simulator.control('DELETE', '/faults');
    expect(await simulator.confirm(id, 'x')).toMatchObject({ status: 200 });
  });
});

describe('a paused call', () => {
  const isPaused = async (): Promise<boolean> => (await twin.requests(id)).some(({ paused }) => paused);

  it('stopped before acting: nothing is drawn until it is let go, and then it answers', async () => {
    const before = await drawn();
    await twin.arrangeFault({ invoiceId: id, operation: 'confirm', kind: 'pause', when: 'before' });
    const answer = simulator.confirm(id, operation);
    await until(isPaused);
    expect(await twin.resume(id, 'read')).toBe(0);
    expect(await drawn()).toBe(before);
    expect(await twin.requests(id)).toMatchObject([{ paused: true, status: null, effect: 'none' }]);
    expect(await twin.resume(id, 'confirm')).toBe(1);
    expect(await answer).toMatchObject({ status: 200 });
    expect(await drawn()).toBe(before + 10_050);
    expect(await twin.requests(id)).toMatchObject([{ paused: false, status: 200, effect: 'executed' }]);
    expect(await twin.resume(id, 'confirm')).toBe(0);
  });

  it('stopped after acting: the money is drawn, the answer waits', async () => {
    const before = await drawn();
    await twin.arrangeFault({ invoiceId: id, operation: 'confirm', kind: 'pause', when: 'after' });
    const answer = simulator.confirm(id, operation);
    await until(isPaused);
    expect(await drawn()).toBe(before + 10_050);
    expect(await twin.requests(id)).toMatchObject([{ paused: true, status: null, effect: 'executed' }]);
    expect(await twin.resume(id, 'confirm')).toBe(1);
    expect(await answer).toMatchObject({ status: 200 });
  });

  it('acts once it is let go, even though its client has gone', async () => {
    const before = await drawn();
    await twin.arrangeFault({ invoiceId: id, operation: 'confirm', kind: 'pause', when: 'before' });
    const client = new AbortController();
    const leaving = expect(confirmRaw(client.signal)).rejects.toThrow('abort');
    await until(isPaused);
    client.abort();
    await leaving;
    expect(await twin.resume(id, 'confirm')).toBe(1);
    await until(async () => (await drawn()) === before + 10_050);
  });

  it('goes on with all others of its invoice and operation', async () => {
    await twin.arrangeFault({ invoiceId: id, operation: 'read', kind: 'pause', when: 'before', times: 20 });
    const answers = Array.from({ length: 20 }, () => simulator.read(id));
    await until(async () => (await twin.requests(id)).filter(({ paused }) => paused).length === 20);
    expect(await twin.resume(id, 'read')).toBe(20);
    expect(new Set((await Promise.all(answers)).map(({ status }) => status))).toEqual(new Set([200]));
  });

  it('does not keep the simulator from closing, and is cut by it', async () => {
    const closed = await startedSimulator();
    await closed.applyAccount(account);
    const invoiceId = await closed.invoice();
    const closedTwin = new Twin(closed.url);
    await closedTwin.arrangeFault({ invoiceId, operation: 'confirm', kind: 'pause', when: 'before' });
    const cut = expect(closed.confirm(invoiceId, operation)).rejects.toThrow('fetch failed');
    await until(async () => (await closedTwin.requests(invoiceId)).some(({ paused }) => paused));
    await closed.close();
    await cut;
  });
});

describe("the server's connections", () => {
  /** One read of the invoice on a connection of its own: everything that came until the server hung up. */
  const readUntilClosed = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(simulator.url);
      let received = '';
      const socket = connect({ host: hostname, port: Number(port) })
        .setEncoding('utf8')
        .on('data', (text: string) => (received += text))
        .on('error', reject)
        .on('close', () => {
          resolve(received);
        });
      socket.write(
        `GET /v3/business/api/invoice/${id} HTTP/1.1\r\nHost: twin\r\nAuthorization: Bearer ${token}\r\n\r\n`,
      );
    });
  const announced = async (): Promise<string | null> =>
    (await simulator.send('GET', `/v3/business/api/invoice/${id}`)).headers.get('keep-alive');

  it('are closed soon after their answer, without a warning to the client, until that is reset', async () => {
    expect(await announced()).toBe('timeout=5');
    expect(await twin.setServer({ keepAliveMs: 20 })).toEqual({ keepAliveMs: 20, down: false });
    const start = performance.now();
    expect(await readUntilClosed()).toMatch(/^HTTP\/1\.1 200 OK\r\n(?!.*keep-alive: timeout).*"data":/is);
    // Node alone would take 6 s, and a second at least whatever it is told.
    expect(performance.now() - start).toBeLessThan(900);
    expect(await twin.setServer({ keepAliveMs: null })).toEqual({ keepAliveMs: null, down: false });
    expect(await announced()).toBe('timeout=5');
  });

  it('die without a byte while the server is down; control goes on, and no call is logged or meets its fault', async () => {
    await twin.arrangeFault({ invoiceId: id, operation: 'read', kind: 'refuse', code: 'kept' });
    expect(await twin.setServer({ down: true })).toEqual({ keepAliveMs: null, down: true });
    expect(await readUntilClosed()).toBe('');
    await expect(simulator.confirm(id, operation)).rejects.toThrow('fetch failed');
    expect(await twin.requests(id)).toEqual([]);
    await twin.setServer({ down: false });
    expect(await simulator.read(id)).toMatchObject({ body: { error: { code: 'kept' } } });
    expect(await simulator.confirm(id, operation)).toMatchObject({ status: 200 });
  });
});
