/**
 * Reads invoices at Invoicebox while everything else stands still: a page of them in one request, at the pace that the queue
 * keeps otherwise, so that the account's and the address's quota hold (docs/operating.md, "Invoicebox's quota").
 */
import { setTimeout as pause } from 'node:timers/promises';
import { storedRead } from '../activities/readInvoice.js';
import type { PartnerAccount, Partners } from '../activities/partners.js';
import type { Invoice, InvoiceboxClient } from '../invoicebox/client.js';
import { documentedPaging } from '../invoicebox/lists.js';
import type { StoredRead } from '../ledger/ledger.js';
import { quotaShareOf } from '../partnerSettings.js';

/** What Invoicebox says; read null where it says nothing (`not_found`, `unread`). */
export interface InvoiceSays {
  readonly status: string;
  readonly read: StoredRead | null;
}

export interface CallRates {
  readonly accountPerSecond: number;
  readonly addressPerSecond: number;
}

/** Of a page, and of an invoice that its list does not tell. */
const tries = 4;
const firstPauseMs = 1_000;
/** After so many invoices without an answer the rest of this partner's is not asked for: the saga will, of those that are live. */
const mostUnread = 3;

export class InvoiceReader {
  readonly #address: Pace;
  readonly #accounts = new Map<string, Pace>();

  constructor(
    private readonly client: InvoiceboxClient,
    private readonly partners: Partners,
    private readonly rates: CallRates,
  ) {
    this.#address = new Pace(rates.addressPerSecond);
  }

  /** @param tell how many more have been read */
  async read(
    partnerId: string,
    invoiceIds: readonly string[],
    tell: (invoices: number) => void,
  ): Promise<ReadonlyMap<string, InvoiceSays>> {
    const partner = await this.partners.get(partnerId);
    const says = new Map<string, InvoiceSays>();
    const pageSize = (partner.account.paging ?? documentedPaging).pageSize;
    let unread = 0;
    for (let at = 0; at < invoiceIds.length; at += pageSize) {
      const page = invoiceIds.slice(at, at + pageSize);
      const listed = unread < mostUnread ? await this.#list(partnerId, partner, page) : new Map<string, Invoice>();
      for (const id of page) {
        const invoice = listed.get(id);
        const said: InvoiceSays =
          invoice !== undefined
            ? saysOf(invoice)
            : unread < mostUnread
              ? await this.#one(partnerId, partner, id)
              : nothing;
        unread = said === nothing ? unread + 1 : 0;
        says.set(id, said);
      }
      tell(page.length);
    }
    return says;
  }

  /** A list of several ids is inferred from the contract: what it does not tell is asked for one by one. */
  async #list(partnerId: string, partner: PartnerAccount, page: readonly string[]): Promise<Map<string, Invoice>> {
    const [first, ...others] = page;
    if (first === undefined) return new Map();
    const answer = await this.#repeated(partnerId, partner, () =>
      this.client.listInvoices(partner.account, {
        conditions: [{ property: 'id', operator: '_eq', values: [first, ...others] }],
        order: 'asc',
        page: 1,
      }),
    );
    return new Map(answer.kind === 'page' ? answer.page.invoices.map((invoice) => [invoice.id, invoice]) : []);
  }

  async #one(partnerId: string, partner: PartnerAccount, invoiceId: string): Promise<InvoiceSays> {
    const answer = await this.#repeated(partnerId, partner, () => this.client.readInvoice(partner.account, invoiceId));
    switch (answer.kind) {
      case 'invoice':
        return saysOf(answer.invoice);
      case 'not_found':
        return { status: 'not_found', read: null };
      case 'refused':
      case 'rate_limited':
      case 'unavailable':
        return nothing;
    }
  }

  /** Until it says something, or too often did not. */
  async #repeated<Answer extends { readonly kind: string; readonly retryAfterMs?: number | undefined }>(
    partnerId: string,
    { settings }: PartnerAccount,
    ask: () => Promise<Answer>,
  ): Promise<Answer> {
    const { account = partnerId, weight = 1 } = quotaShareOf(settings).quota ?? {};
    let own = this.#accounts.get(account);
    if (own === undefined) {
      own = new Pace(this.rates.accountPerSecond * weight);
      this.#accounts.set(account, own);
    }
    for (let attempt = 1; ; attempt++) {
      await own.turn();
      await this.#address.turn();
      const answer = await ask();
      const isSilent = answer.kind === 'rate_limited' || answer.kind === 'unavailable';
      if (!isSilent || attempt === tries) return answer;
      await pause(answer.retryAfterMs ?? firstPauseMs * 2 ** (attempt - 1));
    }
  }
}

const nothing: InvoiceSays = { status: 'unread', read: null };
const saysOf = (invoice: Invoice): InvoiceSays => ({ status: invoice.status, read: storedRead(invoice) });

/** One after the other, so many a second. */
class Pace {
  #next = 0;

  constructor(private readonly perSecond: number) {}

  async turn(): Promise<void> {
    const now = performance.now();
    const at = Math.max(now, this.#next);
    this.#next = at + 1_000 / this.perSecond;
    if (at > now) await pause(at - now);
  }
}
