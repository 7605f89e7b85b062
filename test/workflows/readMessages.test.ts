import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readCancellation, readConfirmation } from '../../src/workflows/readMessages.js';

const id = '01771534-1a57-4184-8ee3-ebeb91dded76';
const confirmation = {
  memberId: id,
  seen: { amountMinor: 100, currency: 'RUB', points: 1 },
  actor: { kind: 'member', id },
  confirmationId: id,
  notAfter: 1,
};

describe('messages from outside', () => {
  it('takes a well-formed confirmation as it is, and drops fields that it does not know', () => {
    expect(readConfirmation({ ...confirmation, more: 'x' })).toEqual(confirmation);
    expect(readConfirmation({ ...confirmation, askedAt: 1 })).toEqual({ ...confirmation, askedAt: 1 });
  });

  it.each([
    null,
    undefined,
    [],
    'text',
    { points: '12' },
    { ...confirmation, seen: { ...confirmation.seen, points: '1' } },
    { ...confirmation, seen: { ...confirmation.seen, points: 1.5 } },
    { ...confirmation, seen: { ...confirmation.seen, amountMinor: -1 } },
    { ...confirmation, seen: { ...confirmation.seen, currency: 'rub' } },
    { ...confirmation, memberId: 'x'.repeat(1_000_000) },
    { ...confirmation, actor: { kind: 'god', id } },
    { ...confirmation, actor: { kind: 'member', id: 'x'.repeat(1_000_000) } },
    { ...confirmation, notAfter: '1' },
    { ...confirmation, askedAt: -1 },
  ])('refuses a malformed confirmation (%#)', (message) => {
    expect(readConfirmation(message)).toBeNull();
  });

  it('never throws, whatever is sent', () => {
    fc.assert(
      fc.property(fc.anything(), (message) => {
        readConfirmation(message);
        readCancellation(message);
      }),
    );
  });
});
