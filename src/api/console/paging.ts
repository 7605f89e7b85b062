/** Lists by keys: a page ends before or after the row that its address names, so rows that come in shift nothing. */
import { z } from 'zod';

export const rowsAPage = 50;

const uuid = z.string().regex(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/, 'is no place in the list');
export const uuidPlace = { before: uuid.optional(), after: uuid.optional() };

/** An address with what of the filters is given. */
export function addressOf(path: string, filters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(filters).filter((one): one is [string, string] => one[1] !== undefined && one[1] !== '');
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}
