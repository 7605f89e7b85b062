/** The days that the overview's chart shows. */
import { expect, it } from '@jest/globals';
import type { PageReads } from '../../src/api/console/consoleReads.js';
import { readOutcomes } from '../../src/api/console/outcomesChart.js';

const readsOf = (day: string) =>
  ({ rows: () => Promise.resolve([{ day, state: 'paid', payments: 3 }]) }) as unknown as PageReads;

it.each([
  ['of today', '2026-11-26', '2026-11-26'],
  ['of a partner whose day has begun already, three hours east', '2026-11-27', '2026-11-27'],
  ['of yesterday', '2026-11-25', '2026-11-26'],
])('payments %s are shown, and the last of thirty days is today, here or there', async (_, ended, last) => {
  const days = await readOutcomes(readsOf(ended), '2026-11-26');
  expect(days).toHaveLength(30);
  expect(days.at(-1)?.day).toBe(last);
  expect(days.find(({ day }) => day === ended)).toMatchObject({ paid: 3 });
});
