/**
 * Reads invoices again whose payments have ended (contract, sections 2 and 4): a page of them in one request. As the other
 * calls to Invoicebox, each stores what it read at once (design.md, section 5), so that nothing of it enters a history.
 */
import { Context } from '@temporalio/activity';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import type { Invoice, InvoiceboxClient, ReadAnswer } from '../invoicebox/client.js';
import { documentedPaging } from '../invoicebox/lists.js';
import type { EndedRead, Reconciliations } from '../ledger/reconciliations.js';
import { scheduledAt } from './clock.js';
import type { Partners } from './partners.js';

/** What came of a page. `unlisted`: payments whose invoices it did not hold, to be read one by one. */
export interface EndedPage {
  readonly read: number;
  readonly opened: number;
  readonly unlisted: readonly EndedPayment[];
  readonly isLast: boolean;
}

export interface EndedPayment {
  readonly paymentId: string;
  readonly invoiceId: string;
}

export function createReadEndedActivities(
  client: InvoiceboxClient,
  reconciliations: Reconciliations,
  partners: Partners,
) {
  return {
    /** The page that is due longest; what is stored is not due any more, so the next call reads the next. */
    async readEndedPayments({ partnerId }: { readonly partnerId: string }): Promise<EndedPage> {
      const at = scheduledAt();
      const { account } = await partners.get(partnerId);
      const { pageSize } = account.paging ?? documentedPaging;
      const due = await reconciliations.due(partnerId, pageSize, at);
      const [first, ...others] = due.map(({ invoiceId }) => invoiceId);
      if (first === undefined) return { read: 0, opened: 0, unlisted: [], isLast: true };
      const answer = await client.listInvoices(
        account,
        { conditions: [{ property: 'id', operator: '_eq', values: [first, ...others] }], order: 'asc', page: 1 },
        Context.current().cancellationSignal,
      );
      const listed = listedIn(answer);
      const reads: EndedRead[] = [];
      const unlisted: EndedPayment[] = [];
      for (const payment of due) {
        const found = listed.get(payment.invoiceId);
        if (found === undefined) unlisted.push(payment);
        else reads.push(readOf(payment.paymentId, found));
      }
      const { opened } = await reconciliations.storeReads(partnerId, reads, at);
      return { read: reads.length, opened, unlisted, isLast: due.length < pageSize };
    },

    async readEndedPayment({
      partnerId,
      paymentId,
      invoiceId,
    }: EndedPayment & { readonly partnerId: string }): Promise<{ readonly opened: number }> {
      const { account } = await partners.get(partnerId);
      const answer = await client.readInvoice(account, invoiceId, Context.current().cancellationSignal);
      const read = singleOf(paymentId, answer);
      return reconciliations.storeReads(partnerId, [read], scheduledAt());
    },
  };
}

function listedIn(answer: Awaited<ReturnType<InvoiceboxClient['listInvoices']>>): Map<string, Invoice> {
  switch (answer.kind) {
    case 'page':
      return new Map(answer.page.invoices.map((invoice) => [invoice.id, invoice]));
    case 'not_found':
      return new Map();
    case 'refused':
      // Several ids in one filter are inferred: who does not know them is asked one by one.
      if (answer.httpStatus !== 401 && answer.httpStatus !== 403) return new Map();
      throw failureOf(answer);
    case 'rate_limited':
    case 'unavailable':
      throw failureOf(answer);
  }
}

function singleOf(paymentId: string, answer: ReadAnswer): EndedRead {
  switch (answer.kind) {
    case 'invoice':
      return readOf(paymentId, answer.invoice);
    case 'not_found':
      return { paymentId, status: 'not_found', amountMinor: null, currency: null };
    case 'refused':
      if (answer.httpStatus === 401 || answer.httpStatus === 403) throw failureOf(answer);
      return { paymentId, status: 'unread', amountMinor: null, currency: null };
    case 'rate_limited':
    case 'unavailable':
      throw failureOf(answer);
  }
}

const readOf = (paymentId: string, { status, amount, currency }: Invoice): EndedRead => ({
  paymentId,
  status,
  amountMinor: amount.ok ? amount.amountMinor : null,
  currency,
});

/** The type says why the run ends, where it does not help to ask again. */
function failureOf(
  answer: Extract<ReadAnswer, { kind: 'refused' | 'rate_limited' | 'unavailable' }>,
): ApplicationFailure {
  switch (answer.kind) {
    case 'refused':
      return ApplicationFailure.nonRetryable('Invoicebox refuses the credentials', 'credentials');
    case 'rate_limited':
      return ApplicationFailure.create({
        message: 'Invoicebox says: too many requests',
        type: 'invoicebox_unavailable',
        category: ApplicationFailureCategory.BENIGN,
        ...(answer.retryAfterMs === undefined ? {} : { nextRetryDelay: answer.retryAfterMs }),
      });
    case 'unavailable':
      return ApplicationFailure.retryable(
        `Invoicebox gave no usable answer: ${answer.detail}`,
        'invoicebox_unavailable',
      );
  }
}
