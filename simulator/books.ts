import type { AccountFigures, BookEvent, Confirmation, NewInvoice } from './events.js';
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
}

export interface Invoice extends NewInvoice {
  /** Known only for a paid invoice: which account's fund paid it, or some other instrument. */
  readonly paidBy?: Confirmation | 'another instrument' | undefined;
}

/** Size + overdraft − drawn; below zero when a fund was made smaller than what is drawn. */
export function availableMinor(fund: Fund): number {
  return fund.sizeMinor + fund.overdraftMinor - fund.drawnMinor;
}

/** Thousands of confirmations are added to one account: copying them each time would be slow. */
interface OpenAccount extends Account {
  readonly funds: Map<Currency, Fund>;
  readonly confirmations: Confirmation[];
}

export class Books {
  readonly #accounts = new Map<string, OpenAccount>();
  readonly #accountsByToken = new Map<string, string>();
  readonly #invoices = new Map<string, Invoice>();
  readonly #confirmations = new Map<string, Confirmation>();

  apply(event: BookEvent): void {
    switch (event.type) {
      case 'account_applied':
        this.#applyAccount(event.accountId, event.figures);
        return;
      case 'invoice_created':
        this.#invoices.set(event.invoice.id, event.invoice);
        return;
      case 'invoice_edited':
        this.#change(event.invoiceId, event.changes);
        return;
      case 'invoice_cancelled':
        this.#change(event.invoiceId, { status: 'canceled' });
        return;
      case 'invoice_paid_elsewhere':
        this.#change(event.invoiceId, { status: 'paid', paidBy: 'another instrument' });
        return;
      case 'confirmed':
        this.#applyConfirmation(event.confirmation);
        return;
    }
  }

  get accounts(): readonly Account[] {
    return [...this.#accounts.values()];
  }

  get invoiceCount(): number {
    return this.#invoices.size;
  }

  account(id: string): Account | undefined {
    return this.#accounts.get(id);
  }

  accountByToken(token: string): Account | undefined {
    const id = this.#accountsByToken.get(token);
    return id === undefined ? undefined : this.#accounts.get(id);
  }

  invoice(id: string): Invoice | undefined {
    return this.#invoices.get(id);
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
      funds: new Map(
        funds.map((fund) => {
          const drawnMinor = before?.funds.get(fund.currency)?.drawnMinor ?? 0;
          return [fund.currency, { ...fund, drawnMinor }];
        }),
      ),
    });
  }

  #change(id: string, changes: Partial<Invoice>): void {
    const invoice = this.#invoices.get(id);
    if (!invoice) throw new Error(`The journal changes invoice ${id}, which it never created`);
    this.#invoices.set(id, { ...invoice, ...changes });
  }

  #applyConfirmation(confirmation: Confirmation): void {
    const { accountId, currency, amountMinor, invoiceId } = confirmation;
    const account = this.#accounts.get(accountId);
    const fund = account?.funds.get(currency);
    if (!account || !fund) throw new Error(`The journal draws ${currency} from ${accountId}, which has no such fund`);
    this.#change(invoiceId, { status: 'paid', paidBy: confirmation });
    account.funds.set(currency, { ...fund, drawnMinor: fund.drawnMinor + amountMinor });
    account.confirmations.push(confirmation);
    this.#confirmations.set(operationKey(accountId, confirmation.partnerOperationId), confirmation);
  }
}

function operationKey(accountId: string, partnerOperationId: string): string {
  return JSON.stringify([accountId, partnerOperationId]);
}
