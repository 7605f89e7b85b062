/** Lists by keys: from any page one comes to each row once, in the list's order, and back. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { pageOf, placeIn, type Place, type Sort } from '../../src/api/console/paging.js';

/** What Postgres would answer. */
function ask(keys: readonly number[], place: Place<number>): number[] {
  const values: unknown[] = [];
  const { where, order } = placeIn('n', place, values);
  const [key] = values as number[];
  const isThere = (n: number) =>
    where === 'true' || key === undefined ? true : where.includes('<') ? n < key : n > key;
  const inOrder = keys.filter(isThere).sort((one, other) => (order.includes('DESC') ? other - one : one - other));
  return inOrder.slice(0, Number(/LIMIT (\d+)$/.exec(order)?.[1]));
}

const open = (keys: readonly number[], place: Place<number>) =>
  pageOf(ask(keys, place), place, (n) => n, '/list', { filter: 'kept' });

function placeOf(address: string | null, sort: Sort): Place<number> | null {
  if (address === null) return null;
  const query = new URL(address, 'http://console').searchParams;
  expect([query.get('filter'), query.get('sort') ?? undefined]).toEqual(['kept', sort]);
  const [before, after] = [query.get('before'), query.get('after')];
  return {
    sort,
    before: before === null ? undefined : Number(before),
    after: after === null ? undefined : Number(after),
  };
}

describe('a list by keys', () => {
  it('is walked to its end and back, row by row, in either order', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 10_000 }), { maxLength: 260 }),
        fc.constantFrom<Sort[]>(undefined, 'newest', 'oldest'),
        (keys, sort) => {
          const wanted = [...keys].sort((one, other) => (sort === 'oldest' ? one - other : other - one));
          const seen: number[] = [];
          const pages: (readonly number[])[] = [];
          let place: Place<number> | null = { sort };
          let last: Place<number> = place;
          while (place !== null) {
            const page: ReturnType<typeof open> = open(keys, place);
            seen.push(...page.rows);
            pages.push(page.rows);
            last = place;
            place = placeOf(page.older, sort);
          }
          expect(seen).toEqual(wanted);
          let back = placeOf(open(keys, last).newer, sort);
          for (const rows of pages.slice(0, -1).reverse()) {
            if (back === null) throw new Error('there is no way back');
            const page = open(keys, back);
            expect(page.rows).toEqual(rows);
            back = placeOf(page.newer, sort);
          }
          expect(back).toBeNull();
        },
      ),
    );
  });
});
