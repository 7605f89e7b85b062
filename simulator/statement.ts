import type { Account, Books } from './books.js';
import { type Currency, currencyExponents } from './money.js';

interface Entry {
  readonly at: string;
  readonly kind: 'draw' | 'refund' | 'deposit';
  readonly transactionId: string;
  readonly operationId: string;
  readonly invoiceNumber: string;
  /** Below zero where money left the fund. */
  readonly amountMinor: number;
}

export interface StatementRequest {
  readonly currency: Currency;
  /** From this time on, and before that one; ISO 8601. */
  readonly from?: string | undefined;
  readonly until?: string | undefined;
  /** In which the dates are written. */
  readonly zone: string;
}

const header = [
  'Дата',
  'Операция',
  'Номер транзакции',
  'Операция партнёра',
  'Номер счёта',
  'Сумма',
  'Валюта',
  'Остаток',
];
const kindNames: Readonly<Record<Entry['kind'], string>> = {
  draw: 'Списание',
  refund: 'Возврат',
  deposit: 'Пополнение',
};

/**
 * An account's statement as a cabinet would give it: CSV, `;`, decimal comma, UTF-8 without a mark, `31.12.2026 23:59:59`
 * in the zone, oldest first, after each line what the fund holds (its size less what is drawn). Its format is silent in
 * the contract (section 4). A deposit bears its bill's number as the invoice's.
 */
export function statementCsv(books: Books, account: Account, request: StatementRequest): string {
  const { currency, zone } = request;
  const from = request.from === undefined ? -Infinity : Date.parse(request.from);
  const until = request.until === undefined ? Infinity : Date.parse(request.until);
  const dates = new Intl.DateTimeFormat('ru-RU', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
  const fund = account.funds.get(currency);
  const all = entriesOf(books, account, currency);
  // Backwards from what is there now: a size that was applied is no entry.
  const now = fund === undefined ? 0 : fund.sizeMinor - fund.drawnMinor;
  let balanceMinor = now - all.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
  const lines: string[] = [];
  for (const entry of all) {
    balanceMinor += entry.amountMinor;
    const at = Date.parse(entry.at);
    if (at < from || at >= until) continue;
    lines.push(
      [
        dates.format(at).replace(', ', ' '),
        kindNames[entry.kind],
        entry.transactionId,
        entry.operationId,
        entry.invoiceNumber,
        decimal(entry.amountMinor, currency),
        currency,
        decimal(balanceMinor, currency),
      ]
        .map(quoted)
        .join(';'),
    );
  }
  return [header.join(';'), ...lines, ''].join('\r\n');
}

function entriesOf(books: Books, account: Account, currency: Currency): Entry[] {
  const numberOf = (invoiceId: string) => books.invoice(invoiceId)?.number ?? '';
  const draws = account.confirmations.map((draw) => ({
    ...draw,
    kind: 'draw' as const,
    operationId: draw.partnerOperationId,
    invoiceNumber: numberOf(draw.invoiceId),
    amountMinor: -draw.amountMinor,
  }));
  const refunds = account.reversals.map((reversal) => {
    const paidBy = books.invoice(reversal.invoiceId)?.paidBy;
    return {
      ...reversal,
      kind: 'refund' as const,
      operationId: typeof paidBy === 'object' ? paidBy.partnerOperationId : '',
      invoiceNumber: numberOf(reversal.invoiceId),
    };
  });
  const deposits = account.deposits.map((deposit) => ({
    ...deposit,
    kind: 'deposit' as const,
    operationId: '',
    invoiceNumber: deposit.billNumber ?? '',
  }));
  return [...draws, ...refunds, ...deposits]
    .filter((entry) => entry.currency === currency)
    .sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

function decimal(amountMinor: number, currency: Currency): string {
  const digits = currencyExponents[currency];
  return (amountMinor / 10 ** digits).toFixed(digits).replace('.', ',');
}

function quoted(text: string): string {
  return /[;"\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
