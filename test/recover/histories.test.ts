/** The recorded histories of every kind of payment, of this release and those before, and what recovery reads in them. */
import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { evidenceOf } from '../../src/domain/evidence.js';
import { recoveryAction } from '../../src/domain/recovery.js';
import { returnIn } from '../../src/recovery/begun.js';
import { decoderOf, recordedIn } from '../../src/recovery/recorded.js';

const folder = new URL('../replay/histories/', import.meta.url);
const decode = decoderOf(new Client({ connection: Connection.lazy({ address: '127.0.0.1:1' }) }));

async function eventsIn(name: string) {
  return historyFromJSON(JSON.parse(await readFile(new URL(`${name}.json`, folder), 'utf8'))).events ?? [];
}

async function evidenceIn(name: string) {
  return evidenceOf(await recordedIn(await eventsIn(name), decode));
}

describe('a recorded history', () => {
  it.each([
    ['loyalty-paid', 'paid', 'pay', 1],
    ['loyalty-asked-again-then-paid', 'paid', 'pay', 1],
    ['loyalty-confirmed-by-signal', 'paid', 'pay', 1],
    ['loyalty-turned-away-then-paid', 'paid', 'pay', 2],
    ['loyalty-unknown-then-proven-paid', 'paid', 'pay', 2],
    ['loyalty-unknown-then-confirmed-again', 'paid', 'pay', 2],
    ['organisation-paid', 'paid', 'pay', 1],
    ['organisation-paid-by-a-batch', 'paid', 'pay', 1],
    ['organisation-approved', 'paid', 'pay', 1],
    ['organisation-asked-again-then-approved', 'paid', 'pay', 1],
    ['loyalty-cancelled-by-the-buyer', 'cancelled', 'close', 0],
    ['loyalty-cancelled-from-the-Temporal-UI', 'cancelled', 'close', 0],
    ['loyalty-expired', 'expired', 'close', 0],
    ['loyalty-refused', 'declined', 'close', 1],
    ['loyalty-refused-for-its-status', 'declined', 'close', 1],
    ['loyalty-in-review-resolved-as-paid-elsewhere', 'declined', 'close', 1],
    ['organisation-refused-by-its-approver', 'declined', 'close', 0],
  ] as const)('%s: %s, so the ledger is told to %s', async (name, state, action, calls) => {
    const evidence = await evidenceIn(name);
    expect(evidence).toMatchObject({ state });
    if (evidence === null) return;
    expect(recoveryAction(null, evidence).kind).toBe(action);
    expect(evidence.attempts.length).toBeGreaterThanOrEqual(calls);
    if (state !== 'paid') return;
    expect(evidence.transactionId).toMatch(/./);
    // Whose points, how many, for what sum: all that a hold is made of.
    expect(evidence.held).toMatchObject({ seen: { currency: 'RUB' }, confirmationId: expect.any(String) });
    expect(evidence.held?.memberId === null).toBe(evidence.opening.scheme === 'organisation');
    expect(evidence.held?.seen).toMatchObject({ amountMinor: evidence.quote?.amountMinor });
  });

  it('of every kind is read, and every payment’s tells what it is of', async () => {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5));
    for (const name of names) {
      const evidence = await evidenceIn(name);
      const isPayment = name.startsWith('loyalty-') || name.startsWith('organisation-');
      expect([name, evidence !== null]).toEqual([name, isPayment]);
    }
  });

  it.each([
    ['return-booked', { status: 'paid', readAt: expect.any(Number) }],
    ['return-booked-unread', null],
  ])('%s: it was booked, and a release that did not say of what is read', async (name, read) => {
    expect(await returnIn(await eventsIn(name), decode)).toEqual({
      made: null,
      booked: { at: expect.any(Number), read },
    });
  });
});
