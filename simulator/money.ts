/** Fraction digits by currency: those the contract names (section 2), and the yen so that tests meet one without any. */
export const currencyExponents = { RUB: 2, USD: 2, EUR: 2, GBP: 2, CNY: 2, UZS: 2, JPY: 0 } as const;

export type Currency = keyof typeof currencyExponents;

/**
 * The JSON number Invoicebox sends, in whole units: 1965845 kopecks → 19658.45.
 * One correctly rounded division of a safe integer: JSON.stringify prints exactly that decimal, in its shortest form.
 */
export function jsonAmount(amountMinor: number, currency: Currency): number {
  return amountMinor / 10 ** currencyExponents[currency];
}

/** For people: «19 658,45 ₽». */
export function russianAmount(amountMinor: number, currency: Currency): string {
  const digits = currencyExponents[currency];
  return new Intl.NumberFormat('ru-RU', {
    style: 'currency',
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(jsonAmount(amountMinor, currency));
}
