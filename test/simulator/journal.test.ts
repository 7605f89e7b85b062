import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { startedSimulator } from './startedSimulator.js';

const folder = mkdtempSync(join(tmpdir(), 'simulator-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('the journal', () => {
  it('brings the books back after a restart: funds, invoices and repeats', async () => {
    const environment = { SIMULATOR_DATA: join(folder, 'deep', 'books.jsonl') };
    const first = await startedSimulator(environment);
    await first.applyAccount('acme');
    const [paid, edited] = [await first.invoice(), await first.invoice()];
    const answer = await first.confirm(paid, 'operation');
    await first.control('PATCH', `/invoices/${edited}`, { amountMinor: 777 });
    await first.close();

    const second = await startedSimulator(environment);
    expect(await second.drawnMinor('acme')).toBe(10_050);
    expect((await second.confirm(paid, 'operation')).body).toEqual(answer.body);
    expect((await second.read(edited)).body).toMatchObject({ data: [{ amount: 7.77, status: 'pending' }] });
    expect(await second.drawnMinor('acme')).toBe(10_050);
  });

  it('has the confirmation before the connection is cut', async () => {
    const path = join(folder, 'cut.jsonl');
    const simulator = await startedSimulator({ SIMULATOR_DATA: path });
    await simulator.applyAccount('acme');
    const id = await simulator.invoice();
    await simulator.fault({ invoiceId: id, operation: 'confirm', kind: 'cut_after' });
    await expect(simulator.confirm(id, 'operation')).rejects.toThrow('fetch failed');
    expect(readFileSync(path, 'utf8')).toContain('"type":"confirmed"');
  });

  it('forgets a line whose end was never written, and goes on after it', async () => {
    const path = join(folder, 'torn.jsonl');
    const first = await startedSimulator({ SIMULATOR_DATA: path });
    await first.applyAccount('acme');
    await first.close();
    const whole = readFileSync(path, 'utf8');
    appendFileSync(path, '{"type":"account_app');

    const second = await startedSimulator({ SIMULATOR_DATA: path });
    expect(readFileSync(path, 'utf8')).toBe(whole);
    expect(await second.drawnMinor('acme')).toBe(0);
  });

  it('refuses to start on a damaged line and says where it is', async () => {
    const path = join(folder, 'damaged.jsonl');
    writeFileSync(path, '{"type":"nonsense"}\n');
    await expect(startedSimulator({ SIMULATOR_DATA: path })).rejects.toThrow('damaged.jsonl:1');
  });
});
