/** The steps of a return's saga: what Invoicebox says of the invoice, and the booking. */
import { Context } from '@temporalio/activity';
import type { InvoiceboxClient } from '../invoicebox/client.js';
import type { ReturnBooking, ReturnKey, Returns, ReturnWork } from '../ledger/returns.js';
import { scheduledAt } from './clock.js';
import { beating, readAgainLater } from './invoiceReads.js';
import { refusing } from './ledger.js';
import type { Partners } from './partners.js';

/** What the invoice read, and when it was asked for: milliseconds since 1970, Temporal's. */
export interface ReturnRead {
  readonly status: string;
  readonly readAt: number;
}

export type { ReturnWork };
/** What came of a booking. */
export type ReturnEnd = ReturnBooking;

export function createReturnReadActivities(client: InvoiceboxClient, partners: Partners) {
  return {
    async readInvoiceForReturn(partnerId: string, invoiceId: string): Promise<ReturnRead> {
      const { account } = await partners.get(partnerId);
      const { cancellationSignal } = Context.current();
      const answer = await beating(() => client.readInvoice(account, invoiceId, cancellationSignal));
      switch (answer.kind) {
        case 'invoice':
          return { status: answer.invoice.status, readAt: scheduledAt() };
        case 'not_found':
        case 'refused':
          return { status: answer.kind, readAt: scheduledAt() };
        case 'rate_limited':
        case 'unavailable':
          throw readAgainLater(answer);
      }
    },
  };
}

/** Local, idempotent, repeated until Postgres answers. */
export function createReturnActivities(returns: Returns) {
  return {
    findReturn: (key: ReturnKey): Promise<ReturnWork | null> => returns.work(key),
    bookReturn: (key: ReturnKey, read: ReturnRead | null, at: number): Promise<ReturnEnd> =>
      refusing(returns.book(key, read, at)),
  };
}
