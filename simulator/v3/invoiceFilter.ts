import type { Invoice } from '../books.js';
import { wholeSecond } from '../invoicesByCreation.js';
import { jsonAmount } from '../money.js';

// Filters of a list (contract, section 2): `name=…`, `name[_operator]=…`, and several values by `name[]=…`.

const orderings = ['_eq', '_ne', '_gt', '_ge', '_lt', '_le'] as const;
const operatorsOf = { text: ['_eq', '_ne', '_start'], number: orderings, time: orderings } as const;
type Operator = (typeof orderings)[number] | '_start';

/** What an invoice says of itself under each name; the merchant's own numbers are in no answer, but can be asked for. */
const properties = {
  id: { kind: 'text', of: (invoice: Invoice) => invoice.id },
  number: { kind: 'text', of: (invoice: Invoice) => invoice.number },
  merchantOrderId: { kind: 'text', of: (invoice: Invoice) => invoice.merchantOrderId },
  merchantOrderIdVisible: { kind: 'text', of: (invoice: Invoice) => invoice.merchantOrderIdVisible },
  status: { kind: 'text', of: (invoice: Invoice) => invoice.status },
  currencyId: { kind: 'text', of: (invoice: Invoice) => invoice.currency },
  amount: { kind: 'number', of: (invoice: Invoice) => jsonAmount(invoice.amountMinor, invoice.currency) },
  createdAt: { kind: 'time', of: (invoice: Invoice) => wholeSecond(Date.parse(invoice.createdAt)) },
  expirationDate: { kind: 'time', of: (invoice: Invoice) => wholeSecond(Date.parse(invoice.expiresAt)) },
} as const;

type PropertyName = keyof typeof properties;

export interface Condition {
  readonly property: PropertyName;
  readonly operator: Operator;
  /** One of them has to fit, for `_eq`; otherwise there is one. */
  readonly values: readonly (string | number)[];
}

/** @returns the condition, or null where the name, the operator or the value is none */
export function conditionOf(name: string, operator: string, texts: readonly string[]): Condition | null {
  if (!isProperty(name)) return null;
  const { kind } = properties[name];
  const known = (operatorsOf[kind] as readonly Operator[]).find((candidate) => candidate === operator);
  const values = texts.map((text) => valueOf(kind, name === 'id' ? text.toLowerCase() : text));
  if (known === undefined || values.length === 0 || (values.length > 1 && known !== '_eq')) return null;
  return values.some((value) => value === null)
    ? null
    : { property: name, operator: known, values: values.filter((value) => value !== null) };
}

export function fits(invoice: Invoice, { property, operator, values }: Condition): boolean {
  const actual = properties[property].of(invoice);
  const [value] = values;
  if (actual === undefined || value === undefined) return operator === '_ne';
  switch (operator) {
    case '_eq':
      return values.includes(actual);
    case '_ne':
      return actual !== value;
    case '_gt':
      return actual > value;
    case '_ge':
      return actual >= value;
    case '_lt':
      return actual < value;
    case '_le':
      return actual <= value;
    case '_start':
      return String(actual).startsWith(String(value));
  }
}

function isProperty(name: string): name is PropertyName {
  return Object.hasOwn(properties, name);
}

function valueOf(kind: keyof typeof operatorsOf, text: string): string | number | null {
  switch (kind) {
    case 'text':
      return text;
    case 'number':
      return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : null;
    case 'time': {
      // A plus sign that was not escaped arrives as a space.
      const ms = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text.replace(/ (?=\d\d:?\d\d$)/, '+')) : Number.NaN;
      return Number.isNaN(ms) ? null : ms;
    }
  }
}
