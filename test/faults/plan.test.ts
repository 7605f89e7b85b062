import { describe, expect, it } from '@jest/globals';
import { matrix } from './matrix.js';
import { planOf } from './plan.js';

const dealt = (seed: number, payments: number) =>
  planOf(seed, payments, matrix).map(({ cell, ...rest }) => ({ ...rest, cell: cell.id }));

describe('the plan of a fault run', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(dealt(7, 60)).toEqual(dealt(7, 60));
    expect(dealt(8, 60)).not.toEqual(dealt(7, 60));
  });

  it('deals every cell at least once when there are enough payments', () => {
    const payments = matrix.length + 10;
    const plan = dealt(1, payments);
    expect(plan).toHaveLength(payments);
    expect(new Set(plan.map(({ cell }) => cell)).size).toBe(matrix.length);
    expect(plan.map(({ number }) => number)).toEqual(plan.map((_, index) => index + 1));
  });

  it('deals no cell twice when there are too few payments for all', () => {
    expect(new Set(dealt(1, 60).map(({ cell }) => cell)).size).toBe(60);
  });
});

describe('the matrix', () => {
  it('has cells of different ids, each with an end', () => {
    expect(new Set(matrix.map(({ id }) => id)).size).toBe(matrix.length);
    expect(matrix.filter(({ ends }) => ends.length === 0)).toEqual([]);
  });

  it('fits into a run of 300 payments', () => {
    expect(matrix.length).toBeLessThanOrEqual(300);
  });

  it('allows a review only where the answers of the twin cannot prove the outcome', () => {
    const reviewed = matrix.filter(({ ends }) => ends.some((end) => end.startsWith('in_review')));
    const isUnprovable = ({ whenUnknown, tenant, twin }: (typeof matrix)[number]) =>
      whenUnknown !== null ||
      tenant === 'strict' ||
      twin.some((trouble) => 'code' in trouble && trouble.code === 'invoice_already_paid');
    expect(reviewed.filter((cell) => !isUnprovable(cell))).toEqual([]);
  });
});
