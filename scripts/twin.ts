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

export interface TwinRequest {
  readonly operation: 'read' | 'confirm' | 'auth';
  readonly invoiceId: string | null;
  readonly partnerOperationId?: string;
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
