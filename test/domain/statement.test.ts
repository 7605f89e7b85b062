/** A row of a statement: what it says by the mapping, to the kopeck, or why it is refused; never a guess. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  readRow,
  shapeOf,
  type Movement,
  type Row,
  type Shape,
  type StatementMapping,
} from '../../src/domain/statement.js';
import { amountOf } from '../../src/domain/statementAmount.js';
import { Balances, identityOf } from '../../src/domain/statementBalances.js';
import { mappingOf } from '../support/statements.js';
import { unknownCurrency } from '../support/currencies.js';

function shape(header: readonly string[], mapping: StatementMapping): Shape {
  const found = shapeOf(header, mapping);
  if ('problem' in found) throw new Error(found.problem);
  return found;
}

function read(header: readonly string[], fields: readonly string[], mapping = mappingOf()): Row {
  return readRow(fields, shape(header, mapping), mapping);
}

describe('[case sure#2537, actual#6206, directus PR#23332] an amount, however it is written', () => {
  it.each([
    ['1234,56', 1_234_56],
    ['1 234,56', 1_234_56],
    ['1\u00a0234,56', 1_234_56],
    ['1\u202f234,56', 1_234_56],
    ['1\u2009234\u2009567,8', 1_234_567_80],
    ['\u2212100,00', -100_00],
    ['-100', -100_00],
    ['\u2212\u00a01\u00a0000,00', -1_000_00],
    ['+5,5', 5_50],
    ['0,00', 0],
    ['007,10', 7_10],
    ['1,500', 1_50],
    ['100000000000,00', 10_000_000_000_000],
  ])('%s is %p', (text, minor) => {
    expect(amountOf(text, ',', 'RUB')).toBe(minor);
  });

  it.each([
    ['1.234,56', 'invalid_number'],
    ['1234.56', 'invalid_number'],
    ['1,234,56', 'invalid_number'],
    ['12 34,56', 'invalid_number'],
    ['1 234\u00a0567,00', 'invalid_number'],
    ['1e3', 'invalid_number'],
    ['(100,00)', 'invalid_number'],
    ['100,00 ₽', 'invalid_number'],
    ['--1', 'invalid_number'],
    ['- - 1', 'invalid_number'],
    ['1,', 'invalid_number'],
    [',5', 'invalid_number'],
    ['١٢', 'invalid_number'],
    ['1,001', 'too_many_fraction_digits'],
    ['100000000000,01', 'too_large'],
  ])('%s is refused: %s', (text, problem) => {
    expect(amountOf(text, ',', 'RUB')).toBe(problem);
  });

  it('is read by the currency’s own digits', () => {
    expect(amountOf('1 500', ',', 'JPY')).toBe(1_500);
    expect(amountOf('1,5', ',', 'JPY')).toBe('too_many_fraction_digits');
    expect(amountOf('1.5', '.', 'KWD')).toBe(1_500);
    expect(amountOf('1', '.', unknownCurrency)).toBe('unknown_currency');
  });

  it('is what was printed: whatever groups, decimal sign and minus', () => {
    const spaces = fc.constantFrom('', ' ', '\u00a0', '\u2009', '\u202f');
    const minus = fc.constantFrom('-', '\u2212');
    fc.assert(
      fc.property(
        fc.integer({ min: -1e13, max: 1e13 }),
        spaces,
        minus,
        fc.constantFrom(',', '.'),
        (minor, space, sign, decimal) => {
          const digits = String(Math.abs(minor)).padStart(3, '0');
          const whole = digits.slice(0, -2).replaceAll(/\B(?=(\d{3})+$)/g, space);
          const text = `${minor < 0 ? sign : ''}${whole}${decimal}${digits.slice(-2)}`;
          expect(amountOf(text, decimal, 'RUB')).toBe(minor);
        },
      ),
    );
  });

  it('is never guessed: any text is an exact number or a problem’s name', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('0123456789 ,.-+eE\u00a0\u2212')) }), (text) => {
        const read = amountOf(text, ',', 'RUB');
        if (typeof read !== 'number') return;
        expect(Number.isSafeInteger(read)).toBe(true);
        const plain = text
          .replaceAll(/[ \u00a0]/g, '')
          .replace('\u2212', '-')
          .replace(',', '.');
        expect(read / 100).toBe(Number(plain));
      }),
    );
  });
});

describe('a row', () => {
  const header = ['Дата', 'Сумма'];
  it.each([
    ['10.11.2026', '2026-11-10'],
    ['10.11.2026 12:30', '2026-11-10 12:30:00'],
    ['10.11.2026\u00a012:30:59', '2026-11-10 12:30:59'],
    ['29.02.2028', '2028-02-29'],
  ])('of %s happened at %s', (date, moment) => {
    expect(read(header, [date, '-1,00'])).toMatchObject({ kind: 'movement', moment, amountMinor: -100 });
  });

  it.each([
    ['29.02.2026', 'invalid_date'],
    ['2026-11-10', 'invalid_date'],
    ['11/10/2026', 'invalid_date'],
    ['1.11.2026', 'invalid_date'],
    ['10.11.26', 'invalid_date'],
    ['10.11.2026 24:00', 'invalid_time'],
    ['10.11.2026 вечером', 'invalid_time'],
    ['', 'missing'],
  ])('of %s is refused: %s', (date, problem) => {
    expect(read(header, [date, '-1,00'])).toEqual({ kind: 'refused', problem, field: 'date' });
  });

  it('with an offset is an instant, whatever the zone', () => {
    const mapping = mappingOf({ dates: 'iso' });
    expect(read(header, ['2026-11-10T23:59:59+03:00', '1,00'], mapping)).toMatchObject({
      moment: '2026-11-10T20:59:59.000Z',
    });
    expect(read(header, ['2026-11-10T23:59:59', '1,00'], mapping)).toMatchObject({ problem: 'invalid_date' });
    expect(read(header, ['2026-02-30T00:00:00Z', '1,00'], mapping)).toMatchObject({ problem: 'invalid_date' });
  });

  it('takes its time from a column of its own', () => {
    const mapping = mappingOf({ columns: { time: 'Время' } });
    expect(read([...header, 'Время'], ['10.11.2026', '1,00', '08:05'], mapping)).toMatchObject({
      moment: '2026-11-10 08:05:00',
    });
    expect(read([...header, 'Время'], ['10.11.2026 09:00', '1,00', '08:05'], mapping)).toMatchObject({
      problem: 'invalid_date',
    });
  });

  it('says that money left by its sign, by its word, or by its column', () => {
    const inverted = mappingOf({ direction: 'inverted_sign' });
    expect(read(header, ['10.11.2026', '5,00'], inverted)).toMatchObject({ amountMinor: -500 });
    const kinds = { out: ['Списание'], in: ['Пополнение'], opening: [], closing: [], ignored: ['Итого'] };
    const byWord = mappingOf({ direction: 'kind', kinds, columns: { kind: 'Вид' } });
    const row = (word: string, amount = '5,00') => read([...header, 'Вид'], ['10.11.2026', amount, word], byWord);
    expect(row(' списание ')).toMatchObject({ amountMinor: -500 });
    expect(row('Пополнение')).toMatchObject({ amountMinor: 500 });
    expect(row('Итого')).toEqual({ kind: 'ignored' });
    expect(row('Комиссия')).toEqual({ kind: 'refused', problem: 'unknown_kind', field: 'kind' });
    expect(row('Списание', '-5,00')).toEqual({ kind: 'refused', problem: 'negative', field: 'amount' });
    const byColumn = mappingOf({ direction: 'columns', columns: { amount: null, debit: 'Дебет', credit: 'Кредит' } });
    const both = (debit: string, credit: string) =>
      read(['Дата', 'Дебет', 'Кредит'], ['10.11.2026', debit, credit], byColumn);
    expect(both('5,00', '')).toMatchObject({ amountMinor: -500 });
    expect(both('0,00', '7,00')).toMatchObject({ amountMinor: 700 });
    expect(both('5,00', '7,00')).toMatchObject({ problem: 'debit_and_credit' });
    expect(both('-5,00', '')).toMatchObject({ problem: 'negative' });
    expect(both('', '')).toMatchObject({ problem: 'missing' });
  });

  it('that could not be decoded is refused, also where nobody reads the field', () => {
    const wide = [...header, 'Назначение'];
    expect(read(wide, ['10.11.2026', '1,00', 'Опла\ufffdа'])).toMatchObject({ problem: 'undecodable' });
    expect(read(wide, ['10.11.2026', '1,00', 'a\u0098b'])).toMatchObject({ problem: 'undecodable' });
    expect(read(wide, ['10.11.2026', '1,00'])).toMatchObject({ problem: 'wrong_number_of_fields' });
    expect(read(wide, ['', ' ', ''])).toEqual({ kind: 'ignored' });
  });

  it('needs the columns that the mapping names, each once', () => {
    expect(shapeOf(['Дата'], mappingOf())).toEqual({ problem: 'column_missing', field: 'amount' });
    expect(shapeOf(['Дата', 'Сумма', 'сумма '], mappingOf())).toEqual({ problem: 'column_twice', field: 'amount' });
    expect(shapeOf([' ДАТА', 'Су\u00a0мма'], mappingOf({ columns: { amount: 'су мма' } }))).toMatchObject({ width: 2 });
    expect(shapeOf(['x'], mappingOf({ header: false, columns: { date: 1, amount: 2 } }))).toEqual({
      problem: 'column_missing',
      field: 'amount',
    });
  });
});

const movement = (amountMinor: number, balanceMinor: number | null = null, currency = 'RUB'): Movement => ({
  kind: 'movement',
  moment: '2026-11-10',
  transactionId: null,
  operationId: null,
  invoiceNumber: null,
  amountMinor,
  currency,
  balanceMinor,
});

describe('the balances of a statement', () => {
  it('are followed from the opening to the closing, by currency', () => {
    const balances = new Balances();
    expect(balances.add({ kind: 'opening', currency: 'RUB', balanceMinor: 1_000 })).toBeNull();
    expect(balances.add(movement(-300))).toBeNull();
    expect(balances.add(movement(50, null, 'USD'))).toBeNull();
    expect(balances.add(movement(200, 900))).toBeNull();
    expect(balances.add({ kind: 'closing', currency: 'RUB', balanceMinor: 900 })).toBeNull();
    expect(balances.turnovers).toEqual([
      { currency: 'RUB', openingMinor: 1_000, closingMinor: 900, inMinor: 200, outMinor: 300 },
      { currency: 'USD', openingMinor: null, closingMinor: null, inMinor: 50, outMinor: 0 },
    ]);
  });

  it('tell of any line that is missing', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.integer({ min: -1e9, max: 1e9 }).filter((amount) => amount !== 0),
          { minLength: 3, maxLength: 20 },
        ),
        fc.integer({ min: -1e9, max: 1e9 }),
        fc.nat(),
        (amounts, opening, at) => {
          let running = opening;
          const rows = amounts.map((amount) => movement(amount, (running += amount)));
          const closing = { kind: 'closing', currency: 'RUB', balanceMinor: running } as const;
          const wrong = (list: readonly Movement[]) => {
            const balances = new Balances();
            balances.add({ kind: 'opening', currency: 'RUB', balanceMinor: opening });
            return [...list, closing].map((row) => balances.add(row)).find((said) => said !== null) ?? null;
          };
          expect(wrong(rows)).toBeNull();
          expect(wrong(rows.toSpliced(at % rows.length, 1))).toMatchObject({ problem: 'balance_does_not_follow' });
        },
      ),
    );
  });
});

it('movements are the same by Invoicebox’s id and the sum, otherwise by all that they say', () => {
  const one = { ...movement(-100), transactionId: 't-1' };
  expect(identityOf(one)).toBe(identityOf({ ...one, moment: '2026-11-11 10:00:00', invoiceNumber: 'N' }));
  expect(identityOf(one)).not.toBe(identityOf({ ...one, amountMinor: 100 }));
  const other = movement(-100, 5);
  expect(identityOf(other)).toBe(identityOf({ ...other, balanceMinor: 7 }));
  expect(identityOf(other)).not.toBe(identityOf({ ...other, moment: '2026-11-11' }));
  expect(identityOf(other)).not.toBe(identityOf({ ...other, operationId: 'o' }));
});
