import { randomUUID } from 'node:crypto';
import type { Account, Books, Invoice } from './books.js';
import { type ConfirmDecision, decideConfirm } from './confirmInvoice.js';
import type { AccountFigures, BookEvent, Confirmation, Deposit, InvoiceTerms, NewInvoice, Reversal } from './events.js';
import type { Journal } from './journal.js';
import type { Currency } from './money.js';

const MAX_ACCOUNTS = 10_000;
const MAX_INVOICES = 2_000_000;
const THREE_DAYS_MS = 3 * 24 * 60 * 60 * 1_000;

/** What the merchant's side asks for; the rest has sensible values. */
export type InvoiceRequest = Pick<NewInvoice, 'amountMinor'> & Partial<NewInvoice>;

/** Money that a merchant gives back of a paid invoice; absent amount: all that is left of it. */
export interface ReversalRequest {
  readonly amountMinor?: number | undefined;
  /** Back to the fund that paid, or to the payer in some other way. */
  readonly restoreFund: boolean;
  /** What the invoice reads afterwards. */
  readonly status: 'paid' | 'canceled';
}

export type ConfirmOutcome =
  | { readonly outcome: 'executed' | 'repeated'; readonly confirmation: Confirmation }
  | Exclude<ConfirmDecision, { outcome: 'draw' | 'repeat' }>;

/** A command that the books forbid; nothing was changed. */
export class Refused extends Error {}

/** Everything that can happen to Invoicebox's books. Each command decides, writes the journal, then changes the books. */
export class Invoicebox {
  readonly #journal: Journal;

  constructor(
    readonly books: Books,
    journal: Journal,
  ) {
    this.#journal = journal;
  }

  now(): Date {
    return new Date();
  }

  applyAccount(id: string, figures: AccountFigures): Account {
    const holder = this.books.accountByToken(figures.token);
    if (holder && holder.id !== id) throw new Refused(`The token of account ${id} is already account ${holder.id}'s`);
    if (this.books.accounts.length >= MAX_ACCOUNTS) throw new Refused(`There are ${MAX_ACCOUNTS} accounts already`);
    for (const [currency, fund] of this.books.account(id)?.funds ?? []) {
      const kept = figures.funds.some((figure) => figure.currency === currency);
      if (!kept && fund.drawnMinor > 0) throw new Refused(`Fund ${currency} of ${id} has been drawn: keep it`);
    }
    this.#record({ type: 'account_applied', accountId: id, figures });
    return known(this.books.account(id));
  }

  createInvoice(request: InvoiceRequest): Invoice {
    const id = request.id ?? randomUUID();
    if (this.books.invoice(id)) throw new Refused(`Invoice ${id} exists already`);
    if (this.books.invoices.size >= MAX_INVOICES) throw new Refused(`There are ${MAX_INVOICES} invoices already`);
    const now = this.now();
    this.#record({
      type: 'invoice_created',
      invoice: {
        number: `29078-${100_001 + this.books.invoices.size}`,
        currency: 'RUB',
        description: 'Оплата заказа',
        expiresAt: new Date(now.getTime() + THREE_DAYS_MS).toISOString(),
        status: 'pending',
        customer: {},
        raw: {},
        omit: [],
        createdAt: now.toISOString(),
        ...request,
        id,
      },
    });
    return known(this.books.invoice(id));
  }

  editInvoice(id: string, changes: Partial<InvoiceTerms>): Invoice {
    this.#existing(id);
    this.#record({ type: 'invoice_edited', invoiceId: id, changes });
    return known(this.books.invoice(id));
  }

  cancelInvoice(id: string): Invoice {
    const { status } = this.#existing(id);
    if (status === 'paid') throw new Refused(`Invoice ${id} is paid: it can't be cancelled`);
    if (status !== 'canceled') this.#record({ type: 'invoice_cancelled', invoiceId: id });
    return known(this.books.invoice(id));
  }

  /** Paid by a card or anything else that is not a guarantee fund. */
  payElsewhere(id: string): Invoice {
    const { status } = this.#existing(id);
    if (status === 'paid' || status === 'canceled') throw new Refused(`Invoice ${id} is ${status}: it can't be paid`);
    this.#record({ type: 'invoice_paid_elsewhere', invoiceId: id });
    return known(this.books.invoice(id));
  }

  /** As the merchant does: before shipment or after it, whole or in parts (contract, section 4). Nobody is told. */
  reverseInvoice(id: string, { amountMinor, restoreFund, status }: ReversalRequest): Reversal {
    const invoice = this.#existing(id);
    const { paidBy, currency } = invoice;
    if (paidBy === undefined) throw new Refused(`Invoice ${id} was never paid: there is nothing to give back`);
    if (restoreFund && paidBy === 'another instrument') throw new Refused(`No fund paid invoice ${id}`);
    const leftMinor = invoice.amountMinor - (invoice.reversedMinor ?? 0);
    const amount = amountMinor ?? leftMinor;
    if (amount < 1 || amount > leftMinor) throw new Refused(`${leftMinor} minor units are left to give back of ${id}`);
    const reversal: Reversal = {
      transactionId: randomUUID(),
      invoiceId: id,
      amountMinor: amount,
      currency,
      restoredTo: restoreFund && paidBy !== 'another instrument' ? paidBy.accountId : null,
      at: this.now().toISOString(),
    };
    this.#record({ type: 'invoice_reversed', reversal, status });
    return reversal;
  }

  /** Money that a partner transfers to its fund. */
  deposit(accountId: string, currency: Currency, amountMinor: number, billNumber: string | null): Deposit {
    const fund = this.books.account(accountId)?.funds.get(currency);
    if (!fund) throw new Refused(`Account ${accountId} has no fund in ${currency}`);
    const transactionId = randomUUID();
    const deposit = { transactionId, accountId, amountMinor, currency, billNumber, at: this.now().toISOString() };
    this.#record({ type: 'fund_deposited', deposit });
    return deposit;
  }

  /** The pivot of the partner's saga. Draws the account's fund at most once for an invoice. */
  confirm(account: Account, invoiceId: string, partnerOperationId: string, requestId: string): ConfirmOutcome {
    const now = this.now();
    const decision = decideConfirm(this.books, account, invoiceId, partnerOperationId, now);
    switch (decision.outcome) {
      case 'draw': {
        const { amountMinor, currency } = decision.invoice;
        const confirmation: Confirmation = {
          transactionId: randomUUID(),
          partnerOperationId,
          invoiceId,
          accountId: account.id,
          amountMinor,
          currency,
          at: now.toISOString(),
          requestId,
        };
        this.#record({ type: 'confirmed', confirmation });
        return { outcome: 'executed', confirmation };
      }
      case 'repeat':
        return { outcome: 'repeated', confirmation: decision.confirmation };
      case 'unknown_invoice':
      case 'operation_used':
      case 'already_paid':
      case 'wrong_status':
      case 'no_money':
        return decision;
    }
  }

  #existing(id: string): Invoice {
    const invoice = this.books.invoice(id);
    if (!invoice) throw new Refused(`There is no invoice ${id}`);
    return invoice;
  }

  #record(event: BookEvent): void {
    this.#journal.append(event);
    this.books.apply(event);
  }
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('The books lost what was just written');
  return value;
}
