import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startedSimulator, type TestedSimulator } from './startedSimulator.js';

const account = 'acme';
let simulator: TestedSimulator;
let id = '';
beforeAll(async () => {
  simulator = await startedSimulator();
});
beforeEach(async () => {
  await simulator.applyAccount(account, { funds: [{ currency: 'RUB', sizeMinor: 10_000_000 }] });
  id = await simulator.invoice();
});

/** What is drawn now, to compare with later: the account lives through all tests of this file. */
const drawn = async (): Promise<number> => (await simulator.drawnMinor(account)) ?? 0;
const effects = async (): Promise<unknown[]> => {
  const list = await simulator.control<{ status: unknown; effect: string }[]>('GET', `/requests?invoiceId=${id}`);
  return list.map(({ status, effect }) => [status, effect]);
};

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
    const leaving = fetch(`${simulator.url}/v3/business/api/invoice/${id}/confirm`, {
      method: 'POST',
      headers: { authorization: 'Bearer demo-token-of-the-tests', 'content-type': 'application/json' },
      body: JSON.stringify({ partnerOperationId: 'gone' }),
      signal: AbortSignal.timeout(50),
    });
    await expect(leaving).rejects.toThrow('timeout');
    expect(await drawn()).toBe(before);
    const deadline = Date.now() + 10_000;
    while ((await drawn()) === before && Date.now() < deadline);
    expect(await drawn()).toBe(before + 10_050);
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
