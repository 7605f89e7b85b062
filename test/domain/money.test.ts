import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decimalString, fractionDigits, maxAmountMinor, minorUnitsOf } from '../../src/domain/money.js';
import { unknownCurrency } from '../support/currencies.js';

const currencies = ['RUB', 'USD', 'EUR', 'GBP', 'CNY', 'UZS', 'KZT', 'BYN', 'JPY', 'KRW', 'KWD'];

describe('fractionDigits', () => {
  it.each([
    ...['RUB', 'USD', 'EUR', 'GBP', 'CNY', 'UZS', 'KZT', 'BYN'].map((currency) => [currency, 2] as const),
    ['JPY', 0] as const,
    ['KRW', 0] as const,
    ['KWD', 3] as const,
    [unknownCurrency, null] as const,
    ['rub', null] as const,
    ['', null] as const,
    ['__proto__', null] as const,
  ])('%s has %s', (currency, digits) => {
    expect(fractionDigits(currency)).toBe(digits);
  });
});

describe('minorUnitsOf', () => {
  it.each<[number | string, string, number]>([
    [19658.45, 'RUB', 1_965_845],
    ['19658.45', 'RUB', 1_965_845],
    [110, 'USD', 11_000],
    [0, 'RUB', 0],
    [-0, 'RUB', 0],
    ['-0.00', 'RUB', 0],
    ['0e999999999', 'RUB', 0],
    [0.1 * 10, 'RUB', 100],
    [1.15, 'RUB', 115],
    [8.2, 'RUB', 820],
    [4.35, 'RUB', 435],
    [1.005, 'KWD', 1005],
    ['1.500', 'RUB', 150],
    ['007.10', 'RUB', 710],
    ['1.2e3', 'RUB', 120_000],
    ['120E-2', 'RUB', 120],
    ['1e+2', 'JPY', 100],
    [1e10, 'RUB', 1_000_000_000_000],
    [1e11, 'RUB', maxAmountMinor],
    [1e13, 'JPY', maxAmountMinor],
    [99_999_999_999.99, 'RUB', 9_999_999_999_999],
  ])('reads %s %s as %s', (decimal, currency, amountMinor) => {
    expect(minorUnitsOf(decimal, currency)).toStrictEqual({ ok: true, amountMinor });
  });

  it.each<[number | string, string, string]>([
    [-1, 'RUB', 'negative'],
    ['-0.01', 'RUB', 'negative'],
    [0.001, 'RUB', 'too_many_fraction_digits'],
    [0.1 + 0.2, 'RUB', 'too_many_fraction_digits'],
    [1e-7, 'RUB', 'too_many_fraction_digits'],
    ['1e-999999999', 'RUB', 'too_many_fraction_digits'],
    [0.5, 'JPY', 'too_many_fraction_digits'],
    [1.0005, 'KWD', 'too_many_fraction_digits'],
    [100_000_000_000.01, 'RUB', 'too_large'],
    [1e21, 'RUB', 'too_large'],
    ['1e999999999', 'RUB', 'too_large'],
    [1e13 + 1, 'JPY', 'too_large'],
    [NaN, 'RUB', 'not_a_number'],
    [Infinity, 'RUB', 'not_a_number'],
    ['', 'RUB', 'not_a_number'],
    [' 1', 'RUB', 'not_a_number'],
    ['1,5', 'RUB', 'not_a_number'],
    ['.5', 'RUB', 'not_a_number'],
    ['1.', 'RUB', 'not_a_number'],
    ['0x10', 'RUB', 'not_a_number'],
    ['+1', 'RUB', 'not_a_number'],
    ['0.' + '0'.repeat(1_000) + '1', 'RUB', 'not_a_number'],
    [1, unknownCurrency, 'unknown_currency'],
    [1, '', 'unknown_currency'],
  ])('refuses %s %s: %s', (decimal, currency, problem) => {
    expect(minorUnitsOf(decimal, currency)).toStrictEqual({ ok: false, problem });
  });
});

describe('decimalString', () => {
  it.each([
    [1_965_845, 'RUB', '19658.45'],
    [0, 'RUB', '0.00'],
    [-0, 'RUB', '0.00'],
    [5, 'RUB', '0.05'],
    [-5, 'RUB', '-0.05'],
    [110, 'JPY', '110'],
    [1, 'KWD', '0.001'],
    [maxAmountMinor, 'RUB', '100000000000.00'],
  ])('%s %s is %s', (amountMinor, currency, text) => {
    expect(decimalString(amountMinor, currency)).toBe(text);
  });

  it('refuses what is no amount', () => {
    expect(() => decimalString(0.5, 'RUB')).toThrow(RangeError);
    expect(() => decimalString(1, unknownCurrency)).toThrow(RangeError);
  });
});

describe('money there and back', () => {
  const amounts = fc.integer({ min: 0, max: maxAmountMinor });

  it('loses nothing, as a string, as a JSON number or with an exponent', () => {
    fc.assert(
      fc.property(amounts, fc.constantFrom(...currencies), (amountMinor, currency) => {
        const text = decimalString(amountMinor, currency);
        const expected = { ok: true, amountMinor };
        expect(minorUnitsOf(text, currency)).toStrictEqual(expected);
        expect(minorUnitsOf(JSON.parse(text) as number, currency)).toStrictEqual(expected);
        expect(minorUnitsOf(`${amountMinor}e-${fractionDigits(currency) ?? 0}`, currency)).toStrictEqual(expected);
        expect(minorUnitsOf(Number(text).toExponential(), currency)).toStrictEqual(expected);
      }),
    );
  });

  it('never answers anything but a whole number within the limit, whatever comes in', () => {
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.string()), fc.constantFrom(...currencies), (decimal, currency) => {
        const read = minorUnitsOf(decimal, currency);
        if (!read.ok) return;
        expect(Number.isSafeInteger(read.amountMinor)).toBe(true);
        expect(read.amountMinor).toBeGreaterThanOrEqual(0);
        expect(read.amountMinor).toBeLessThanOrEqual(maxAmountMinor);
      }),
    );
  });
});
