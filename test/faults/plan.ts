/** Who pays what, when, under which fault: drawn from the seed alone. */
import fc from 'fast-check';
import type { Cell } from './matrix.js';

export interface PlannedPayment {
  /** From 1; `--only` names it. */
  readonly number: number;
  readonly cell: Cell;
  readonly amountMinor: number;
  /** Which of the shared members pays. */
  readonly member: number;
  /** Which API the caller asks first. */
  readonly api: number;
}

export const sharedMembers = 8;

/** With as many payments as cells every cell is dealt, the rest is drawn; with fewer the seed picks which. */
export function planOf(seed: number, payments: number, cells: readonly Cell[]): PlannedPayment[] {
  const light = cells.filter(({ heavy }) => !heavy);
  const dealt = Math.min(payments, cells.length);
  const plan = fc
    .shuffledSubarray([...cells], { minLength: dealt, maxLength: dealt })
    .chain((first) =>
      fc
        .array(fc.constantFrom(...(light.length > 0 ? light : cells)), {
          minLength: payments - dealt,
          maxLength: payments - dealt,
        })
        .chain((rest) => fc.shuffledSubarray([...first, ...rest], { minLength: payments, maxLength: payments })),
    )
    .chain((order) =>
      fc.tuple(
        ...order.map((cell) =>
          fc.record({
            cell: fc.constant(cell),
            amountMinor: fc.integer({ min: 1_00, max: 20_000_00 }),
            member: fc.integer({ min: 0, max: sharedMembers - 1 }),
            api: fc.integer({ min: 0, max: 1 }),
          }),
        ),
      ),
    );
  const [drawn = []] = fc.sample(plan, { seed, numRuns: 1 });
  return drawn.map((payment, index) => ({ number: index + 1, ...payment }));
}
