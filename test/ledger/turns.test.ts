import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Turns } from '../../src/ledger/turns.js';

describe('turns', () => {
  it('are taken by so many of a key at once and never more, in the order in which they came, and by all of them', async () => {
    const work = fc.record({ key: fc.constantFrom('a', 'b', 'c'), steps: fc.nat({ max: 5 }), fails: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(work, { maxLength: 40 }), fc.integer({ min: 1, max: 4 }), async (all, atOnce) => {
        const turns = new Turns(atOnce, 60_000);
        const active = new Map<string, number>();
        const began: Record<string, number[]> = {};
        const results = await Promise.allSettled(
          all.map(({ key, steps, fails }, n) =>
            turns.take(key, async () => {
              (began[key] ??= []).push(n);
              active.set(key, (active.get(key) ?? 0) + 1);
              expect(active.get(key)).toBeLessThanOrEqual(atOnce);
              for (let step = 0; step < steps; step++) await Promise.resolve();
              active.set(key, (active.get(key) ?? 0) - 1);
              if (fails) throw new Error(`${n}`);
              return n;
            }),
          ),
        );
        for (const order of Object.values(began)) expect(order).toEqual(order.toSorted((a, b) => a - b));
        expect(results.map(({ status }) => status)).toEqual(all.map(({ fails }) => (fails ? 'rejected' : 'fulfilled')));
      }),
    );
  });

  it('of one key keep nobody of another waiting', async () => {
    const turns = new Turns(1, 60_000);
    let finish = (): void => undefined;
    const long = turns.take('a', () => new Promise<void>((done) => (finish = done)));
    await expect(turns.take('b', () => Promise.resolve('done'))).resolves.toBe('done');
    finish();
    await long;
  });

  it('are given on by who never comes back, as where a connection is lost without a word', async () => {
    const turns = new Turns(1, 10);
    const after: string[] = [];
    void turns.take('a', () => new Promise(() => undefined));
    await Promise.all(['second', 'third'].map((who) => turns.take('a', () => Promise.resolve(after.push(who)))));
    expect(after).toEqual(['second', 'third']);
  });

  it('are given on once: who comes back late takes no place from others', async () => {
    const turns = new Turns(1, 10);
    let comeBack = (): void => undefined;
    const late = turns.take('a', () => new Promise<void>((done) => (comeBack = done)));
    let goOn = (): void => undefined;
    let isThirdGoingOn = false;
    const began = new Promise<void>((hasBegun) => {
      void turns.take('a', () => {
        hasBegun();
        return new Promise<void>((done) => (goOn = done));
      });
    });
    await began;
    comeBack();
    await late;
    const third = turns.take('a', () => Promise.resolve((isThirdGoingOn = true)));
    await Promise.resolve();
    expect(isThirdGoingOn).toBe(false);
    goOn();
    await third;
  });
});
