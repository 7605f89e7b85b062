/** Amounts as statements write them. Pure. */
import { minorUnitsOf } from './money.js';

/** Why a number cannot be read. */
export type AmountProblem = 'invalid_number' | 'too_many_fraction_digits' | 'too_large' | 'unknown_currency';

/** Null: nothing stands there. */
export type Amount = number | null | AmountProblem;

/** Groups of three digits may stand apart by any one kind of space; the minus may be U+2212. */
const numberPattern = /^([+-]?)(\d+|\d{1,3}(?:([ \u00a0\u2009\u202f])\d{3})(?:\3\d{3})*)(?:[.,](\d+))?$/;

/** An amount as it is written, in minor units: exact, or refused. */
export function amountOf(text: string, decimal: ',' | '.', currency: string): Amount {
  if (text === '') return null;
  const written = text.replace('\u2212', '-').replace(/^([+-])[ \u00a0\u2009\u202f]/, '$1');
  const match = numberPattern.exec(written);
  if (match === null || written.length > 40) return 'invalid_number';
  const [, sign = '', whole = '', , fraction] = match;
  // The other sign would be a thousand times the amount, or a thousandth.
  if (written.includes(decimal === ',' ? '.' : ',')) return 'invalid_number';
  const digits = whole.replace(/\D/g, '');
  const minor = minorUnitsOf(fraction === undefined ? digits : `${digits}.${fraction}`, currency);
  if (minor.ok) return sign === '-' && minor.amountMinor !== 0 ? -minor.amountMinor : minor.amountMinor;
  switch (minor.problem) {
    case 'too_many_fraction_digits':
    case 'too_large':
    case 'unknown_currency':
      return minor.problem;
    case 'negative':
    case 'not_a_number':
      return 'invalid_number';
  }
}
