import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Quotas } from '../../simulator/quotas.js';
import type { TwinQuotas } from '../../scripts/twin.js';
import { startedSimulator, type TestedSimulator, token } from './startedSimulator.js';

describe('the windows', () => {
  const account = { id: 'a', quota: undefined } as unknown as Parameters<Quotas['meet']>[0];

  it('let so many in within any window, wherever it begins, and say when the next one may come', () => {
    const quotas = new Quotas(true);
    quotas.change({ account: 3, windowMs: 1_000 });
    const meet = (ms: number) => quotas.meet(account, 'here', ms);
    expect([meet(0), meet(400), meet(900)]).toEqual([undefined, undefined, undefined]);
    expect(meet(950)).toBe(50);
    // A refused one takes no place.
    expect([meet(1_000), meet(1_001)]).toEqual([undefined, 399]);
    expect([meet(1_400), meet(1_899)]).toEqual([undefined, 1]);
    expect(quotas.usage()).toEqual({
      accounts: { a: { requests: 8, tooManyRequests: 3, worstWindow: 6 } },
      addresses: { here: { requests: 8, tooManyRequests: 3, worstWindow: 6 } },
    });
  });

  it('count an address whoever calls from it', () => {
    const quotas = new Quotas(true);
    quotas.change({ address: 2, windowMs: 1_000 });
    expect([quotas.meet(account, 'here', 0), quotas.meet(undefined, 'here', 0)]).toEqual([undefined, undefined]);
    expect([quotas.meet(account, 'here', 0), quotas.meet(account, 'there', 0)]).toEqual([1_000, undefined]);
  });
});

describe('the quotas', () => {
  let simulator: TestedSimulator;
  beforeAll(async () => {
    simulator = await startedSimulator({ SIMULATOR_QUOTAS: '1' });
    await simulator.applyAccount('quota');
    await simulator.applyAccount('small', { token: 'small', quota: 2 });
  });
  beforeEach(() => simulator.control('DELETE', '/quotas'));
  const check = (bearer = token) => simulator.call('GET', '/v3/security/api/auth/auth', { bearer });

  it('are 100 of an account in 30 s; past them every call is told 429 and does nothing', async () => {
    const id = await simulator.invoice();
    const answers = await Promise.all(Array.from({ length: 100 }, () => check()));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    const refused = await simulator.confirm(id, 'too-many');
    expect(refused).toMatchObject({ status: 429, retryAfter: null, body: { error: { fields: [] } } });
    expect(await simulator.control('GET', `/invoices/${id}`)).toMatchObject({ status: 'pending' });
    expect(await simulator.control<TwinQuotas>('GET', '/quotas')).toMatchObject({
      settings: { enforced: true, account: 100, address: 500, windowMs: 30_000, retryAfter: 'none' },
      accounts: { quota: { requests: 101, tooManyRequests: 1, worstWindow: 101 } },
    });
    expect((await check('small')).status).toBe(200);
  });

  it('may be an account’s own, and tell when to come again', async () => {
    await simulator.control('PUT', '/quotas', { retryAfter: 'seconds' });
    const statuses = [await check('small'), await check('small'), await check('small')];
    expect(statuses.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(Number(statuses[2]?.retryAfter)).toBeGreaterThan(0);
    await simulator.control('PUT', '/quotas', { retryAfter: 'date' });
    expect(Date.parse((await check('small')).retryAfter ?? '')).toBeGreaterThan(Date.now());
    await simulator.control('PUT', '/quotas', { retryAfter: 'none' });
  });

  it('only count where nobody has switched them on', async () => {
    const lenient = await startedSimulator();
    await lenient.applyAccount('quota', { quota: 1 });
    const statuses = [await lenient.read(await lenient.invoice()), await lenient.read(await lenient.invoice())];
    expect(statuses.map(({ status }) => status)).toEqual([200, 200]);
    expect(await lenient.control<TwinQuotas>('GET', '/quotas')).toMatchObject({
      accounts: { quota: { requests: 2, tooManyRequests: 0, worstWindow: 2 } },
    });
  });
});
