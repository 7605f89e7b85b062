/** Amounts as people write them: `1 234,56`, `1234.56`, `-20`. */
import { minorUnitsOf } from '../../domain/money.js';
import { ConsoleStop } from './consoleStop.js';

const words = {
  negative: 'must not be below zero',
  too_many_fraction_digits: 'has more digits after the point than the currency',
  too_large: 'is too large',
  not_a_number: 'is no number',
  unknown_currency: 'is of a currency that nobody knows here',
} as const;

/** In minor units. Throws ConsoleStop invalid, also for what may not be below zero, or zero. */
export function amountOf(text: string, currency: string, may: 'be_positive' | 'be_signed' | 'be_anything'): number {
  const mayBeNegative = may !== 'be_positive';
  const plain = text
    .replace(/[\s\u00a0\u202f]/g, '')
    .replace(',', '.')
    .replace(/^\u2212/, '-');
  const isNegative = plain.startsWith('-');
  const read = minorUnitsOf(isNegative && mayBeNegative ? plain.slice(1) : plain, currency);
  if (!read.ok) throw new ConsoleStop('invalid', `The amount ${words[read.problem]}.`);
  if (read.amountMinor === 0 && may !== 'be_anything') throw new ConsoleStop('invalid', 'The amount must not be zero.');
  return isNegative && read.amountMinor > 0 ? -read.amountMinor : read.amountMinor;
}
