/** What a statement's movements come to, and what makes one the same as another. Pure. */
import { maxAmountMinor } from './money.js';
import { refusedRow, type Movement, type RefusedRow, type StatedBalance } from './statement.js';

/**
 * What makes a movement the same in two files. Invoicebox's own id with the sum; without it, all that the row says: then
 * equal ones of one file are told apart by counting them.
 */
export function identityOf(movement: Movement): string {
  const { transactionId, operationId, invoiceNumber, amountMinor, currency, moment } = movement;
  return JSON.stringify(
    transactionId === null
      ? ['content', moment, operationId, invoiceNumber, amountMinor, currency]
      : ['transaction', transactionId, amountMinor, currency],
  );
}

/** Of one currency, as far as the file has been read. */
export interface Turnover {
  readonly currency: string;
  readonly openingMinor: number | null;
  readonly closingMinor: number | null;
  readonly inMinor: number;
  readonly outMinor: number;
}

const mostTurnoverMinor = maxAmountMinor * 100;

/**
 * Follows the balances through a file: whatever balance a row states must be the one before and what was moved since. So a
 * line that is missing from a file that states balances is found before anything of it counts.
 */
export class Balances {
  readonly #of = new Map<string, { -readonly [K in keyof Turnover]: Turnover[K] } & { running: number | null }>();

  /** @returns what is wrong with this row; null: nothing */
  add(row: Movement | StatedBalance): RefusedRow | null {
    const found = this.#of.get(row.currency);
    const kept = found ?? {
      currency: row.currency,
      openingMinor: null,
      closingMinor: null,
      inMinor: 0,
      outMinor: 0,
      running: null,
    };
    if (found === undefined) this.#of.set(row.currency, kept);
    switch (row.kind) {
      case 'opening':
        if (found !== undefined) return refusedRow('opening_not_first', 'kind');
        kept.openingMinor = row.balanceMinor;
        kept.running = row.balanceMinor;
        return null;
      case 'closing':
        if (kept.running !== null && kept.running !== row.balanceMinor)
          return refusedRow('balance_does_not_follow', 'balance');
        kept.openingMinor ??= row.balanceMinor - kept.inMinor + kept.outMinor;
        kept.running = row.balanceMinor;
        kept.closingMinor = row.balanceMinor;
        return null;
      case 'movement': {
        const { amountMinor, balanceMinor } = row;
        if (kept.inMinor + kept.outMinor + Math.abs(amountMinor) > mostTurnoverMinor)
          return refusedRow('too_large', 'amount');
        if (amountMinor > 0) kept.inMinor += amountMinor;
        else kept.outMinor -= amountMinor;
        if (kept.running !== null) kept.running += amountMinor;
        if (balanceMinor === null) return null;
        if (kept.running !== null && kept.running !== balanceMinor)
          return refusedRow('balance_does_not_follow', 'balance');
        kept.openingMinor ??= balanceMinor - kept.inMinor + kept.outMinor;
        kept.running = balanceMinor;
        kept.closingMinor = balanceMinor;
        return null;
      }
    }
  }

  get turnovers(): Turnover[] {
    return [...this.#of.values()].map(({ running, ...turnover }) => ({
      ...turnover,
      // Stated once, it is known at the end too.
      closingMinor: running ?? turnover.closingMinor,
    }));
  }
}
