/** The control side of Invoicebox's twin, as demo and tests use it. Amounts are integer minor units. */

interface TwinFund {
  readonly currency: string;
  readonly sizeMinor: number;
  readonly drawnMinor: number;
  readonly availableMinor: number;
}

interface TwinConfirmation {
  readonly transactionId: string;
  readonly partnerOperationId: string;
  readonly invoiceId: string;
  readonly amountMinor: number;
  readonly currency: string;
}

export interface TwinAccount {
  readonly id: string;
  readonly funds: readonly TwinFund[];
  readonly confirmations: readonly TwinConfirmation[];
}

export interface TwinInvoice {
  readonly id: string;
  readonly number: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly status: string;
  readonly paymentUrl: string;
}

export interface TwinReversal {
  readonly transactionId: string;
  readonly amountMinor: number;
  readonly restoredTo: string | null;
  readonly at: string;
}

interface TwinQuotaSettings {
  readonly enforced: boolean;
  readonly account: number;
  readonly address: number;
  readonly windowMs: number;
  readonly retryAfter: 'none' | 'seconds' | 'date';
}

interface TwinUsage {
  readonly requests: number;
  readonly tooManyRequests: number;
  /** The most that arrived within one window. */
  readonly worstWindow: number;
}

export interface TwinQuotas {
  readonly settings: TwinQuotaSettings;
  readonly accounts: Readonly<Record<string, TwinUsage>>;
  readonly addresses: Readonly<Record<string, TwinUsage>>;
}

export interface TwinRequest {
  readonly operation: 'read' | 'list' | 'confirm' | 'auth';
  readonly invoiceId: string | null;
  readonly partnerOperationId?: string;
  /** When it arrived. */
  readonly at: string;
  /** null while the call is being worked on. */
  readonly status: number | 'cut' | null;
  /** Said as soon as the call has acted, answered or not. */
  readonly effect: 'executed' | 'repeated' | 'refused' | 'none';
  /** Stopped by the fault `pause` until `resume`. */
  readonly paused: boolean;
}

/** What may happen to a call; what each kind does is said in simulator/faults.ts. */
export type TwinTrouble =
  | { readonly kind: 'delay' | 'delay_after'; readonly delayMs?: number }
  | { readonly kind: 'pause'; readonly when: 'before' | 'after' }
  | {
      readonly kind: 'refuse' | 'error_before' | 'error_after';
      readonly status?: number;
      readonly code?: string;
      readonly message?: string;
      /** Absent: no Retry-After header. */
      readonly retryAfter?: string;
    }
  | { readonly kind: 'cut_before' | 'cut_after' | 'cancel_after' | 'expire_after' | 'pay_elsewhere_after' }
  | {
      readonly kind: 'garbled';
      readonly acts: boolean;
      readonly body: 'truncated' | 'malformed' | 'huge' | 'empty';
    }
  /** Of a confirm alone. */
  | { readonly kind: 'wrong_operation_id' | 'no_transaction_id'; readonly acts: boolean }
  | { readonly kind: 'edit_after'; readonly amountMinor: number; readonly currency?: string }
  | { readonly kind: 'edit_after'; readonly currency: string; readonly amountMinor?: number };

/** Trouble for one invoice's next calls. */
export type TwinFault = TwinTrouble & {
  readonly invoiceId: string;
  readonly operation: TwinOperation;
  /** How many calls it strikes; default 1. */
  readonly times?: number;
};

type TwinOperation = 'read' | 'confirm';

interface TwinServer {
  /** null: node's default. */
  readonly keepAliveMs: number | null;
  readonly down: boolean;
}

export class Twin {
  constructor(readonly url: string) {}

  get host(): string {
    return new URL(this.url).host;
  }

  applyAccount(
    id: string,
    account: {
      name: string;
      token: string;
      funds: { currency: string; sizeMinor: number; overdraftMinor?: number }[];
      repeatAnswers?: 'success' | 'already_paid';
      pageParameters?: 'page' | '_page' | 'both';
      /** Requests a window, where they are not those of everybody. */
      quota?: number;
    },
  ): Promise<unknown> {
    return this.#call('PUT', `/control/accounts/${id}`, account);
  }

  createInvoice(invoice: Readonly<Record<string, unknown>> & { amountMinor: number }): Promise<TwinInvoice> {
    return this.#call('POST', '/control/invoices', invoice);
  }

  readInvoice(id: string): Promise<TwinInvoice> {
    return this.#call('GET', `/control/invoices/${id}`);
  }

  editInvoice(id: string, change: Readonly<Record<string, unknown>>): Promise<TwinInvoice> {
    return this.#call('PATCH', `/control/invoices/${id}`, change);
  }

  cancelInvoice(id: string): Promise<TwinInvoice> {
    return this.#call('POST', `/control/invoices/${id}/cancel`, {});
  }

  payInvoiceElsewhere(id: string): Promise<TwinInvoice> {
    return this.#call('POST', `/control/invoices/${id}/pay`, {});
  }

  /** So many invoices of the same terms, `everyMs` apart. */
  async createInvoices(
    count: number,
    terms: Readonly<Record<string, unknown>> & { amountMinor: number; everyMs?: number },
  ): Promise<void> {
    await this.#call('POST', '/control/invoice-series', { count, ...terms });
  }

  /** The merchant gives money back of a paid invoice; nobody is told. No amount: all that is left. */
  reverseInvoice(
    id: string,
    reversal: { amountMinor?: number; restoreFund: boolean; status: 'paid' | 'canceled' },
  ): Promise<TwinReversal> {
    return this.#call('POST', `/control/invoices/${id}/reverse`, reversal);
  }

  /** Money that the partner transfers; it is in the statement. */
  deposit(accountId: string, deposit: { amountMinor: number; currency?: string; billNumber?: string }) {
    return this.#call<{ transactionId: string; at: string }>(
      'POST',
      `/control/accounts/${accountId}/deposits`,
      deposit,
    );
  }

  /** The cabinet's statement as CSV (simulator/statement.ts says how it is written). */
  async statement(
    accountId: string,
    query: { currency?: string; from?: string; until?: string; zone?: string } = {},
  ): Promise<string> {
    const parameters = new URLSearchParams(query).toString();
    const response = await fetch(`${this.url}/control/accounts/${accountId}/statement?${parameters}`);
    const text = await response.text();
    if (!response.ok) throw new Error(`The twin gave no statement: ${response.status} ${text}`);
    return text;
  }

  /** What is not given stays as it is. */
  setQuotas(changes: Partial<TwinQuotaSettings>): Promise<TwinQuotaSettings> {
    return this.#call('PUT', '/control/quotas', changes);
  }

  quotas(): Promise<TwinQuotas> {
    return this.#call('GET', '/control/quotas');
  }

  /** Counts anew. */
  clearQuotas(): Promise<TwinQuotas> {
    return this.#call('DELETE', '/control/quotas');
  }

  arrangeFault(fault: TwinFault): Promise<unknown> {
    return this.#call('POST', '/control/faults', fault);
  }

  clearFaults(): Promise<unknown> {
    return this.#call('DELETE', '/control/faults');
  }

  /** How many paused calls went on. */
  async resume(invoiceId: string, operation: TwinOperation): Promise<number> {
    const { resumed } = await this.#call<{ resumed: number }>('POST', '/control/resume', { invoiceId, operation });
    return resumed;
  }

  /** What is not given stays as it is. */
  setServer(changes: Partial<TwinServer>): Promise<TwinServer> {
    return this.#call('PUT', '/control/server', changes);
  }

  async account(id: string): Promise<TwinAccount> {
    const books = await this.#call<{ accounts: TwinAccount[] }>('GET', '/control/books');
    const account = books.accounts.find((candidate) => candidate.id === id);
    if (account === undefined) throw new Error(`The twin has no account ${id}`);
    return account;
  }

  requests(invoiceId: string): Promise<TwinRequest[]> {
    return this.#call('GET', `/control/requests?invoiceId=${invoiceId}`);
  }

  /** Of all invoices, in order of arrival. */
  allRequests(): Promise<TwinRequest[]> {
    return this.#call('GET', '/control/requests');
  }

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(this.url + path, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`The twin answered ${response.status} to ${method} ${path}: ${text}`);
    return JSON.parse(text) as T;
  }
}
