import type { Account, Books, Invoice } from '../books.js';
import { mayUse } from '../confirmInvoice.js';
import type { Slot } from '../invoicesByCreation.js';
import { type Answer, refusal } from './answer.js';
import { type Condition, conditionOf, fits } from './invoiceFilter.js';
import { invoiceResponse } from './invoiceResponse.js';

const DEFAULT_PAGE_SIZE = 30;
/** The contract names no most: a larger page is answered as one of this size, and says so in `metaData`. */
const MAX_PAGE_SIZE = 100;
const MAX_CONDITIONS = 20;
const MAX_VALUES = 200;
/** Answers that are remembered while nothing changes, so that paging through a million does not filter them at each page. */
const MAX_REMEMBERED = 4;

interface Query {
  readonly conditions: readonly Condition[];
  readonly order: 'asc' | 'desc';
  readonly page: number;
  readonly pageSize: number;
}

interface Remembered {
  readonly version: number;
  readonly slots: readonly Slot<Invoice>[];
}

/** GET /v3/business/api/invoice?… (contract, section 2) */
export class InvoiceLists {
  readonly #books: Books;
  readonly #publicUrl: string;
  readonly #remembered = new Map<string, Remembered>();

  constructor(books: Books, publicUrl: string) {
    this.#books = books;
    this.#publicUrl = publicUrl;
  }

  answer(account: Account, parameters: URLSearchParams): Answer {
    const query = queryOf(parameters, account.pageParameters);
    if (typeof query === 'string') {
      return refusal(422, 'wrong_filter_format', 'Неверный формат фильтра', [
        { name: query, code: 'wrong_value', message: 'Неизвестный фильтр, оператор или значение' },
      ]);
    }
    const { page, pageSize } = query;
    const slots = this.#matching(account, query);
    return {
      status: 200,
      body: {
        data: pageOf(slots, query).map(({ invoice }) => invoiceResponse(invoice, this.#publicUrl)),
        metaData: { totalCount: slots.length, pageSize, page },
        extendedData: [],
      },
      effect: 'none',
    };
  }

  /** In the order of creation, whatever the query's order is. */
  #matching(account: Account, { conditions }: Query): readonly Slot<Invoice>[] {
    const { invoices } = this.#books;
    const key = JSON.stringify([account.id, conditions]);
    const known = this.#remembered.get(key);
    if (known?.version === invoices.version) return known.slots;
    const slots = candidates(invoices, conditions).filter(
      ({ invoice }) => mayUse(account, invoice) && conditions.every((condition) => fits(invoice, condition)),
    );
    this.#remembered.delete(key);
    this.#remembered.set(key, { version: invoices.version, slots });
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= MAX_REMEMBERED) break;
      this.#remembered.delete(oldest);
    }
    return slots;
  }
}

/** No more than has to be looked at: by their ids, or between two times of creation. */
function candidates(invoices: Books['invoices'], conditions: readonly Condition[]): readonly Slot<Invoice>[] {
  const ids = conditions.find(({ property, operator }) => property === 'id' && operator === '_eq')?.values;
  if (ids !== undefined) {
    const slots = [...new Set(ids)].map((id) => invoices.slot(String(id))).filter((slot) => slot !== undefined);
    return slots.sort((a, b) => a.createdAtMs - b.createdAtMs);
  }
  const bounds = conditions.filter(({ property }) => property === 'createdAt');
  const valuesOf = (...operators: string[]) =>
    bounds.filter(({ operator }) => operators.includes(operator)).map(({ values }) => Number(values[0]));
  const from = Math.max(-Infinity, ...valuesOf('_gt', '_ge'));
  const until = Math.min(Infinity, ...valuesOf('_lt', '_le'));
  return invoices.between(invoices.firstAtOrAfter(from), invoices.firstAtOrAfter(until + 1));
}

function pageOf(slots: readonly Slot<Invoice>[], { order, page, pageSize }: Query): readonly Slot<Invoice>[] {
  const skipped = (page - 1) * pageSize;
  if (order === 'asc') return slots.slice(skipped, skipped + pageSize);
  const end = slots.length - skipped;
  return end <= 0 ? [] : slots.slice(Math.max(0, end - pageSize), end).reverse();
}

/** @returns the query, or the name of the parameter that is none */
function queryOf(parameters: URLSearchParams, spelling: Account['pageParameters']): Query | string {
  const conditions: Condition[] = [];
  // Newest first, as merchants' lists are; the contract does not say.
  let order: 'asc' | 'desc' = 'desc';
  let page = 1;
  let pageSize = DEFAULT_PAGE_SIZE;
  for (const parameter of new Set(parameters.keys())) {
    const values = parameters.getAll(parameter);
    const last = values.at(-1) ?? '';
    switch (parameter) {
      case 'page':
      case '_page':
      case 'pageSize':
      case '_pageSize': {
        const number = /^\d{1,9}$/.test(last) ? Number(last) : 0;
        if (number === 0) return parameter;
        const isUnderstood = spelling === 'both' || parameter.startsWith('_') === (spelling === '_page');
        if (!isUnderstood) break;
        if (parameter.endsWith('Size')) pageSize = Math.min(number, MAX_PAGE_SIZE);
        else page = number;
        break;
      }
      case '_order[createdAt]':
        if (last !== 'asc' && last !== 'desc') return parameter;
        order = last;
        break;
      default: {
        const match = /^([A-Za-z]{1,50})(?:\[(_[a-z]{1,10})?\])?$/.exec(parameter);
        const [, name = '', operator = '_eq'] = match ?? [];
        const several = parameter.endsWith('[]') ? values : [last];
        const condition = several.length > MAX_VALUES ? null : conditionOf(name, operator, several);
        if (condition === null || conditions.length === MAX_CONDITIONS) return parameter;
        conditions.push(condition);
      }
    }
  }
  return { conditions, order, page, pageSize };
}
