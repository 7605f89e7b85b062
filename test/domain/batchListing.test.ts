import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nextPlace, type ListPlace } from '../../src/domain/batchListing.js';

const from = (fromMs: number | null, page = 1): ListPlace => ({ fromMs, page });

it.each<[string, ListPlace, (number | null)[], ListPlace | 'ends_pass']>([
  ['a short page ends the pass', from(null), [1_000], 'ends_pass'],
  ['so does an empty one', from(5_000), [], 'ends_pass'],
  ['a full one goes on from its last second', from(null), [1_000, 2_900], from(2_000)],
  ['a page of one second is followed by the next of it', from(2_000), [2_000, 2_400], from(2_000, 2)],
  ['and that by a later second', from(2_000, 2), [2_500, 3_000], from(3_000)],
  ['what has no time is followed by the next page', from(2_000), [2_000, null], from(2_000, 2)],
])('%s', (_, place, createdMs, next) => {
  expect(nextPlace(place, { createdMs, size: createdMs.length }, 2)).toEqual(next);
});

it('finds every invoice that is there to the end, however the list shifts while it is read', () => {
  const invoice = fc.record({ second: fc.nat(6), paidAfterPages: fc.option(fc.nat(8), { nil: Infinity, freq: 2 }) });
  fc.assert(
    fc.property(fc.array(invoice, { maxLength: 40 }), fc.integer({ min: 1, max: 5 }), (invoices, pageSize) => {
      const all = invoices.map((one, id) => ({ ...one, id })).sort((a, b) => a.second - b.second || a.id - b.id);
      const found = new Set<number>();
      let pages = 0;
      // As the ledger decides it: a pass that needed page numbers is the last only if nothing was paid while it went on.
      for (let isLast = false; !isLast;) {
        let [isNew, isNumbered] = [false, false];
        const begunAt = pages;
        for (let place: ListPlace | 'ends_pass' = from(null); place !== 'ends_pass';) {
          const { fromMs, page }: ListPlace = place;
          const listed = all
            .filter((one) => one.paidAfterPages > pages && one.second * 1_000 >= (fromMs ?? 0))
            .slice((page - 1) * pageSize, page * pageSize);
          for (const { id } of listed) {
            isNew ||= !found.has(id);
            found.add(id);
          }
          pages += 1;
          isNumbered ||= page > 1;
          place = nextPlace(
            place,
            { createdMs: listed.map(({ second }) => second * 1_000), size: listed.length },
            pageSize,
          );
          expect(pages).toBeLessThan(2_000);
        }
        const isDisturbed = all.some(({ paidAfterPages }) => paidAfterPages > begunAt && paidAfterPages < pages);
        isLast = !isNew && !(isNumbered && isDisturbed);
      }
      for (const { id, paidAfterPages } of all) if (paidAfterPages === Infinity) expect(found).toContain(id);
    }),
  );
});
