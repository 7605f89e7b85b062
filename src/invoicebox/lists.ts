/** Lists of invoices (contract, section 2): what is asked, what a page says, and where a list ends. */
import type { Invoice } from './schemas.js';

/** How a partner's lists are paged: the documentation and Invoicebox's own code differ, so it is a setting. */
export interface ListPaging {
  /** `page` and `pageSize`, or `_page` and `_pageSize`. */
  readonly pageParameters: 'page' | '_page';
  readonly pageSize: number;
}

export const documentedPaging: ListPaging = { pageParameters: 'page', pageSize: 30 };

type Operator = '_eq' | '_ne' | '_gt' | '_ge' | '_lt' | '_le' | '_start';

export interface ListCondition {
  readonly property: 'id' | 'merchantOrderId' | 'merchantOrderIdVisible' | 'status' | 'amount' | 'createdAt';
  readonly operator: Operator;
  /**
   * As Invoicebox writes it: an amount in whole units (`19658.45`), a time by `atomTime`. Several, with `_eq` alone: one
   * of them (`name[]=a&name[]=b`; documented of `status`, inferred of the rest, so check what comes back).
   */
  readonly values: readonly [string, ...string[]];
}

export interface ListQuery {
  readonly conditions: readonly ListCondition[];
  /** By creation. Ascending, nothing that is created meanwhile shifts a page. */
  readonly order: 'asc' | 'desc';
  /** From 1. */
  readonly page: number;
}

export interface InvoicePage {
  readonly invoices: readonly Invoice[];
  /** Elements that are no invoice to us; the others are good all the same. `why` is a word of ours. */
  readonly unreadable: readonly { readonly index: number; readonly id: string | null; readonly why: string }[];
  /** null where the answer does not say. */
  readonly totalCount: number | null;
}

/** Invoicebox's form of a time, in whole seconds: what it compares is no finer than what it shows. */
export function atomTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}+00:00`;
}

export function listPath({ conditions, order, page }: ListQuery, paging: ListPaging): string {
  const parameters = new URLSearchParams();
  for (const { property, operator, values } of conditions) {
    if (values.length > 1 && operator !== '_eq') throw new RangeError(`${property}: several values go with _eq alone`);
    const name = values.length > 1 ? `${property}[]` : operator === '_eq' ? property : `${property}[${operator}]`;
    for (const value of values) parameters.append(name, value);
  }
  parameters.append('_order[createdAt]', order);
  parameters.append(paging.pageParameters, String(page));
  parameters.append(paging.pageParameters === 'page' ? 'pageSize' : '_pageSize', String(paging.pageSize));
  return `/business/api/invoice?${parameters.toString()}`;
}

export type ListEnd = 'total_reached' | 'empty' | 'nothing_new';

/**
 * Whether a list ends with this page: at its total, at an empty page, or at a page of which every id was seen before.
 * One that was seen is not enough: in a list that changes meanwhile, what follows it may be new. Where page numbers are
 * not understood, each page is the first one and nothing is new.
 * @param takenBefore how many elements earlier pages had, unreadable ones included
 */
export function endOfList(
  { invoices, unreadable, totalCount }: InvoicePage,
  takenBefore: number,
  wasSeen: (invoiceId: string) => boolean,
): ListEnd | null {
  const here = invoices.length + unreadable.length;
  if (here === 0) return 'empty';
  if (totalCount !== null && takenBefore + here >= totalCount) return 'total_reached';
  // A page of nothing that could be read may be followed by better ones; its total or an empty page ends it.
  return invoices.length > 0 && invoices.every(({ id }) => wasSeen(id)) ? 'nothing_new' : null;
}
