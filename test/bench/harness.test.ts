import fc from 'fast-check';
import { costBetween, statOf } from '../../bench/costs.js';
import { inTurns, measurePairs, pairedRatio, spreadOf } from '../../bench/harness.js';

describe('pairs of measurements', () => {
  it('take turns in who is first', async () => {
    const order: string[] = [];
    const note = (who: string) => () => Promise.resolve(order.push(who));
    const pairs = await measurePairs({ pairs: 3, boundMs: 60_000 }, note('a'), note('b'));
    expect(order).toEqual(['a', 'b', 'b', 'a', 'a', 'b']);
    expect(pairs).toEqual([
      { a: 1, b: 2 },
      { a: 4, b: 3 },
      { a: 5, b: 6 },
    ]);
  });

  it('are one at least, however little time there is', async () => {
    const one = () => Promise.resolve(1);
    expect(await measurePairs({ pairs: 7, boundMs: 0 }, one, one)).toHaveLength(1);
  });

  it.each([
    ['more is better: 30 a second beside 20', 'more', { a: 30, b: 20 }, 1.5],
    ['less is better: 20 ms beside 50', 'less', { a: 20, b: 50 }, 2.5],
    ['as good as each other', 'less', { a: 7, b: 7 }, 1],
  ] as const)('above 1, A is better: %s', (_, better, pair, ratio) => {
    expect(pairedRatio([pair], (figure) => figure, better).median).toBeCloseTo(ratio);
  });

  it('are compared pair by pair: what slows both of one pair down changes nothing', () => {
    const pair = fc.record({ a: fc.integer({ min: 1, max: 1_000 }), slowed: fc.integer({ min: 1, max: 50 }) });
    fc.assert(
      fc.property(fc.array(pair, { minLength: 1, maxLength: 9 }), (pairs) => {
        const measured = pairs.map(({ a, slowed }) => ({ a: a / slowed, b: (2 * a) / slowed }));
        const { median, least, most } = pairedRatio(measured, (figure) => figure, 'more');
        for (const ratio of [median, least, most]) expect(ratio).toBeCloseTo(0.5);
      }),
    );
  });

  it('are told by their median, and from the least to the most', () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3 });
    expect(spreadOf([4, 1, 2, 3])).toEqual({ median: 2.5, least: 1, most: 4 });
  });
});

describe('so many in turns', () => {
  it('never more at once than are wanted, and all of them', async () => {
    let running = 0;
    let most = 0;
    const done = await inTurns([1, 2, 3, 4, 5, 6, 7], 3, async (one) => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running -= 1;
      return one;
    });
    expect(most).toBe(3);
    expect(done.toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });
});

describe('what a stretch of time has cost', () => {
  it('reads a process whose name is made to mislead', () => {
    const line = '4242 (a) R 1 (b) S 77 4242 4242 0 -1 4194560 900 0 0 0 12 3 40 5 20 0 11 0 500 1000 200';
    expect(statOf(4242, line)).toEqual({ pid: 4242, parent: 77, ownMs: 150, endedMs: 450 });
  });

  it('is what came since, also of what was not there before', () => {
    const before = { cpuMs: { worker: 10 }, walBytes: 100, statements: { ours: 5 } };
    const after = { cpuMs: { worker: 25, twin: 4 }, walBytes: 160, statements: { ours: 9, naive: 2 } };
    expect(costBetween(before, after)).toEqual({
      cpuMs: { worker: 15, twin: 4 },
      walBytes: 60,
      statements: { ours: 4, naive: 2 },
    });
  });
});
