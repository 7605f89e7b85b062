import { beforeAll, describe, expect, it } from '@jest/globals';
import { startedSimulator, type TestedSimulator } from './startedSimulator.js';

const account = 'acme';
let simulator: TestedSimulator;
beforeAll(async () => {
  simulator = await startedSimulator();
  await simulator.applyAccount(account);
});

describe('the control API', () => {
  it('keeps what was drawn when an account is applied again', async () => {
    const id = await simulator.invoice();
    await simulator.confirm(id, 'kept');
    const before = await simulator.drawnMinor(account);
    await simulator.applyAccount(account);
    expect(await simulator.drawnMinor(account)).toBe(before);
    expect(await simulator.confirm(id, 'kept')).toMatchObject({ status: 200 });
  });

  it('edits, cancels and pays invoices; a paid one is not cancelled', async () => {
    const id = await simulator.invoice();
    const edited = await simulator.control('PATCH', `/invoices/${id}`, { amountMinor: 7, currency: 'USD' });
    expect(edited).toMatchObject({ id, amountMinor: 7, currency: 'USD', status: 'pending' });
    expect(await simulator.control('POST', `/invoices/${id}/pay`)).toMatchObject({ status: 'paid' });
    await expect(simulator.control('POST', `/invoices/${id}/cancel`)).rejects.toThrow('409');
    const other = await simulator.invoice();
    expect(await simulator.control('POST', `/invoices/${other}/cancel`)).toMatchObject({ status: 'canceled' });
    expect(await simulator.control('GET', `/invoices/${other}`)).toMatchObject({ status: 'canceled' });
  });

  it('says what is wrong with a request', async () => {
    await expect(simulator.control('POST', '/invoices', { amountMinor: 1.5 })).rejects.toThrow(/400.*amountMinor/);
    await expect(simulator.control('POST', '/faults', { kind: 'nonsense' })).rejects.toThrow(/400.*kind/);
    await expect(simulator.control('PATCH', '/invoices/nonsense', {})).rejects.toThrow(/400/);
    await expect(simulator.invoice({ accountId: 'nobody' })).rejects.toThrow(/409.*nobody/);
    await expect(simulator.applyAccount('thief')).rejects.toThrow(/409.*acme/);
  });

  it('lists the calls of an invoice in order, with what each did', async () => {
    const id = await simulator.invoice();
    await simulator.read(id);
    await simulator.confirm(id, 'listed');
    await simulator.confirm(id, 'listed');
    await simulator.confirm(id, 'late');
    expect(await simulator.control('GET', `/requests?invoiceId=${id}`)).toMatchObject([
      { operation: 'read', invoiceId: id, status: 200, effect: 'none' },
      { operation: 'confirm', partnerOperationId: 'listed', status: 200, effect: 'executed' },
      { operation: 'confirm', partnerOperationId: 'listed', status: 200, effect: 'repeated' },
      { operation: 'confirm', partnerOperationId: 'late', status: 422, effect: 'refused' },
    ]);
  });
});
