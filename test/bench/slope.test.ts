import fc from 'fast-check';
import { slopeOf, stretches } from '../../bench/slope.js';

const minutes = Array.from({ length: 40 }, (_, n) => n);

describe('The slope of a soak', () => {
  it('is that of a straight line, wherever it begins', () => {
    fc.assert(
      fc.property(fc.integer({ min: -500, max: 500 }), fc.integer({ min: 0, max: 5_000 }), (grows, from) => {
        const { slope, within } = slopeOf(minutes.map((x) => ({ x, y: from + grows * x })));
        expect(slope).toBeCloseTo(grows, 6);
        expect(within).toBeCloseTo(0, 3);
      }),
    );
  });

  it('of what only goes up and down is within its error', () => {
    const { slope, within } = slopeOf(minutes.map((x) => ({ x, y: 200 + (x % 2) * 10 })));
    expect(Math.abs(slope)).toBeLessThan(within);
  });

  it('of a leak is beyond its error, though collections hide it in each stretch', () => {
    const points = Array.from({ length: 400 }, (_, n) => ({ x: n / 10, y: 200 + n / 40 + (n % 7) * 8 }));
    const { slope, within } = slopeOf(stretches(points, 1, (values) => Math.min(...values)));
    expect(slope - within).toBeGreaterThan(0);
    expect(slope).toBeCloseTo(0.25, 1);
  });

  it('takes of each stretch one value, in its middle', () => {
    const points = [0, 0.5, 0.9, 1, 1.5].map((x) => ({ x, y: x * 10 }));
    expect(stretches(points, 1, (values) => Math.max(...values))).toEqual([
      { x: 0.5, y: 9 },
      { x: 1.5, y: 15 },
    ]);
  });
});
