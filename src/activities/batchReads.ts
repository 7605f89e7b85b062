/** Reads invoices for a batch by the page, and stores what they say: personal data stays out of histories, as with a single read. */
import { Context } from '@temporalio/activity';
import { nextPlace } from '../domain/batchListing.js';
import { payabilityOf } from '../domain/invoice.js';
import { decimalString } from '../domain/money.js';
import type { BatchFilter, BatchPlace, Batches, ToldInvoice } from '../ledger/batches.js';
import type { Invoice, InvoiceboxClient, ListAnswer } from '../invoicebox/client.js';
import { atomTime, type ListCondition } from '../invoicebox/lists.js';
import type { BatchKey } from '../workflows/messages.js';
import { scheduledAt } from './clock.js';
import { beating, readAgainLater } from './invoiceReads.js';
import type { PartnerAccount, Partners } from './partners.js';
import { factsOf, judged, judgement, storedRead } from './readInvoice.js';

/** The list's next page, or waiting invoices by their ids, in the order in which they wait. */
export type BatchReading =
  | { readonly kind: 'list'; readonly filter: BatchFilter; readonly from: BatchPlace }
  | { readonly kind: 'named'; readonly filter: BatchFilter | null };

export type BatchRead =
  | { readonly kind: 'stored'; readonly new: number }
  /** Nothing will be read until a person has looked. */
  | { readonly kind: 'refused'; readonly reason: 'credentials' | 'list_refused' };

export function createBatchReadActivities(client: InvoiceboxClient, batches: Batches, partners: Partners) {
  return {
    /** One request. Unreachable: fails, and the retry policy reads again. */
    async readBatchPage(key: BatchKey, reading: BatchReading, freshMs: number): Promise<BatchRead> {
      const at = scheduledAt();
      const partner = await partners.get(key.partnerId);
      const { pageSize } = partner.settings.invoiceboxOptions;
      const asked = reading.kind === 'named' ? await batches.next(key, 'unread', freshMs, pageSize) : [];
      const [first, ...others] = asked;
      if (reading.kind === 'named' && first === undefined) return { kind: 'stored', new: 0 };
      const beganMs = performance.now();
      const answer = await beating(() =>
        client.listInvoices(
          partner.account,
          {
            conditions:
              reading.kind === 'list'
                ? conditionsOf(reading.filter, reading.from)
                : [{ property: 'id', operator: '_eq', values: [first ?? '', ...others] }],
            order: 'asc',
            page: reading.kind === 'list' ? reading.from.page : 1,
          },
          Context.current().cancellationSignal,
        ),
      );
      const ageMs = Math.ceil(performance.now() - beganMs);
      if (answer.kind !== 'page') {
        const refused = refusalOf(answer);
        // What the list does not tell by its id, each payment reads alone.
        if (refused.reason === 'credentials' || reading.kind === 'list') return refused;
        return { kind: 'stored', ...(await batches.renew(key, [], asked, ageMs, at)) };
      }
      const { invoices, unreadable, totalCount } = answer.page;
      if (reading.kind === 'named') {
        const told = invoices
          .filter(({ id }) => asked.includes(id))
          .map((invoice) => {
            const isStillWanted = reading.filter === null || isWanted(invoice, reading.filter);
            const one = toldOf(invoice, partner, at);
            return isStillWanted ? one : { ...one, skip: 'no_longer_matches' };
          });
        return { kind: 'stored', ...(await batches.renew(key, told, asked, ageMs, at)) };
      }
      const { filter, from } = reading;
      const size = invoices.length + unreadable.length;
      const next = nextPlace(from, { createdMs: invoices.map(createdMsOf), size }, pageSize);
      const readOn = {
        ...(next === 'ends_pass' ? { fromMs: null, page: 1 } : next),
        endsPass: next === 'ends_pass',
        left: totalCount === null ? null : Math.max(0, totalCount - from.page * pageSize),
        unreadable: unreadable.length,
      };
      const told = invoices.filter((invoice) => isWanted(invoice, filter)).map((one) => toldOf(one, partner, at));
      return { kind: 'stored', ...(await batches.found(key, told, { from, readOn }, ageMs, at)) };
    },
  };
}

function conditionsOf({ amountUnderMinor, currency }: BatchFilter, { fromMs }: BatchPlace): ListCondition[] {
  return [
    { property: 'status', operator: '_eq', values: ['pending'] },
    ...(fromMs === null ? [] : [{ property: 'createdAt', operator: '_ge', values: [atomTime(fromMs)] } as const]),
    // Whole units of which currency, the list has no word for: only where one is asked for.
    ...(amountUnderMinor === undefined || currency === undefined
      ? []
      : [{ property: 'amount', operator: '_lt', values: [decimalString(amountUnderMinor, currency)] } as const]),
  ];
}

const createdMsOf = ({ createdAt }: Invoice): number | null => (createdAt === null ? null : Date.parse(createdAt));

/** What the list was asked for, and what it cannot be asked for: each is looked at here. */
function isWanted(invoice: Invoice, { amountUnderMinor, createdAfter, currency }: BatchFilter): boolean {
  const { amount } = invoice;
  const createdMs = createdMsOf(invoice);
  return (
    (currency === undefined || invoice.currency === currency) &&
    (amountUnderMinor === undefined || (amount.ok && amount.amountMinor < amountUnderMinor)) &&
    (createdAfter === undefined || (createdMs !== null && createdMs > Date.parse(createdAfter)))
  );
}

function toldOf(invoice: Invoice, { currencies, policy }: PartnerAccount, at: number): ToldInvoice {
  const payable = payabilityOf(factsOf(invoice), currencies, at);
  const verdict = judged(invoice, policy);
  return {
    invoiceId: invoice.id,
    read: { ...storedRead(invoice), ...judgement(invoice, verdict) },
    amountMinor: invoice.amount.ok ? invoice.amount.amountMinor : null,
    currency: invoice.currency,
    skip: skipOf(payable, verdict),
  };
}

function skipOf(payable: ReturnType<typeof payabilityOf>, verdict: ReturnType<typeof judged>): string | null {
  switch (payable.kind) {
    case 'expired':
      return 'invoice_expired';
    case 'unpayable':
      return payable.reason;
    case 'payable':
      return verdict.kind === 'refused' ? verdict.reason : null;
  }
}

function refusalOf(answer: Exclude<ListAnswer, { kind: 'page' }>): BatchRead & { readonly kind: 'refused' } {
  switch (answer.kind) {
    case 'not_found':
      return { kind: 'refused', reason: 'list_refused' };
    case 'refused': {
      const isUnknown = answer.httpStatus === 401 || answer.httpStatus === 403;
      return { kind: 'refused', reason: isUnknown ? 'credentials' : 'list_refused' };
    }
    case 'rate_limited':
    case 'unavailable':
      throw readAgainLater(answer);
  }
}
