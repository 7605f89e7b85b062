/**
 * What the history of a payment's workflow proves. Facts only add up: what was paid or closed once stays so, whatever another run
 * of the payment knew. Times are milliseconds since 1970, Temporal's.
 */
import { attemptClassOf, type AttemptClass, type ConfirmMeaning } from './confirmAnswer.js';
import {
  isFinal,
  type Actor,
  type Confirmation,
  type PaymentPolicy,
  type PaymentState,
  type Quote,
  type Resumption,
  type Scheme,
} from './payment.js';

export type Word = Omit<Confirmation, 'notAfter'>;

export interface Opening {
  readonly partnerId: string;
  readonly paymentId: string;
  readonly invoiceId: string;
  readonly scheme: Scheme;
  readonly epoch: number;
  readonly policy: PaymentPolicy;
  /** Who has opened it, and for which member alone; null where the history is of a release that did not say. */
  readonly by: Actor | null;
  readonly memberId: string | null;
  /** Of whose invoices it is one; null: of none. */
  readonly batchId: string | null;
}

/** How an order to make the pivot call came back; `answered` where Invoicebox did. */
export type Called =
  | {
      readonly kind: 'answered';
      readonly n: number;
      readonly meaning: ConfirmMeaning;
      readonly requestId: string | null;
    }
  /** The ledger allowed none, so nothing was sent. */
  | { readonly kind: 'not_sent' }
  /** No answer: whether it was sent, the ledger was asked. */
  | { readonly kind: 'lost' };

/** What a history holds, in its order, of all runs of one payment. */
export type Recorded = { readonly at: number } & (
  | {
      readonly kind: 'started';
      readonly opening: Opening;
      readonly quote: Quote | null;
      readonly resumed: Resumption | null;
    }
  | { readonly kind: 'quoted'; readonly quote: Quote }
  /** Somebody's "pay this", as an update or a signal. */
  | { readonly kind: 'word'; readonly word: Word }
  /** Points held and fund reserved, or found so; null: a history of a release that did not say for whom. */
  | { readonly kind: 'held'; readonly word: Word | null }
  | { readonly kind: 'ordered'; readonly ticket: string }
  | { readonly kind: 'called'; readonly ticket: string; readonly called: Called }
  /** After a lost call: whether it had begun. */
  | { readonly kind: 'fenced'; readonly begun: boolean }
  | { readonly kind: 'captured'; readonly isLate: boolean }
  /** The ledger has released and closed, or led back to who confirms: which, says the next state. */
  | { readonly kind: 'closed' }
  | { readonly kind: 'unproven'; readonly state: PaymentState; readonly reason: string; readonly released: boolean }
  | { readonly kind: 'resolved'; readonly state: PaymentState; readonly reason: string | null }
  | { readonly kind: 'state'; readonly state: PaymentState; readonly reason: string | null }
);

/** One pivot call that may have reached Invoicebox; class null: nobody knows how it ended. */
export interface RecordedAttempt {
  readonly ticket: string;
  readonly n: number | null;
  readonly class: AttemptClass | null;
  readonly code: string | null;
  readonly requestId: string | null;
  readonly transactionId: string | null;
  readonly startedAt: number;
  readonly finishedAt: number | null;
}

export interface Evidence {
  readonly opening: Opening;
  readonly openedAt: number;
  /** The greatest of all runs. */
  readonly epoch: number;
  readonly quote: Quote | null;
  readonly state: PaymentState;
  readonly reason: string | null;
  /** When that was. */
  readonly stateAt: number;
  /** What is held, or was: until it was paid, or until a person released it. */
  readonly held: (Word & { readonly at: number }) | null;
  /** A person has given it back, while the invoice was open. */
  readonly released: boolean;
  readonly attempts: readonly RecordedAttempt[];
  /** The ledger had said so to a later run, of an earlier one's calls. */
  readonly outstanding: boolean;
  /** Under which Invoicebox's answer said that we have paid. */
  readonly transactionId: string | null;
}

/** A call of which nobody knows that it was not executed. */
export const mayHavePaid = ({ attempts, outstanding }: Evidence): boolean =>
  outstanding ||
  attempts.some((attempt) => attempt.class === null || attempt.class === 'unknown' || attempt.class === 'paid');

interface Draft {
  opening: Opening;
  openedAt: number;
  epoch: number;
  quote: Quote | null;
  state: PaymentState;
  reason: string | null;
  stateAt: number;
  word: Word | null;
  held: (Word & { at: number }) | null;
  released: boolean;
  outstanding: boolean;
  transactionId: string | null;
  readonly attempts: Map<string, RecordedAttempt>;
}

/** @returns null where no run has begun in what is recorded: then nothing is known of the payment */
export function evidenceOf(recorded: readonly Recorded[]): Evidence | null {
  let draft: Draft | null = null;
  for (const one of recorded) {
    if (one.kind === 'started') draft = begin(draft, one);
    else if (draft !== null) add(draft, one);
  }
  if (draft === null) return null;
  const { opening, openedAt, epoch, quote, reason, stateAt, held, released, outstanding, transactionId } = draft;
  return {
    ...{ opening, openedAt, epoch, quote, reason, stateAt, held, released, outstanding, transactionId },
    state: stateOf(draft),
    attempts: [...draft.attempts.values()],
  };
}

function begin(before: Draft | null, { at, opening, quote, resumed }: Recorded & { kind: 'started' }): Draft {
  const draft: Draft = before ?? {
    ...{ opening, openedAt: at, epoch: opening.epoch, quote, state: 'opening', reason: null, stateAt: at },
    ...{ word: null, held: null, released: false, outstanding: false, transactionId: null, attempts: new Map() },
  };
  draft.epoch = Math.max(draft.epoch, opening.epoch);
  draft.quote = quote ?? draft.quote;
  if (resumed === null || isFinal(draft.state)) return draft;
  // What the ledger has told the new run is newer than what the old one knew.
  moveTo(draft, at, resumed.state, resumed.reason);
  draft.released = resumed.released;
  draft.word = resumed.confirmation;
  draft.held = resumed.held === null ? null : heldBy(draft, at, resumed.confirmation, resumed.held);
  draft.outstanding ||= resumed.attempt.kind === 'outstanding';
  if (resumed.attempt.kind === 'paid') draft.transactionId = resumed.attempt.transactionId;
  return draft;
}

function add(draft: Draft, one: Exclude<Recorded, { kind: 'started' }>): void {
  switch (one.kind) {
    case 'quoted':
      draft.quote = one.quote;
      return;
    case 'word':
      draft.word = one.word;
      return;
    case 'held':
      draft.held = heldBy(draft, one.at, one.word ?? draft.word, null);
      moveTo(draft, one.at, 'settling', null);
      return;
    case 'ordered':
      if (!draft.attempts.has(one.ticket)) draft.attempts.set(one.ticket, unanswered(one.ticket, one.at));
      return;
    case 'called':
      addCall(draft, one.at, one.ticket, one.called);
      return;
    case 'fenced':
      addFence(draft, one.begun);
      return;
    case 'captured':
      if (one.isLate) moveTo(draft, one.at, 'in_review', 'paid_after_release');
      else moveTo(draft, one.at, 'paid', null);
      return;
    case 'closed':
      draft.held = null;
      return;
    case 'unproven':
      draft.released ||= one.released;
      moveTo(draft, one.at, one.state, one.reason);
      return;
    case 'resolved':
      draft.released ||= one.state === 'in_review';
      moveTo(draft, one.at, one.state, one.reason);
      return;
    case 'state':
      // The index tells no reason: what is known of it stays.
      moveTo(draft, one.at, one.state, one.state === draft.state ? (one.reason ?? draft.reason) : one.reason);
  }
}

/** What is over stays over: a run that was reset may have forgotten it. */
function moveTo(draft: Draft, at: number, state: PaymentState, reason: string | null): void {
  if (isFinal(draft.state)) {
    if (draft.state === state) draft.reason ??= reason;
    return;
  }
  if (draft.state !== state) draft.stateAt = at;
  draft.state = state;
  draft.reason = reason;
}

function addCall(draft: Draft, at: number, ticket: string, called: Called): void {
  const attempt = draft.attempts.get(ticket) ?? unanswered(ticket, at);
  switch (called.kind) {
    case 'not_sent':
      draft.attempts.delete(ticket);
      return;
    case 'lost':
      draft.attempts.set(ticket, { ...attempt, finishedAt: at });
      return;
    case 'answered': {
      const { n, meaning, requestId } = called;
      const transactionId = meaning.kind === 'paid' ? meaning.transactionId : null;
      draft.transactionId ??= transactionId;
      const own = {
        ...attempt,
        n,
        class: attemptClassOf(meaning),
        code: meaning.code,
        requestId,
        transactionId,
        finishedAt: at,
      };
      // An answer of an earlier call, told again, is no call of its own.
      const told = [...draft.attempts.values()].find((other) => other.n === n && other.ticket !== ticket);
      draft.attempts.delete(ticket);
      draft.attempts.set(told?.ticket ?? ticket, told === undefined ? own : { ...told, ...own, ticket: told.ticket });
    }
  }
}

function addFence(draft: Draft, begun: boolean): void {
  if (begun) return;
  const lost = [...draft.attempts.values()].reverse().find((attempt) => attempt.class === null);
  if (lost !== undefined) draft.attempts.delete(lost.ticket);
}

const unanswered = (ticket: string, at: number): RecordedAttempt => ({
  ...{ ticket, n: null, class: null, code: null, requestId: null, transactionId: null },
  ...{ startedAt: at, finishedAt: null },
});

function heldBy(draft: Draft, at: number, word: Word | null, seen: Word['seen'] | null): Draft['held'] {
  const { paymentId } = draft.opening;
  if (word !== null) return { ...word, at };
  const { amountMinor, currency, points } = seen ?? draft.quote ?? { amountMinor: 0, currency: '', points: 0 };
  // An organisation's payment is confirmed by its opening.
  return {
    ...{ memberId: null, seen: { amountMinor, currency, points }, confirmationId: paymentId, at },
    actor: { kind: 'saga', id: paymentId },
  };
}

/** Something is held, so it settles at least: a run that was reset has forgotten that. */
function stateOf({ state, held, released, transactionId }: Draft): PaymentState {
  if (isFinal(state) || state === 'unknown' || state === 'in_review') return state;
  if (released) return 'in_review';
  return held !== null || transactionId !== null ? 'settling' : state;
}
