declare const pointsBrand: unique symbol;

/** A whole number of loyalty points, never negative. */
export type Points = number & { readonly [pointsBrand]: true };

/** How many points one minor unit of a currency costs: numerator ÷ denominator, both positive integers. */
export interface PointRate {
  readonly numerator: number;
  readonly denominator: number;
}

/** Brands a safe non-negative integer as points; anything else is a mistake of ours. */
export function points(value: number): Points {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('Points are whole, safe and not negative');
  return (Object.is(value, -0) ? 0 : value) as Points;
}

export type Price =
  { readonly ok: true; readonly points: Points } | { readonly ok: false; readonly problem: 'too_many_points' };

/**
 * What an invoice costs in points: ceil(amountMinor × numerator ÷ denominator), exact.
 * Rounding goes up, so that points never fall short of the money that the fund pays.
 */
export function priceInPoints(amountMinor: number, rate: PointRate): Price {
  const numerator = BigInt(rate.numerator);
  const denominator = BigInt(rate.denominator);
  const price = (BigInt(amountMinor) * numerator + denominator - 1n) / denominator;
  if (price > BigInt(Number.MAX_SAFE_INTEGER)) return { ok: false, problem: 'too_many_points' };
  return { ok: true, points: points(Number(price)) };
}

/** What one payment may cost in points; absent: no limit. */
export interface PointLimits {
  readonly minPoints?: number | null | undefined;
  readonly maxPoints?: number | null | undefined;
}

/** Whether a programme lets this many points be paid at once. */
export function withinLimits(
  price: number,
  { minPoints, maxPoints }: PointLimits,
): 'ok' | 'too_few_points' | 'too_many_points' {
  if (price < (minPoints ?? 0)) return 'too_few_points';
  return price > (maxPoints ?? Infinity) ? 'too_many_points' : 'ok';
}
