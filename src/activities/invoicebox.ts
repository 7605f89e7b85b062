/**
 * The two calls to Invoicebox. Each does two things, and for a reason (design.md, section 5): a read is stored here, so
 * that personal data stays out of histories; a confirm is recorded in the ledger before its first byte.
 */
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import {
  attemptClassOf,
  meaningOf,
  type AttemptClass,
  type ConfirmAnswer,
  type ConfirmMeaning,
} from '../domain/confirmAnswer.js';
import { payabilityOf, type InvoiceFacts } from '../domain/invoice.js';
import {
  isFinal,
  type DeclineReason,
  type FinalState,
  type PaymentState,
  type Quote,
  type Scheme,
} from '../domain/payment.js';
import { priceInPoints, withinLimits } from '../domain/points.js';
import type { InvoiceboxClient, ReadAnswer } from '../invoicebox/client.js';
import type { Ledger, PaymentKey } from '../ledger/ledger.js';
import type { PartnerSettings } from '../partnerSettings.js';
import { scheduledAt } from './clock.js';
import { beating, readAgainLater } from './invoiceReads.js';
import type { Partners } from './partners.js';
import { approvalOf, factsOf, judged, judgement, storedRead } from './readInvoice.js';

/** From the ledger's leave to call until the call begins; the call's own time-out bounds the rest. */
const latestStartMs = 2_000;

export type QuoteAnswer =
  | { readonly kind: 'quoted'; readonly quote: Quote }
  | { readonly kind: 'expired' }
  | { readonly kind: 'unpayable'; readonly reason: DeclineReason }
  | { readonly kind: 'superseded' }
  /** The ledger says that the payment has come to its end. */
  | { readonly kind: 'over'; readonly state: FinalState };

export type ConfirmOutcome =
  | {
      readonly kind: 'answered';
      readonly n: number;
      readonly meaning: ConfirmMeaning;
      readonly requestId: string | null;
      /** What the ledger still has to be told of this attempt. */
      readonly unrecorded: AttemptEnd | null;
    }
  /** Nothing was sent: read again first. */
  | { readonly kind: 'stale' }
  /** Nothing was sent: an earlier call may have paid, so that has to be proven. */
  | { readonly kind: 'prove' }
  | { readonly kind: 'superseded' }
  | { readonly kind: 'over'; readonly state: FinalState };

export interface AttemptEnd {
  readonly class: AttemptClass;
  readonly code: string;
  readonly requestId: string | null;
  readonly flag: 'credentials' | 'fund' | null;
  readonly transactionId: string | null;
}

export interface ReadOrder {
  readonly key: PaymentKey;
  readonly invoiceId: string;
  readonly scheme: Scheme;
  readonly quoteTtlMs: number;
  /** The price that still holds, if it does. */
  readonly previous: Quote | null;
}

export interface ConfirmOrder {
  readonly key: PaymentKey;
  readonly invoiceId: string;
  readonly ticket: string;
  /** An earlier attempt may have paid it: calling again while it reads paid tells whether we did. */
  readonly proving: boolean;
  readonly freshnessMs: number;
}

export function createInvoiceboxActivities(client: InvoiceboxClient, ledger: Ledger, partners: Partners) {
  async function read(order: Pick<ReadOrder, 'key' | 'invoiceId'>) {
    const partner = await partners.get(order.key.partnerId);
    const beganMs = performance.now();
    const { cancellationSignal } = Context.current();
    const answer = await beating(() => client.readInvoice(partner.account, order.invoiceId, cancellationSignal));
    return { ...partner, answer, ageMs: () => Math.ceil(performance.now() - beganMs) };
  }

  return {
    /** Reads the invoice and stores it with its price. Unreachable: fails, and the retry policy reads again. */
    async readInvoiceAndQuote(order: ReadOrder): Promise<QuoteAnswer> {
      const at = scheduledAt();
      const { answer, settings, currencies, policy, ageMs } = await read(order);
      if (answer.kind !== 'invoice') return unreadAnswer(answer);
      const facts = factsOf(answer.invoice);
      const payable = payabilityOf(facts, currencies, at);
      const verdict = order.scheme === 'organisation' ? judged(answer.invoice, policy) : null;
      let price: Price | null = null;
      if (payable.kind === 'payable' && verdict?.kind !== 'refused') {
        const priced = priceOf(payable, order, settings, at);
        if (priced.kind === 'unpayable') return priced;
        price = priced;
      }
      const toStore = {
        ...storedRead(answer.invoice),
        ...(verdict === null ? {} : judgement(answer.invoice, verdict)),
      };
      const stored = await ledger.quote(order.key, toStore, price, ageMs(), at);
      if (stored.outcome !== 'quoted') return endedOrSuperseded(stored);
      if (payable.kind !== 'payable') return payable;
      if (verdict?.kind === 'refused') return { kind: 'unpayable', reason: verdict.reason };
      const { amountMinor, currency } = payable;
      return {
        kind: 'quoted',
        quote: {
          ...{ amountMinor, currency, ...priceOrZero(price), readAt: at, expiresAt: facts.expiresAtMs ?? at },
          ...(verdict === null ? {} : { version: stored.version, approval: approvalOf(verdict) }),
        },
      };
    },

    /** Reads the invoice for a proof and stores what it says; no new price. Unreachable: fails, nothing proven. */
    async readInvoiceForProof(
      order: Pick<ReadOrder, 'key' | 'invoiceId'>,
    ): Promise<InvoiceFacts & { readonly readAt: number }> {
      const at = scheduledAt();
      const { answer, ageMs } = await read(order);
      if (answer.kind !== 'invoice') {
        throw ApplicationFailure.nonRetryable(`The invoice could not be read: ${answer.kind}`, 'InvoiceboxUnavailable');
      }
      await ledger.quote(order.key, storedRead(answer.invoice), null, ageMs(), at);
      return { ...factsOf(answer.invoice), readAt: at };
    },

    /** The pivot call. The ledger allows and records it first; every answer comes back as data. */
    confirmInvoice: (order: ConfirmOrder): Promise<ConfirmOutcome> => beating(() => confirm(order)),
  };

  async function confirm(order: ConfirmOrder): Promise<ConfirmOutcome> {
    const { account } = await partners.get(order.key.partnerId);
    const { key, ticket, proving, freshnessMs } = order;
    const beganMs = performance.now();
    const allowed = await ledger.beginAttempt(key, ticket, proving, freshnessMs, scheduledAt());
    switch (allowed.outcome) {
      case 'stale':
      case 'prove':
        return { kind: allowed.outcome };
      case 'paid': {
        const { n, transactionId, requestId } = allowed;
        return {
          kind: 'answered',
          n,
          meaning: { kind: 'paid', transactionId, code: 'paid' },
          requestId,
          unrecorded: null,
        };
      }
      case 'superseded':
      case 'not_found':
      case 'conflict':
        return endedOrSuperseded(allowed);
      case 'go':
        break;
    }
    const { n, ambiguousBefore } = allowed;
    // A worker that was frozen since must not make a call that everybody else believes to be over.
    const answer: ConfirmAnswer =
      performance.now() - beganMs > latestStartMs
        ? { kind: 'not_sent', detail: 'started_too_late' }
        : await client.confirmInvoice(account, order.invoiceId, key.paymentId);
    const meaning = meaningOf(answer, key.paymentId, ambiguousBefore);
    const requestId = answer.requestId ?? null;
    const end: AttemptEnd = {
      class: attemptClassOf(meaning),
      code: meaning.code,
      requestId,
      flag: partnerFlagOf(meaning),
      transactionId: meaning.kind === 'paid' ? meaning.transactionId : null,
    };
    // Recorded here, so that it is known whatever becomes of the run that asked; a message stays here, it may be personal.
    const isRecorded = await record(key, n, end, messageOf(answer));
    return { kind: 'answered', n, meaning, requestId, unrecorded: isRecorded ? null : end };
  }

  /** @returns whether Postgres took it; the workflow records again what it did not, so that a definite answer is not lost */
  async function record(key: PaymentKey, n: number, end: AttemptEnd, message: string | null): Promise<boolean> {
    try {
      await ledger.endAttempt(key, n, { ...end, message }, scheduledAt());
      return true;
    } catch (error) {
      Context.current().log.warn('the end of an attempt was not recorded at once', { n, error });
      return false;
    }
  }
}

/** The ledger did nothing: because the payment is at its end, or because another run goes on with it. */
function endedOrSuperseded(answer: { outcome: string; state?: PaymentState | undefined }) {
  return answer.state !== undefined && isFinal(answer.state)
    ? ({ kind: 'over', state: answer.state } as const)
    : ({ kind: 'superseded' } as const);
}

function unreadAnswer(answer: Exclude<ReadAnswer, { kind: 'invoice' }>): QuoteAnswer {
  switch (answer.kind) {
    case 'not_found':
      return { kind: 'unpayable', reason: 'invoice_not_found' };
    case 'refused':
      return {
        kind: 'unpayable',
        reason: answer.httpStatus === 401 || answer.httpStatus === 403 ? 'credentials' : 'refused',
      };
    case 'rate_limited':
    case 'unavailable':
      throw readAgainLater(answer);
  }
}

interface Price {
  readonly points: number;
  readonly pricedAt: number;
}

/** A price holds for the quote's time as long as the sum is the same, whatever the programme's settings say by then. */
function priceOf(
  payable: { amountMinor: number; currency: string },
  { previous, quoteTtlMs, scheme }: ReadOrder,
  settings: PartnerSettings,
  at: number,
): (Price & { readonly kind: 'price' }) | { readonly kind: 'unpayable'; readonly reason: DeclineReason } {
  if (scheme === 'organisation') return { kind: 'price', points: 0, pricedAt: at };
  const sameSum = previous?.amountMinor === payable.amountMinor && previous.currency === payable.currency;
  if (previous !== null && sameSum && at - previous.pricedAt < quoteTtlMs) {
    return { kind: 'price', points: previous.points, pricedAt: previous.pricedAt };
  }
  const rate = settings.loyalty?.rates[payable.currency];
  const price = rate === undefined ? null : priceInPoints(payable.amountMinor, rate);
  if (price?.ok !== true) return { kind: 'unpayable', reason: 'currency_unsupported' };
  const limited = withinLimits(price.points, settings.loyalty ?? {});
  return limited === 'ok'
    ? { kind: 'price', points: price.points, pricedAt: at }
    : { kind: 'unpayable', reason: limited };
}

const priceOrZero = (price: Price | null): Price =>
  price === null ? { points: 0, pricedAt: 0 } : { points: price.points, pricedAt: price.pricedAt };

function messageOf(answer: ConfirmAnswer): string | null {
  return answer.kind === 'answer' && answer.body.kind === 'refusal' ? answer.body.message : null;
}

function partnerFlagOf(meaning: ConfirmMeaning): 'credentials' | 'fund' | null {
  if (meaning.kind === 'credentials') return 'credentials';
  return meaning.kind === 'refused' && meaning.wantOfMoney ? 'fund' : null;
}
