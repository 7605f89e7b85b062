/**
 * The buyer's messages, an approver's, and a person's resolution or wish to look. Handlers check, leave an intent and wait; the main function alone acts on it.
 * Updates and signals get the same checks; a refused update writes nothing, a refused signal is logged and ignored.
 */
import { ApplicationFailure, CancellationScope, condition, log, setHandler } from '@temporalio/workflow';
import {
  isFinal,
  type Cancellation,
  type Confirmation,
  type PaymentState,
  type Probing,
  type Resolution,
} from '../domain/payment.js';
import {
  cancelPaymentSignal,
  cancelUpdate,
  confirmPaymentSignal,
  confirmUpdate,
  openUpdate,
  probeUpdate,
  resolveUpdate,
  stateQuery,
  type PaymentAnswer,
  type ProbeAnswer,
  type Refusal,
  type ResolutionAnswer,
} from './messages.js';
import { answerOf, type Payment } from './payment.js';
import { readCancellation, readConfirmation, readProbing, readResolution } from './readMessages.js';

interface Waiting<Message, Answer = PaymentAnswer> {
  readonly message: Message;
  answer: Answer | null;
}

const triesAMember = 5;
const triesAPayment = 50;
/** Asked for by persons, a run: the server takes 2,000 updates a workflow, and a resolution must still find room. */
const probesARun = 200;
/** A signal may name its own time, but counts no longer than this after it came. */
const longestSignalMs = 15 * 60_000;

export class Inbox {
  /** Somebody's word that waits until the invoice is read. */
  #isEarly = false;
  /** At most one of each waits to be acted on. */
  #confirm: Waiting<Confirmation> | null = null;
  #cancel: Waiting<Cancellation> | null = null;
  #resolution: Waiting<Resolution, ResolutionAnswer> | null = null;
  #probe: Waiting<Probing, ProbeAnswer> | null = null;
  #probes = 0;
  readonly #triesOf = new Map<string, number>();
  #tries = 0;
  /** Set while a cancel can still undo a settling payment: every attempt was proven not executed. */
  canStillCancel = false;

  constructor(private readonly payment: Payment) {
    setHandler(stateQuery, () => answerOf(payment));
    setHandler(openUpdate, () => this.#untilQuoted());
    setHandler(confirmUpdate, (confirmation) => this.#confirmed(confirmation), {
      validator: (confirmation) => {
        const read = readConfirmation(confirmation);
        refuse(this.#mayWait(read) ? null : this.#whyNotConfirm(read));
      },
    });
    setHandler(cancelUpdate, (cancellation) => this.#cancelled(cancellation), {
      validator: (cancellation) => {
        const read = readCancellation(cancellation);
        refuse(read?.as === 'refused' && this.#mayWait(read) ? null : this.#whyNotCancel(read));
      },
    });
    setHandler(resolveUpdate, (resolution) => this.#resolved(resolution), {
      validator: (resolution) => {
        refuse(this.#whyNotResolve(readResolution(resolution)));
      },
    });
    setHandler(probeUpdate, (probing) => this.#probed(probing), {
      validator: (probing) => {
        refuse(this.#whyNotProbe(readProbing(probing)));
      },
    });
    setHandler(confirmPaymentSignal, (message: unknown) => {
      const confirmation = readConfirmation(message);
      const refusal = this.#whyNotSignal(confirmation?.notAfter) ?? this.#whyNotConfirm(confirmation);
      if (refusal !== null || confirmation === null) ignore('confirmPayment', refusal);
      else this.#takeConfirm(confirmation);
    });
    setHandler(cancelPaymentSignal, (message: unknown) => {
      const cancellation = readCancellation(message);
      const refusal = this.#whyNotSignal(cancellation?.notAfter) ?? this.#whyNotCancel(cancellation);
      if (refusal !== null || cancellation === null) ignore('cancelPayment', refusal);
      else this.#takeCancel(cancellation);
    });
  }

  get tooManyTries(): boolean {
    return this.#tries >= triesAPayment;
  }

  get confirmation(): Confirmation | null {
    return this.#confirm?.message ?? null;
  }

  get cancellation(): Cancellation | null {
    return this.#cancel?.message ?? null;
  }

  get resolution(): Resolution | null {
    return this.#resolution?.message ?? null;
  }

  get probing(): Probing | null {
    return this.#probe?.message ?? null;
  }

  hasMessage(): boolean {
    return this.#confirm !== null || this.#cancel !== null;
  }

  answerResolution(answer: ResolutionAnswer): void {
    if (this.#resolution !== null) this.#resolution.answer = answer;
    this.#resolution = null;
  }

  answerProbe(answer: ProbeAnswer): void {
    if (this.#probe !== null) this.#probe.answer = answer;
    this.#probe = null;
  }

  /** Tells whoever waits how his message came out, and takes the next. */
  answerAll(): void {
    // Only what the buyer could have known counts: not that Invoicebox was away, nor that the payment is another's.
    const { state, reason } = this.payment;
    if (
      this.#confirm !== null &&
      isWaiting(state) &&
      reason !== 'other_member' &&
      reason !== 'own_approval' &&
      reason !== 'invoicebox_unavailable'
    ) {
      this.#count(this.#confirm.message);
    }
    for (const waiting of [this.#confirm, this.#cancel]) {
      if (waiting !== null) waiting.answer = answerOf(this.payment);
    }
    this.#confirm = null;
    this.#cancel = null;
    // One that came while a proof was under way, which has ended the payment.
    if (!isFinal(this.payment.state)) return;
    this.answerResolution({ kind: 'refused', why: 'already_over', read: null });
    this.answerProbe({ ...answerOf(this.payment), read: null, confirm: 'not_asked', nextProbeAt: null });
  }

  #count(confirmation: Confirmation): void {
    const who = whoseTry(confirmation);
    this.#triesOf.set(who, (this.#triesOf.get(who) ?? 0) + 1);
    this.#tries += 1;
  }

  #takeConfirm(message: Confirmation): Waiting<Confirmation> {
    return (this.#confirm = { message, answer: null });
  }

  #takeCancel(message: Cancellation): Waiting<Cancellation> {
    return (this.#cancel = { message, answer: null });
  }

  async #answered(waiting: Waiting<unknown>): Promise<PaymentAnswer> {
    await CancellationScope.nonCancellable(() => condition(() => waiting.answer !== null));
    return waiting.answer ?? answerOf(this.payment);
  }

  #confirmed(message: Confirmation): Promise<PaymentAnswer> {
    return this.#takenOnceRead(
      message,
      () => this.#whyNotConfirmNow(message),
      () => this.#takeConfirm(message),
    );
  }

  #cancelled(message: Cancellation): Promise<PaymentAnswer> {
    // Whoever cancels has not to know the price; an approver who refuses has.
    if (message.as !== 'refused') return this.#answered(this.#takeCancel(message));
    return this.#takenOnceRead(
      message,
      () => this.#whyNotCancelNow(message),
      () => this.#takeCancel(message),
    );
  }

  /**
   * The books tell what it costs before this run knows, where the task that has read it was lost, or the run was resumed:
   * what is said to that then waits for the read, no longer than it counts. Taken in the turn in which it was found good: of
   * many that come together, the next ones must see it.
   */
  async #takenOnceRead(
    { notAfter }: { readonly notAfter: number },
    whyNot: () => Refusal | null,
    take: () => Waiting<unknown>,
  ): Promise<PaymentAnswer> {
    if (this.payment.state === 'opening') {
      this.#isEarly = true;
      const isRead = await CancellationScope.nonCancellable(() =>
        condition(() => this.payment.state !== 'opening', Math.max(1, notAfter - Date.now())),
      );
      this.#isEarly = false;
      refuse(isRead ? whyNot() : 'too_late');
    }
    return this.#answered(take());
  }

  async #resolved(message: Resolution): Promise<ResolutionAnswer> {
    const waiting: Waiting<Resolution, ResolutionAnswer> = { message, answer: null };
    this.#resolution = waiting;
    await CancellationScope.nonCancellable(() => condition(() => waiting.answer !== null));
    return waiting.answer ?? { kind: 'refused', why: 'already_over', read: null };
  }

  async #probed(message: Probing): Promise<ProbeAnswer> {
    const waiting: Waiting<Probing, ProbeAnswer> = { message, answer: null };
    this.#probe = waiting;
    this.#probes += 1;
    await CancellationScope.nonCancellable(() => condition(() => waiting.answer !== null));
    return (
      waiting.answer ?? { ...answerOf(this.payment), read: null, confirm: 'not_asked' as const, nextProbeAt: null }
    );
  }

  async #untilQuoted(): Promise<PaymentAnswer> {
    await CancellationScope.nonCancellable(() => condition(() => this.payment.state !== 'opening'));
    return answerOf(this.payment);
  }

  #whyNotSignal(notAfter: number | undefined): Refusal | null {
    if (!this.payment.policy.trustTemporalSignals) return 'untrusted';
    return notAfter !== undefined && notAfter > Date.now() + longestSignalMs ? 'malformed' : null;
  }

  #whyNotConfirm(confirmation: Confirmation | null): Refusal | null {
    if (confirmation === null) return 'malformed';
    return confirmation.notAfter < Date.now() ? 'too_late' : this.#whyNotConfirmNow(confirmation);
  }

  /** Of an update alone: what a signal did while the invoice was read stands in histories. */
  #mayWait(message: { readonly notAfter: number } | null): boolean {
    const isEarly = this.payment.state === 'opening' && !this.#isEarly && this.#cancel === null;
    return isEarly && message !== null && message.notAfter >= Date.now();
  }

  #whyNotConfirmNow(confirmation: Confirmation): Refusal | null {
    if (!isWaiting(this.payment.state) || this.hasMessage()) return 'not_waiting';
    // An approval says which version of the invoice it is for.
    if (this.payment.state === 'awaiting_approval' && confirmation.seen.version === undefined) return 'malformed';
    return (this.#triesOf.get(whoseTry(confirmation)) ?? 0) >= triesAMember ? 'too_many_tries' : null;
  }

  #whyNotCancel(cancellation: Cancellation | null): Refusal | null {
    if (cancellation === null) return 'malformed';
    return cancellation.notAfter < Date.now() ? 'too_late' : this.#whyNotCancelNow(cancellation);
  }

  #whyNotCancelNow(cancellation: Cancellation): Refusal | null {
    if (cancellation.as === 'refused' && this.payment.state !== 'awaiting_approval') return 'not_waiting';
    const waits = this.payment.state === 'opening' || isWaiting(this.payment.state);
    const mayCancel = this.#cancel === null && ((waits && this.#confirm === null) || this.canStillCancel);
    return mayCancel ? null : 'not_waiting';
  }

  #whyNotResolve(resolution: Resolution | null): Refusal | null {
    if (resolution === null) return 'malformed';
    if (resolution.notAfter < Date.now()) return 'too_late';
    return this.payment.state === 'in_review' && this.#resolution === null ? null : 'not_waiting';
  }

  #whyNotProbe(probing: Probing | null): Refusal | null {
    if (probing === null) return 'malformed';
    if (probing.notAfter < Date.now()) return 'too_late';
    const { state } = this.payment;
    if ((state !== 'unknown' && state !== 'in_review') || this.#probe !== null) return 'not_waiting';
    return this.#probes >= probesARun ? 'too_many_tries' : null;
  }
}

/** Somebody's word is waited for: the buyer's, or an approver's. */
const isWaiting = (state: PaymentState): boolean => state === 'awaiting_confirmation' || state === 'awaiting_approval';

/** A buyer's, whoever speaks for him; an approver's own. */
const whoseTry = ({ memberId, actor }: Confirmation): string => memberId ?? `${actor.kind} ${actor.id}`;

function refuse(refusal: Refusal | null): void {
  if (refusal !== null) throw ApplicationFailure.nonRetryable(`The message does not count: ${refusal}`, refusal);
}

function ignore(signal: string, refusal: Refusal | null): void {
  log.warn('a signal was ignored', { signal, refusal });
}
