/** Whether something grows: a straight line by least squares, and how far its slope may be from the true one. */

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Slope {
  readonly slope: number;
  /** Two standard errors: what is closer to 0 than this is not told from it. */
  readonly within: number;
}

/** @param points at least three, of at least two x; neighbours that go together (memory does) make `within` too small */
export function slopeOf(points: readonly Point[]): Slope {
  const n = points.length;
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / n;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / n;
  const spreadX = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  const slope = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / spreadX;
  const residue = points.reduce((sum, { x, y }) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  return { slope, within: 2 * Math.sqrt(residue / (n - 2) / spreadX) };
}

/** Of each stretch of x one point, in its middle, with what `pick` makes of its values: so that neighbours differ by chance alone. */
export function stretches(
  points: readonly Point[],
  length: number,
  pick: (values: readonly number[]) => number,
): Point[] {
  return [...grouped(points, ({ x }) => Math.floor(x / length))].map(([n, inside]) => ({
    x: (n + 0.5) * length,
    y: pick(inside.map(({ y }) => y)),
  }));
}

export function grouped<T>(all: readonly T[], numberOf: (one: T) => number): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const one of all) groups.set(numberOf(one), [...(groups.get(numberOf(one)) ?? []), one]);
  return groups;
}
