/**
 * How a batch goes through the list of invoices that can be paid. Paying takes invoices out of that list, so numbered pages
 * shift under whoever reads them: the place is a time of creation, and the first page from there on. Whatever slips by
 * all the same is found by the next pass over the list; the one that brings nothing new is the last (the ledger counts).
 */

/** From when on (milliseconds since 1970; null: from the beginning), and which page of what was created since, from 1. */
export interface ListPlace {
  readonly fromMs: number | null;
  readonly page: number;
}

export interface ListedPage {
  /** When its invoices were created, in the order of the page; null: the list did not say. */
  readonly createdMs: readonly (number | null)[];
  /** Elements of the page, also those that could not be read. */
  readonly size: number;
}

/** The list tells times, and compares them, by the second. */
const listedMs = 1_000;

/** @returns where to read on; `ends_pass`: the list ends with this page */
export function nextPlace({ fromMs, page }: ListPlace, listed: ListedPage, pageSize: number): ListPlace | 'ends_pass' {
  if (listed.size < pageSize) return 'ends_pass';
  const lastMs = listed.createdMs.at(-1) ?? null;
  const toMs = lastMs === null ? null : Math.floor(lastMs / listedMs) * listedMs;
  // A whole page of one second: what follows it can be told from it by the number of the page alone.
  return toMs === null || toMs <= (fromMs ?? -Infinity) ? { fromMs, page: page + 1 } : { fromMs: toMs, page: 1 };
}
