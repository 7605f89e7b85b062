/** A statement's cells as a Russian or English spreadsheet reads them: numbers are numbers, text is never a formula. */
import { decimalString } from './money.js';

export type StatementLanguage = 'ru' | 'en';

/** Minor units with a decimal comma and no thousands separators: `-1234,50`. */
export const amountCell = (amountMinor: number, currency: string): string =>
  decimalString(amountMinor, currency).replace('.', ',');

/**
 * Text that a spreadsheet would take for a formula gets an apostrophe before it (OWASP, "CSV injection"); also where white
 * space or an invisible character stands before the sign, and for its full-width forms.
 */
export function textCell(text: string | null): string {
  if (text === null) return '';
  return /^[\s\p{C}]*[=+\-@＝＋－＠]|^[\t\r\n]/u.test(text) ? `'${text}` : text;
}

/** `2026-11-26T09:05:00` as people write it. */
export function timeCell(localTime: string): string {
  const [, year = '', month = '', day = '', time = ''] = /^(\d+)-(\d\d)-(\d\d)T(.+)$/.exec(localTime) ?? [];
  return `${day}.${month}.${year} ${time}`;
}

const words = {
  ru: {
    columns: [
      'Дата и время',
      'Операция',
      'Номер счёта',
      'Сумма',
      'В том числе НДС',
      'Транзакция',
      'Основание',
      'Остаток',
    ],
    opening: 'Остаток на начало',
    incoming: 'Оборот: поступило',
    outgoing: 'Оборот: списано',
    closing: 'Остаток на конец',
    kinds: {
      deposit: 'Пополнение',
      repayment: 'Погашение по счёту',
      correction: 'Корректировка',
      draw: 'Оплата',
      return_fund: 'Возврат',
    },
  },
  en: {
    columns: ['Time', 'Entry', 'Invoice', 'Amount', 'VAT included', 'Transaction', 'Reference', 'Balance'],
    opening: 'Opening balance',
    incoming: 'Turnover: came',
    outgoing: 'Turnover: taken',
    closing: 'Closing balance',
    kinds: {
      deposit: 'Deposit',
      repayment: 'Repayment by bill',
      correction: 'Correction',
      draw: 'Payment',
      return_fund: 'Return',
    },
  },
} as const;

export const statementWords = (language: StatementLanguage) => words[language];

/** A kind that came with a later release is told by its code. */
export function kindCell(kind: string, language: StatementLanguage): string {
  const { kinds } = words[language];
  return kind in kinds ? kinds[kind as keyof typeof kinds] : kind;
}
