/** Cells of a statement: numbers that Excel adds up, text that it never runs. */
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { amountCell, kindCell, statementWords, textCell, timeCell } from '../../src/domain/statementText.js';

describe('an amount', () => {
  it.each([
    [0, 'RUB', '0,00'],
    [5, 'RUB', '0,05'],
    [-123_450, 'RUB', '-1234,50'],
    [100_000_000_00, 'RUB', '100000000,00'],
    [-7, 'JPY', '-7'],
    [1_234, 'KWD', '1,234'],
  ])('of %d %s is %s', (amountMinor, currency, text) => {
    expect(amountCell(amountMinor, currency)).toBe(text);
  });

  it('is read back as the same number of minor units', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e12, max: 1e12 }), (amountMinor) => {
        expect(Math.round(Number(amountCell(amountMinor, 'RUB').replace(',', '.')) * 100)).toBe(amountMinor);
      }),
    );
  });
});

describe('text', () => {
  it.each([
    '=1+1',
    '+79001234567',
    '-2+3',
    '@SUM(A1)',
    ' =1+1',
    '\t=1',
    '\u00a0=1',
    '\u200b=1',
    '\r=1',
    '\n=1',
    '＝1',
    '＋1',
    '＠x',
  ])('that a spreadsheet would run is quoted: %j', (text) => {
    expect(textCell(text)).toBe(`'${text}`);
  });

  it.each(['2026-17', 'счёт №5', 'a=b', 'x+y', '1-2', 'me@example.org', ''])('that it would not stays: %j', (text) => {
    expect(textCell(text)).toBe(text);
  });

  it('never begins as a formula does, whatever it is', () => {
    fc.assert(
      fc.property(fc.constantFrom('=', '+', '-', '@', ' ', '\t', 'a', '1', '\r'), fc.string(), (first, rest) => {
        expect(textCell(first + rest)).not.toMatch(/^\s*[=+\-@]/);
      }),
    );
  });

  it('that is not there is an empty cell', () => {
    expect(textCell(null)).toBe('');
  });
});

it('a time is written as people write it', () => {
  expect(timeCell('2026-11-26T09:05:07')).toBe('26.11.2026 09:05:07');
});

it('a kind that this release does not know is told by its code', () => {
  expect([kindCell('draw', 'ru'), kindCell('draw', 'en'), kindCell('surprise', 'ru')]).toEqual([
    'Оплата',
    'Payment',
    'surprise',
  ]);
  expect(statementWords('ru').columns).toHaveLength(statementWords('en').columns.length);
});
