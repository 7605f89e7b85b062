import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { pointsOfReturns } from '../../src/domain/returns.js';

/** A payment, and sums that it is returned in, which together are all of it. */
export const cutPayment = fc
  .record({
    amountMinor: fc.integer({ min: 1, max: 10_000_000_000_000 }),
    captured: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })),
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }),
  })
  .map(({ amountMinor, captured, cuts }) => {
    const marks = [0, ...cuts.map((cut) => Math.floor(cut * amountMinor)), amountMinor].sort(
      (one, other) => one - other,
    );
    const parts = marks.slice(1).map((mark, index) => mark - (marks[index] ?? 0));
    return { amountMinor, captured, parts: parts.filter((part) => part > 0) };
  });

describe('the points that returns give back', () => {
  it.each([
    [10, 100, 0, 0],
    [10, 100, 100, 10],
    [10, 100, 9, 0],
    [10, 100, 10, 1],
    [10, 99, 33, 3],
    [10, 99, 66, 6],
    [10, 99, 99, 10],
    [0, 100, 50, 0],
    [1, 3, 2, 0],
    [9_007_199_254_740_991, 10_000_000_000_000, 9_999_999_999_999, 9_007_199_254_740_090],
  ])('of %i points for %i, %i returned gives %i', (captured, amountMinor, returnedMinor, given) => {
    expect(pointsOfReturns(captured, amountMinor, returnedMinor)).toBe(given);
  });

  it('[case hyperswitch#13182] parts, however cut, give exactly what was taken, and never more than their share on the way', () => {
    fc.assert(
      fc.property(cutPayment, ({ amountMinor, captured, parts }) => {
        let returnedMinor = 0;
        let given = 0;
        for (const part of parts) {
          const now = pointsOfReturns(captured, amountMinor, returnedMinor + part) - given;
          expect(now).toBeGreaterThanOrEqual(0);
          returnedMinor += part;
          given += now;
          expect(BigInt(given) * BigInt(amountMinor) <= BigInt(captured) * BigInt(returnedMinor)).toBe(true);
        }
        expect(given).toBe(captured);
      }),
    );
  });

  it.each([-1, 101, 0.5, Number.NaN])('refuses %p of 100', (returnedMinor) => {
    expect(() => pointsOfReturns(10, 100, returnedMinor)).toThrow(RangeError);
  });
});
