import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { points, priceInPoints } from '../../src/domain/points.js';

describe('the price of an invoice in points', () => {
  it.each([
    [1_965_845, 1, 100, 19_659],
    [100, 1, 100, 1],
    [101, 1, 100, 2],
    [1, 1, 100, 1],
    [1_000, 3, 1, 3_000],
    [10_000_000_000_000, 7, 3, 23_333_333_333_334],
  ])('%i minor units at %i/%i cost %i points', (amountMinor, numerator, denominator, price) => {
    expect(priceInPoints(amountMinor, { numerator, denominator })).toEqual({ ok: true, points: price });
  });

  it('never falls short of the money, and never exceeds it by a whole point', () => {
    const positive = fc.integer({ min: 1, max: 1_000_000 });
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 10_000_000_000 }),
        positive,
        positive,
        (amountMinor, numerator, denominator) => {
          const price = priceInPoints(amountMinor, { numerator, denominator });
          if (!price.ok) return;
          const paid = BigInt(price.points) * BigInt(denominator);
          const owed = BigInt(amountMinor) * BigInt(numerator);
          expect(paid >= owed && paid - owed < BigInt(denominator)).toBe(true);
        },
      ),
    );
  });

  it('says so when a price cannot be held exactly', () => {
    expect(priceInPoints(10_000_000_000_000, { numerator: 1_000_000, denominator: 1 })).toEqual({
      ok: false,
      problem: 'too_many_points',
    });
  });

  it.each([-1, 1.5, Number.NaN, 2 ** 53])('refuses %p as points', (value) => {
    expect(() => points(value)).toThrow(RangeError);
  });
});
