/**
 * Money at the border: a decimal becomes integer minor units once, by decimal arithmetic, never by multiplying a float
 * (contract, section 2). What cannot be read exactly is refused with the problem's name, never rounded.
 */

type MoneyProblem = 'negative' | 'too_many_fraction_digits' | 'too_large' | 'not_a_number' | 'unknown_currency';

export type MinorUnits =
  { readonly ok: true; readonly amountMinor: number } | { readonly ok: false; readonly problem: MoneyProblem };

/** 10^13 minor units: far past any invoice, far below what a double holds exactly. */
export const maxAmountMinor = 10_000_000_000_000;

/** ISO 4217. A currency that is not here has no known exponent, and its amounts are refused. */
const fractionDigitsByCurrency: ReadonlyMap<string, number> = new Map([
  ['AED', 2],
  ['AMD', 2],
  ['AZN', 2],
  ['BHD', 3],
  ['BYN', 2],
  ['CHF', 2],
  ['CNY', 2],
  ['EUR', 2],
  ['GBP', 2],
  ['GEL', 2],
  ['INR', 2],
  ['JOD', 3],
  ['JPY', 0],
  ['KGS', 2],
  ['KRW', 0],
  ['KWD', 3],
  ['KZT', 2],
  ['MDL', 2],
  ['OMR', 3],
  ['RUB', 2],
  ['TJS', 2],
  ['TMT', 2],
  ['TND', 3],
  ['TRY', 2],
  ['USD', 2],
  ['UZS', 2],
  ['VND', 0],
]);

/** How many digits after the point the currency has; null for a currency we do not know. */
export function fractionDigits(currency: string): number | null {
  return fractionDigitsByCurrency.get(currency) ?? null;
}

/**
 * A decimal as integer minor units. A number is taken by its shortest decimal form (`19658.45` is 19658.45 and not
 * 19658.4500000000007), a string by its own digits; exponents are understood; zeros at the end of a fraction say nothing.
 */
export function minorUnitsOf(decimal: number | string, currency: string): MinorUnits {
  const read = decimalOf(String(decimal));
  if (read === null) return { ok: false, problem: 'not_a_number' };
  const exponent = fractionDigits(currency);
  if (exponent === null) return { ok: false, problem: 'unknown_currency' };
  if (read.digits === '') return { ok: true, amountMinor: 0 };
  if (read.negative) return { ok: false, problem: 'negative' };
  const zeros = read.scale + exponent;
  if (zeros < 0) return { ok: false, problem: 'too_many_fraction_digits' };
  // The length first: an exponent of a billion must not become a billion zeros.
  if (read.digits.length + zeros > String(maxAmountMinor).length) return { ok: false, problem: 'too_large' };
  const amountMinor = Number(read.digits + '0'.repeat(zeros));
  return amountMinor > maxAmountMinor ? { ok: false, problem: 'too_large' } : { ok: true, amountMinor };
}

/** Minor units as a decimal with all the currency's digits: 1965845 RUB is "19658.45". Throws RangeError for what is no amount. */
export function decimalString(amountMinor: number, currency: string): string {
  const exponent = fractionDigits(currency);
  if (exponent === null)
    throw new RangeError(`No fraction digits are known for the currency ${JSON.stringify(currency)}`);
  if (!Number.isSafeInteger(amountMinor)) throw new RangeError(`${amountMinor} is no whole number of minor units`);
  const sign = amountMinor < 0 ? '-' : '';
  const digits = String(Math.abs(amountMinor)).padStart(exponent + 1, '0');
  if (exponent === 0) return sign + digits;
  return `${sign}${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}

const decimalPattern = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,9}))?$/;
const maxDecimalLength = 400;

/** digits × 10^scale, without zeros on either side; no digits: zero. */
function decimalOf(text: string): { negative: boolean; digits: string; scale: number } | null {
  if (text.length > maxDecimalLength) return null;
  const match = decimalPattern.exec(text);
  if (match === null) return null;
  const [, sign, whole = '', fraction = '', power = '0'] = match;
  const significant = (whole + fraction).replace(/^0+/, '');
  const digits = significant.replace(/(?<!0)0+$/, '');
  const scale = Number(power) - fraction.length + (significant.length - digits.length);
  return { negative: sign === '-', digits, scale };
}
