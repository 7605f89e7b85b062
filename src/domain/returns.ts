/** Returns of a paid payment: which points go back with which part of the money. */
import { points, type Points } from './points.js';

/**
 * The points that returns of `returnedMinor` in all give back, of a payment of `amountMinor` that took `captured`: their share,
 * rounded down. What a return gives is the difference to what those before it gave: so parts, however cut, never come to
 * more than their share, and the whole sum gives exactly what was taken. The ledger decides the same (points_of_returns.sql).
 */
export function pointsOfReturns(captured: number, amountMinor: number, returnedMinor: number): Points {
  if (!Number.isSafeInteger(returnedMinor) || returnedMinor < 0 || returnedMinor > amountMinor) {
    throw new RangeError('What is returned is whole, not negative, and at most what was paid');
  }
  return points(Number((BigInt(captured) * BigInt(returnedMinor)) / BigInt(amountMinor)));
}
