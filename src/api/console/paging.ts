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

export interface Place<Key> {
  readonly before?: Key | undefined;
  readonly after?: Key | undefined;
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly newer: string | null;
  readonly older: string | null;
}

/**
 * The end of a query for a page, the newest first: its condition, order and limit.
 * @param values of the query; the key is added
 */
export function placeIn<Key extends string | number>(column: string, place: Place<Key>, values: unknown[]) {
  const key = place.after ?? place.before;
  if (key !== undefined) values.push(key);
  const isBefore = place.after === undefined;
  return {
    where: key === undefined ? 'true' : `${column} ${isBefore ? '<' : '>'} $${values.length}`,
    order: `ORDER BY ${column} ${isBefore ? 'DESC' : 'ASC'} LIMIT ${rowsAPage + 1}`,
  };
}

/** @param found as `placeIn` has asked for them @param filters of the page's address, without its place */
export function pageOf<Row, Key extends string | number>(
  found: readonly Row[],
  place: Place<Key>,
  keyOf: (row: Row) => Key,
  path: string,
  filters: Readonly<Record<string, string | undefined>>,
): Page<Row> {
  const isBefore = place.after === undefined;
  const cut = found.slice(0, rowsAPage);
  const rows = isBefore ? cut : cut.toReversed();
  const [first, last] = [rows[0], rows.at(-1)];
  const isMore = found.length > rowsAPage;
  const link = (name: string, row: Row | undefined) =>
    row === undefined ? null : addressOf(path, { ...filters, [name]: String(keyOf(row)) });
  return {
    rows,
    newer: isBefore ? (place.before === undefined ? null : link('after', first)) : isMore ? link('after', first) : null,
    older: isBefore ? (isMore ? link('before', last) : null) : link('before', last),
  };
}

/** An address with what of the filters is given. */
export function addressOf(path: string, filters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(filters).filter((one): one is [string, string] => one[1] !== undefined && one[1] !== '');
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}
