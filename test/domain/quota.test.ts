import { describe, expect, it } from '@jest/globals';
import { callPriority, type InvoiceboxCall } from '../../src/domain/quota.js';

describe('who goes first', () => {
  it.each<[InvoiceboxCall, alone: number, inBatch: number]>([
    ['confirm', 1, 4],
    ['read', 2, 4],
    ['forPerson', 2, 2],
    ['earlyProof', 2, 3],
    ['lateProof', 3, 3],
    ['batch', 4, 4],
    ['reconciliation', 5, 5],
  ])('%s: %i, in a batch %i', (call, alone, inBatch) => {
    expect(callPriority('p', undefined, call)).toEqual({ fairnessKey: 'p', priorityKey: alone });
    expect(callPriority('p', { isBatch: true }, call)).toEqual({ fairnessKey: 'p', priorityKey: inBatch });
  });

  it('is fair between accounts, at the rate of each', () => {
    expect(callPriority('p', { account: 'shared', weight: 2.5 }, 'read')).toEqual({
      fairnessKey: 'shared',
      fairnessWeight: 2.5,
      priorityKey: 2,
    });
  });
});
