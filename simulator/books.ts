import type { AccountFigures, BookEvent, Confirmation, Deposit, NewInvoice, Reversal } from './events.js';
import { InvoicesByCreation } from './invoicesByCreation.js';
import type { Currency } from './money.js';

// The books: a fold over the journal's events. Nothing is decided here, nothing is read from outside.

export interface Fund {
  readonly currency: Currency;
  readonly sizeMinor: number;
  readonly overdraftMinor: number;
  readonly drawnMinor: number;
}

export interface Account extends Omit<AccountFigures, 'funds'> {
  readonly id: string;
  readonly funds: ReadonlyMap<Currency, Fund>;
  readonly confirmations: readonly Confirmation[];
  readonly deposits: readonly Deposit[];
  /** Those that restored one of its funds. */
  readonly reversals: readonly Reversal[];
}

export interface Invoice extends NewInvoice {
  /** Known only for a paid invoice: which account's fund paid it, or some other instrument. */
  readonly paidBy?: Confirmation | 'another instrument' | undefined;
  /** What the merchant has given back of it so far. */
  readonly reversedMinor?: number | undefined;
}

/** Size + overdraft − drawn; below zero when a fund was made smaller than what is drawn. */
export function availableMinor(fund: Fund): number {
  return fund.sizeMinor + fund.overdraftMinor - fund.drawnMinor;
}

/** Thousands of confirmations are added to one account: copying them each time would be slow. */
interface OpenAccount extends Account {
  readonly funds: Map<Currency, Fund>;
  readonly confirmations: Confirmation[];
  readonly deposits: Deposit[];
  readonly reversals: Reversal[];
}

export class Books {
  readonly invoices = new InvoicesByCreation<Invoice>();
  readonly #accounts = new Map<string, OpenAccount>();
  readonly #accountsByToken = new Map<string, string>();
  readonly #confirmations = new Map<string, Confirmation>();

  apply(event: BookEvent): void {
    switch (event.type) {
      case 'account_applied':
        this.#applyAccount(event.accountId, event.figures);
        return;
      case 'invoice_created':
        this.invoices.add(event.invoice);
        return;
      case 'invoice_edited':
        this.invoices.change(event.invoiceId, event.changes);
        return;
      case 'invoice_cancelled':
        this.invoices.change(event.invoiceId, { status: 'canceled' });
        return;
      case 'invoice_paid_elsewhere':
        this.invoices.change(event.invoiceId, { status: 'paid', paidBy: 'another instrument' });
        return;
      case 'confirmed':
        this.#applyConfirmation(event.confirmation);
        return;
      case 'invoice_reversed':
        this.#applyReversal(event.reversal, event.status);
        return;
      case 'fund_deposited': {
        const { deposit } = event;
        this.#moveFund(deposit.accountId, deposit.currency, (fund) => ({
          ...fund,
          sizeMinor: fund.sizeMinor + deposit.amountMinor,
        })).deposits.push(deposit);
        return;
      }
    }
  }

  get accounts(): readonly Account[] {
    return [...this.#accounts.values()];
  }

  account(id: string): Account | undefined {
    return this.#accounts.get(id);
  }

  accountByToken(token: string): Account | undefined {
    const id = this.#accountsByToken.get(token);
    return id === undefined ? undefined : this.#accounts.get(id);
  }

  invoice(id: string): Invoice | undefined {
    return this.invoices.get(id);
  }

  /** An operation id belongs to its account: two accounts may use the same one. */
  confirmation(accountId: string, partnerOperationId: string): Confirmation | undefined {
    return this.#confirmations.get(operationKey(accountId, partnerOperationId));
  }

  #applyAccount(id: string, { funds, ...figures }: AccountFigures): void {
    const before = this.#accounts.get(id);
    if (before) this.#accountsByToken.delete(before.token);
    this.#accountsByToken.set(figures.token, id);
    this.#accounts.set(id, {
      ...figures,
      id,
      confirmations: before?.confirmations ?? [],
      deposits: before?.deposits ?? [],
      reversals: before?.reversals ?? [],
      funds: new Map(
        funds.map((fund) => {
          const drawnMinor = before?.funds.get(fund.currency)?.drawnMinor ?? 0;
          return [fund.currency, { ...fund, drawnMinor }];
        }),
      ),
    });
  }

  #applyConfirmation(confirmation: Confirmation): void {
    const { accountId, currency, amountMinor, invoiceId } = confirmation;
    const account = this.#moveFund(accountId, currency, (fund) => ({
      ...fund,
      drawnMinor: fund.drawnMinor + amountMinor,
    }));
    this.invoices.change(invoiceId, { status: 'paid', paidBy: confirmation });
    account.confirmations.push(confirmation);
    this.#confirmations.set(operationKey(accountId, confirmation.partnerOperationId), confirmation);
  }

  #applyReversal(reversal: Reversal, status: 'paid' | 'canceled'): void {
    const { invoiceId, amountMinor, currency, restoredTo } = reversal;
    const reversedMinor = (this.invoice(invoiceId)?.reversedMinor ?? 0) + amountMinor;
    this.invoices.change(invoiceId, { status, reversedMinor });
    if (restoredTo === null) return;
    this.#moveFund(restoredTo, currency, (fund) => ({
      ...fund,
      drawnMinor: fund.drawnMinor - amountMinor,
    })).reversals.push(reversal);
  }

  #moveFund(accountId: string, currency: Currency, move: (fund: Fund) => Fund): OpenAccount {
    const account = this.#accounts.get(accountId);
    const fund = account?.funds.get(currency);
    if (!account || !fund) throw new Error(`The journal moves ${currency} of ${accountId}, which has no such fund`);
    account.funds.set(currency, move(fund));
    return account;
  }
}

function operationKey(accountId: string, partnerOperationId: string): string {
  return JSON.stringify([accountId, partnerOperationId]);
}
