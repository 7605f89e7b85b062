/** Lists by keys: a page ends before or after the row that its address names, so rows that come in shift nothing. */
import { z } from 'zod';

export const rowsAPage = 50;

const uuid = z.string().regex(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/, 'is no place in the list');
export const uuidPlace = { before: uuid.optional(), after: uuid.optional() };
const number = z
  .string()
  .regex(/^[1-9]\d{0,14}$/, 'is no place in the list')
  .transform(Number);
export const numberPlace = { before: number.optional(), after: number.optional() };

export const sortField = z.enum(['newest', 'oldest'], 'is newest or oldest').optional();
export type Sort = z.infer<typeof sortField>;

export interface Place<Key> {
  readonly before?: Key | undefined;
  readonly after?: Key | undefined;
  /** Absent: the newest first. */
  readonly sort?: Sort;
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  /** The page before this one, and the one after it, in the order of the list. */
  readonly newer: string | null;
  readonly older: string | null;
}

/** In which order rows are asked for: a page before another one is read backwards. */
const isDescending = ({ before, after, sort }: Place<unknown>): boolean =>
  before !== undefined || (after === undefined && sort !== 'oldest');

/**
 * The end of a query for a page: its condition, order and limit.
 * @param values of the query; the key is added
 */
export function placeIn<Key extends string | number>(column: string, place: Place<Key>, values: unknown[]) {
  const key = place.before ?? place.after;
  if (key !== undefined) values.push(key);
  return {
    where: key === undefined ? 'true' : `${column} ${place.before === undefined ? '>' : '<'} $${values.length}`,
    order: `ORDER BY ${column} ${isDescending(place) ? 'DESC' : 'ASC'} LIMIT ${rowsAPage + 1}`,
  };
}

/** @param found as `placeIn` has asked for them @param filters of the page's address, without its place */
export function pageOf<Row>(
  found: readonly Row[],
  place: Place<unknown>,
  keyOf: (row: Row) => string | number,
  path: string,
  filters: Readonly<Record<string, string | undefined>>,
): Page<Row> {
  const { sort } = place;
  const cut = found.slice(0, rowsAPage);
  const isForward = isDescending(place) === (sort !== 'oldest');
  const rows = isForward ? cut : cut.toReversed();
  const isMore = found.length > rowsAPage;
  const isFirst = place.before === undefined && place.after === undefined;
  const [onwards, back] = sort === 'oldest' ? (['after', 'before'] as const) : (['before', 'after'] as const);
  const link = (name: string, row: Row | undefined) =>
    row === undefined ? null : addressOf(path, { ...filters, sort, [name]: String(keyOf(row)) });
  return {
    rows,
    newer: (isForward ? !isFirst : isMore) ? link(back, rows[0]) : null,
    older: (isForward ? isMore : true) ? link(onwards, rows.at(-1)) : null,
  };
}

/** What the ways to other pages are called in a list of this order. */
export const pageWords = (sort: Sort) =>
  sort === 'oldest' ? { newer: '← Older', older: 'Newer →' } : { newer: '← Newer', older: 'Older →' };

/** An address with what of the filters is given. */
export function addressOf(path: string, filters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(filters).filter((one): one is [string, string] => one[1] !== undefined && one[1] !== '');
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}
