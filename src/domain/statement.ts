/**
 * A statement of the guarantee fund's account: what a row of it says, by the partner's mapping, or why it cannot be read.
 * Pure. Its format is silent in the contract (section 4), so nothing is guessed: what the mapping does not explain is refused.
 */
import { isDay } from './calendar.js';
import { amountOf, type Amount, type AmountProblem } from './statementAmount.js';

/** By its name in the header, or by its number from 1. */
type Column = string | number;

export interface StatementMapping {
  /** Of a file without a byte order mark; one that has it is read by it. */
  readonly encoding: 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1251';
  readonly delimiter: ',' | ';' | '\t' | '|';
  /** Whether fields may stand in double quotes; if not, a quote is text. */
  readonly quotes: boolean;
  readonly decimal: ',' | '.';
  /** In which its days begin, and in which its times are written. */
  readonly timeZone: string;
  /** `iso`: with time and offset. The others: the day, or the day and a time in the zone. */
  readonly dates: 'dd.MM.yyyy' | 'yyyy-MM-dd' | 'iso';
  /** Before the header, or before the first row where there is none. */
  readonly skipLines: number;
  readonly header: boolean;
  /** Of rows that name none. */
  readonly currency: string | null;
  readonly columns: {
    readonly date: Column;
    readonly time: Column | null;
    readonly transactionId: Column | null;
    readonly operationId: Column | null;
    readonly invoiceNumber: Column | null;
    readonly currency: Column | null;
    readonly kind: Column | null;
    readonly balance: Column | null;
    readonly amount: Column | null;
    readonly debit: Column | null;
    readonly credit: Column | null;
  };
  /**
   * What says whether money left the fund: the amount's `sign` (below zero: it left), the `inverted_sign`, the word in the
   * `kind` column, or in which of the `columns` debit (it left) and credit (it came) the amount stands.
   */
  readonly direction: 'sign' | 'inverted_sign' | 'kind' | 'columns';
  /** Words of the kind column. Opening and closing rows bear a balance, ignored ones nothing. */
  readonly kinds: {
    readonly out: readonly string[];
    readonly in: readonly string[];
    readonly opening: readonly string[];
    readonly closing: readonly string[];
    readonly ignored: readonly string[];
  };
}

export type Field = keyof StatementMapping['columns'];

export interface Movement {
  readonly kind: 'movement';
  /** `2026-11-10`, `2026-11-10 12:30:00` in the statement's zone, or an instant, `2026-11-10T09:30:00.000Z`. */
  readonly moment: string;
  readonly transactionId: string | null;
  readonly operationId: string | null;
  readonly invoiceNumber: string | null;
  /** Below zero where money left the fund; never zero. */
  readonly amountMinor: number;
  readonly currency: string;
  /** What the fund holds after it, where the row says so. */
  readonly balanceMinor: number | null;
}

export interface StatedBalance {
  readonly kind: 'opening' | 'closing';
  readonly currency: string;
  readonly balanceMinor: number;
}

export type RowProblem =
  | 'undecodable'
  | 'malformed'
  | 'line_too_long'
  | 'wrong_number_of_fields'
  | 'missing'
  | 'invalid_date'
  | 'invalid_time'
  | AmountProblem
  | 'negative'
  | 'unknown_kind'
  | 'debit_and_credit'
  | 'invalid_id'
  | 'balance_does_not_follow'
  | 'opening_not_first';

/** Told by problem and field; never by what stands in the row, which may be personal. */
export interface RefusedRow {
  readonly kind: 'refused';
  readonly problem: RowProblem;
  readonly field: Field | null;
}

export type Row = Movement | StatedBalance | { readonly kind: 'ignored' } | RefusedRow;

export const refusedRow = (problem: RowProblem, field: Field | null = null): RefusedRow => ({
  kind: 'refused',
  problem,
  field,
});

/** How the rows of a file are read: where the mapped columns stand, from 0, in rows of how many fields, and what the words mean. */
export interface Shape {
  readonly width: number;
  readonly at: Readonly<Record<Field, number | null>>;
  readonly roles: ReadonlyMap<string, keyof StatementMapping['kinds']>;
}

export type HeaderProblem = { readonly problem: 'column_missing' | 'column_twice'; readonly field: Field };

/** @param first the header; or the first row, where columns are told by number */
export function shapeOf(first: readonly string[], mapping: StatementMapping): Shape | HeaderProblem {
  const names = first.map(nameOf);
  const at = {} as Record<Field, number | null>;
  for (const [field, column] of Object.entries(mapping.columns) as [Field, Column | null][]) {
    if (column === null) {
      at[field] = null;
    } else if (typeof column === 'number') {
      if (column > first.length) return { problem: 'column_missing', field };
      at[field] = column - 1;
    } else {
      const place = names.indexOf(nameOf(column));
      if (place === -1) return { problem: 'column_missing', field };
      if (names.lastIndexOf(nameOf(column)) !== place) return { problem: 'column_twice', field };
      at[field] = place;
    }
  }
  const roles = new Map<string, keyof StatementMapping['kinds']>();
  for (const [role, words] of Object.entries(mapping.kinds) as [keyof StatementMapping['kinds'], string[]][]) {
    for (const word of words) roles.set(word, role).set(nameOf(word), role);
  }
  return { width: first.length, at, roles };
}

/** Names are the same whatever spaces and letters they are written with. */
const nameOf = (text: string): string => text.normalize('NFKC').replace(/\s+/g, ' ').trim().toLowerCase();

/** Controls that no text has, U+FFFD (what could not be decoded), and halves of surrogates. */
const undecodable = /(?![\t\n\r])[\p{Cc}\p{Cs}\ufffd]/u;

export function readRow(fields: readonly string[], shape: Shape, mapping: StatementMapping): Row {
  if (fields.some((field) => undecodable.test(field))) return refusedRow('undecodable');
  if (fields.every((field) => field.replace(outerSpaces, '') === '')) return { kind: 'ignored' };
  if (fields.length !== shape.width) return refusedRow('wrong_number_of_fields');
  const textOf = (field: Field): string => {
    const place = shape.at[field];
    return place === null ? '' : (fields[place] ?? '').replace(outerSpaces, '');
  };
  const word = textOf('kind');
  const role = shape.roles.get(word) ?? shape.roles.get(nameOf(word)) ?? null;
  if (role === 'ignored') return { kind: 'ignored' };
  const currency = textOf('currency') === '' ? mapping.currency : textOf('currency');
  if (currency === null) return refusedRow('missing', 'currency');
  if (!/^[A-Z]{3}$/.test(currency)) return refusedRow('unknown_currency', 'currency');
  const money = (field: Field): Amount => amountOf(textOf(field), mapping.decimal, currency);

  if (role === 'opening' || role === 'closing') {
    const balance = money('balance');
    if (typeof balance === 'string') return refusedRow(balance, 'balance');
    return balance === null ? refusedRow('missing', 'balance') : { kind: role, currency, balanceMinor: balance };
  }

  const amountMinor = movedBy(mapping.direction, money, role);
  if (typeof amountMinor !== 'number') return amountMinor;
  if (amountMinor === 0) return { kind: 'ignored' };
  const moment = momentOf(textOf('date'), textOf('time'), mapping);
  if (typeof moment !== 'string') return moment;
  const balanceMinor = money('balance');
  if (typeof balanceMinor === 'string') return refusedRow(balanceMinor, 'balance');
  const [transactionId, operationId, invoiceNumber] = [
    textOf('transactionId'),
    textOf('operationId').toLowerCase(),
    textOf('invoiceNumber'),
  ];
  for (const [field, id] of [
    ['transactionId', transactionId],
    ['operationId', operationId],
    ['invoiceNumber', invoiceNumber],
  ] as const) {
    if (id.length > longestId) return refusedRow('invalid_id', field);
  }
  const orNull = (text: string): string | null => (text === '' ? null : text);
  return {
    kind: 'movement',
    moment,
    transactionId: orNull(transactionId),
    operationId: orNull(operationId),
    invoiceNumber: orNull(invoiceNumber),
    amountMinor,
    currency,
    balanceMinor,
  };
}

const longestId = 100;
const outerSpaces = /^[\s\u00a0\u2009\u202f]+|(?<![\s\u00a0\u2009\u202f])[\s\u00a0\u2009\u202f]+$/g;

/** By how much the fund changed. */
function movedBy(
  direction: StatementMapping['direction'],
  money: (field: Field) => Amount,
  role: 'in' | 'out' | null,
): number | RefusedRow {
  switch (direction) {
    case 'columns': {
      const [debit, credit] = [money('debit'), money('credit')];
      if (typeof debit === 'string') return refusedRow(debit, 'debit');
      if (typeof credit === 'string') return refusedRow(credit, 'credit');
      if (debit === null && credit === null) return refusedRow('missing', 'debit');
      const [left, came] = [debit ?? 0, credit ?? 0];
      // A negative debit may be a storno or a slip: only a person knows.
      if (left < 0) return refusedRow('negative', 'debit');
      if (came < 0) return refusedRow('negative', 'credit');
      if (left > 0 && came > 0) return refusedRow('debit_and_credit', 'debit');
      return came - left;
    }
    case 'kind':
    case 'sign':
    case 'inverted_sign': {
      const amount = money('amount');
      if (typeof amount === 'string') return refusedRow(amount, 'amount');
      if (amount === null) return refusedRow('missing', 'amount');
      if (direction === 'sign') return amount;
      if (direction === 'inverted_sign') return 0 - amount;
      if (amount < 0) return refusedRow('negative', 'amount');
      switch (role) {
        case 'in':
          return amount;
        case 'out':
          return 0 - amount;
        case null:
          return refusedRow('unknown_kind', 'kind');
      }
    }
  }
}

const timePattern = /^(\d{2}):(\d{2})(?::(\d{2}))?$/;

function momentOf(date: string, time: string, { dates }: StatementMapping): string | RefusedRow {
  if (date === '') return refusedRow('missing', 'date');
  if (dates === 'iso') {
    if (
      !/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})$/.test(date) ||
      !isDay(date.slice(0, 10))
    )
      return refusedRow('invalid_date', 'date');
    const at = new Date(date.replace(/([+-]\d{2})(\d{2})$/, '$1:$2'));
    return Number.isNaN(at.getTime()) ? refusedRow('invalid_date', 'date') : at.toISOString();
  }
  const [written = '', besides = ''] = date.split(/[ T\u00a0]+/, 2);
  const day = dates === 'yyyy-MM-dd' ? written : dayOfDots(written);
  if (!isDay(day) || (besides !== '' && time !== '') || date.length > 30) return refusedRow('invalid_date', 'date');
  const clock = besides === '' ? time : besides;
  if (clock === '') return day;
  const [, hours = '', minutes = '', seconds = '00'] = timePattern.exec(clock) ?? [];
  if (hours === '' || hours > '23' || minutes > '59' || seconds > '59')
    return refusedRow('invalid_time', time === '' ? 'date' : 'time');
  return `${day} ${hours}:${minutes}:${seconds}`;
}

function dayOfDots(text: string): string {
  const [, day = '', month = '', year = ''] = /^(\d{2})\.(\d{2})\.(\d{4})$/.exec(text) ?? [];
  return `${year}-${month}-${day}`;
}
