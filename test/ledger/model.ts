/**
 * The ledger as it should be, in plain TypeScript and without I/O: what model.test.ts holds Postgres against.
 * Times in `at` are milliseconds since 1970. The server's own clock, which measures how old reads and attempts are, is
 * `clock`: every operation takes a millisecond of it, so that it also keeps their order; `pass` moves it on.
 */
import type { AttemptClass } from '../../src/domain/confirmAnswer.js';
import {
  isFinal,
  legalTransitions,
  type Confirmation as FullConfirmation,
  type FinalState,
  type PaymentPolicy,
  type PaymentState,
  type ResolutionOutcome,
  type Scheme,
} from '../../src/domain/payment.js';
import { pointsOfReturns } from '../../src/domain/returns.js';

const dayMs = 86_400_000;

type Confirmation = Omit<FullConfirmation, 'notAfter'>;
type Price = Confirmation['seen'];

/** Which payment, and for which run of its workflow. */
interface Of {
  readonly paymentId: string;
  readonly epoch: number;
}

/** What can be done to a ledger, each as src/ledger/ledger.ts offers it. */
export type Operation = { readonly at: number } & (
  | {
      readonly do: 'credit';
      readonly memberId: string;
      readonly points: number;
      readonly expiresAt: number | null;
      readonly reference: string;
    }
  | {
      readonly do: 'reverse';
      /** The reference of the credit that is taken back. */
      readonly credit: string;
      /** null: all of it. */
      readonly points: number | null;
      readonly reference: string;
    }
  /** Two people adjust points: one asks, another approves at once. */
  | {
      readonly do: 'adjust';
      readonly memberId: string;
      /** The reference of the credit of which points are taken back; null: they are credited. */
      readonly credit: string | null;
      readonly points: number;
      readonly reference: string;
    }
  | { readonly do: 'expire' }
  | { readonly do: 'deposit'; readonly amountMinor: number; readonly reference: string }
  | {
      readonly do: 'open';
      readonly paymentId: string;
      readonly scheme: Scheme;
      readonly invoiceId: string;
      readonly memberId: string | null;
    }
  | (Of & {
      readonly do: 'read';
      readonly status: string;
      readonly amountMinor: number;
      readonly currency: string;
      readonly expiresAt: number;
      /** null: no price was made of it. */
      readonly points: number | null;
      readonly ageMs: number;
    })
  | (Of & { readonly do: 'hold'; readonly confirmation: Confirmation })
  | (Of & { readonly do: 'begin'; readonly ticket: string; readonly proving: boolean; readonly freshnessMs: number })
  | (Of & {
      readonly do: 'end';
      readonly n: number;
      readonly class: AttemptClass;
      readonly code: string;
      readonly requestId: string | null;
      readonly flag: 'credentials' | 'fund' | null;
      readonly transactionId: string | null;
    })
  | (Of & { readonly do: 'fence'; readonly ticket: string })
  | (Of & {
      readonly do: 'capture';
      readonly n: number;
      readonly transactionId: string;
      readonly requestId: string | null;
    })
  | (Of & {
      readonly do: 'close';
      readonly to: Exclude<FinalState, 'paid'> | 'awaiting_confirmation' | 'awaiting_approval';
      readonly reason: string;
      readonly confirmationId: string | null;
    })
  | (Of & {
      readonly do: 'unproven';
      readonly state: 'unknown' | 'in_review';
      readonly reason: string;
      readonly goesBack: boolean;
    })
  /** mustSettle: the old run still runs; taken over only if something is held, or was released by a person. */
  | (Of & { readonly do: 'resume'; readonly mustSettle: boolean })
  | {
      readonly do: 'open_resolution';
      readonly paymentId: string;
      readonly resolutionId: string;
      readonly outcome: ResolutionOutcome;
      readonly transactionId: string | null;
    }
  | (Of & { readonly do: 'resolve'; readonly resolutionId: string; readonly readWithinMs: number })
  | {
      readonly do: 'open_return';
      readonly paymentId: string;
      readonly reference: string;
      readonly amountMinor: number;
      readonly fundRestored: boolean;
      readonly isProposed: boolean;
    }
  | {
      readonly do: 'decide_return';
      readonly paymentId: string;
      readonly reference: string;
      readonly version: number;
      readonly approve: boolean;
    }
  | { readonly do: 'book_return'; readonly paymentId: string; readonly reference: string }
);

export type Outcome = Readonly<Record<string, unknown>> & { readonly outcome: string };

/** The database refused and undid the whole step: an illegal transition, a row that must exist, an id used before. */
const raised = {
  illegalTransition: { outcome: 'raised', code: 'P0001' },
  noSuchRow: { outcome: 'raised', code: 'P0002' },
  notUnique: { outcome: 'raised', code: '23505' },
} as const satisfies Record<string, Outcome>;

interface Lot {
  /** In order of their making. */
  readonly id: number;
  readonly memberId: string;
  readonly granted: number;
  remaining: number;
  /** null: never. */
  readonly expiresAt: number | null;
}

interface Hold {
  readonly confirmationId: string;
  state: 'held' | 'captured' | 'released';
  readonly memberId: string | null;
  readonly points: number;
  readonly amountMinor: number;
  readonly currency: string;
  readonly at: number;
  readonly taken: readonly { readonly lotId: number; readonly points: number }[];
  /** The day and the month that an organisation's counts in; null: of a buyer's. */
  readonly periods: readonly string[] | null;
}

interface Attempt {
  readonly n: number;
  readonly startedAt: number;
  finishedAt: number | null;
  /** null: nobody has told. */
  class: AttemptClass | null;
  code: string | null;
  requestId: string | null;
  transactionId: string | null;
}

interface Read {
  readonly status: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly points: number | null;
  readonly expiresAt: number;
  readonly at: number;
  /** By the server's clock. */
  readonly beganAt: number;
}

interface Payment {
  readonly id: string;
  readonly scheme: Scheme;
  readonly invoiceId: string;
  readonly memberNamed: boolean;
  memberId: string | null;
  state: PaymentState;
  reason: string | null;
  epoch: number;
  read: Read | null;
  amountMinor: number | null;
  currency: string | null;
  points: number | null;
  confirmation: Confirmation | null;
  refusalCode: string | null;
  transactionId: string | null;
  isReleased: boolean;
  returnedMinor: number;
  returnedPoints: number;
  /** By lot: what returns have given back of what was taken from it. */
  readonly givenBack: Record<number, number>;
  readonly holds: Hold[];
  readonly attempts: Attempt[];
  readonly tickets: Record<string, 'spent' | 'fenced'>;
}

interface Resolution {
  readonly id: string;
  readonly paymentId: string;
  readonly outcome: ResolutionOutcome;
  readonly transactionId: string | null;
  result: Outcome | null;
}

interface Return {
  readonly paymentId: string;
  readonly reference: string;
  state: 'proposed' | 'requested' | 'approved' | 'returned' | 'rejected';
  version: number;
  amountMinor: number;
  fundRestored: boolean;
  /** null: nobody has asked for it yet. */
  requestedUntil: number | null;
  points: number | null;
}

/** A partner: his contract, and all that is booked for him. Plain, so that it can be copied and compared. */
export interface Ledger {
  readonly policy: PaymentPolicy;
  readonly releaseGraceDays: number;
  readonly fund: { readonly currency: string; readonly overdraftMinor: number; readonly guard: 'enforce' | 'warn' };
  readonly memberIds: readonly string[];
  clock: number;
  credentialsFailed: boolean;
  fundDoubted: boolean;
  /** Credits minus debits, by kind and owner. */
  readonly balances: Record<string, number>;
  readonly credits: Record<
    string,
    { readonly memberId: string; readonly points: number; readonly expiresAt: number | null; readonly lotId: number }
  >;
  readonly reversals: Record<string, { readonly credit: string; readonly points: number }>;
  readonly adjustments: Record<string, true>;
  readonly deposits: Record<string, number>;
  /** By day and by month of the zone: what organisations hold or have spent. */
  readonly spent: Record<string, number>;
  readonly lots: Lot[];
  readonly payments: Record<string, Payment>;
  readonly resolutions: Record<string, Resolution>;
  readonly returns: Return[];
}

export function newLedger(contract: Pick<Ledger, 'policy' | 'releaseGraceDays' | 'fund' | 'memberIds'>): Ledger {
  return {
    ...contract,
    clock: 0,
    credentialsFailed: false,
    fundDoubted: false,
    balances: {},
    credits: {},
    reversals: {},
    adjustments: {},
    deposits: {},
    spent: {},
    lots: [],
    payments: {},
    resolutions: {},
    returns: [],
  };
}

export const copyOf = (ledger: Ledger): Ledger => JSON.parse(JSON.stringify(ledger)) as Ledger;

/** Time goes by in which nothing is done. */
export function pass(ledger: Ledger, ms: number): void {
  ledger.clock += ms;
}

export function perform(ledger: Ledger, operation: Operation): Outcome {
  ledger.clock += 1;
  const performer = performers[operation.do] as (ledger: Ledger, operation: Operation) => Outcome;
  return performer(ledger, operation);
}

type Doing<Name extends Operation['do']> = Extract<Operation, { do: Name }>;

const performers: { readonly [Name in Operation['do']]: (ledger: Ledger, operation: Doing<Name>) => Outcome } = {
  credit,
  reverse,
  adjust,
  expire,
  deposit,
  open,
  end,
  open_resolution: openResolution,
  open_return: openReturn,
  decide_return: decideReturn,
  book_return: bookReturn,
  read: withPayment(read),
  hold: withPayment(hold),
  begin: withPayment(begin),
  capture: withPayment(capture),
  close: withPayment(close),
  resume: withPayment(resume),
  fence: withPayment(fence, raised.noSuchRow),
  unproven: withPayment(unproven, raised.noSuchRow),
  resolve: withPayment(resolve, raised.noSuchRow),
};

function withPayment<Done extends Operation & Of>(
  act: (ledger: Ledger, payment: Payment, operation: Done) => Outcome,
  otherwise: Outcome = { outcome: 'not_found' },
): (ledger: Ledger, operation: Done) => Outcome {
  return (ledger, operation) => {
    const payment = ledger.payments[operation.paymentId];
    return payment === undefined ? otherwise : act(ledger, payment, operation);
  };
}

const superseded = { outcome: 'superseded' } as const;
const conflict = ({ state }: Payment) => ({ outcome: 'conflict', state });
const isSettling = ({ state }: Payment): boolean => ['settling', 'unknown', 'in_review'].includes(state);
const isLiveOrPaid = ({ state }: Payment): boolean => !isFinal(state) || state === 'paid';
const heldBy = (payment: Payment): Hold | undefined => payment.holds.find((one) => one.state === 'held');
const lastTouchOf = ({ attempts }: Payment): number | null =>
  attempts.length === 0 ? null : Math.max(...attempts.map(({ finishedAt, startedAt }) => finishedAt ?? startedAt));
/** A call that may have reached Invoicebox. */
const mayHavePaid = (attempt: Attempt): boolean => attempt.class !== 'not_executed' && attempt.class !== 'refused';
/** Invoicebox has said which transaction it made. */
const isAnswered = ({ transactionId }: Attempt): boolean => transactionId !== null;
const answerOf = ({ n, transactionId, requestId }: Attempt) => ({ n, transactionId, requestId });

function transfer(ledger: Ledger, debit: string, credited: string, amount: number): void {
  ledger.balances[debit] = (ledger.balances[debit] ?? 0) - amount;
  ledger.balances[credited] = (ledger.balances[credited] ?? 0) + amount;
}

function addLot(ledger: Ledger, memberId: string, points: number, expiresAt: number | null): void {
  ledger.lots.push({ id: ledger.lots.length, memberId, granted: points, remaining: points, expiresAt });
}

/** First to expire first; of equals the older. */
function byExpiry(one: Lot, other: Lot): number {
  if (one.expiresAt === other.expiresAt) return one.id - other.id;
  return (one.expiresAt ?? Infinity) < (other.expiresAt ?? Infinity) ? -1 : 1;
}

function spendableLots(ledger: Ledger, memberId: string | null, at: number): Lot[] {
  return ledger.lots
    .filter((lot) => lot.memberId === memberId && lot.remaining > 0 && (lot.expiresAt ?? Infinity) > at)
    .sort(byExpiry);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

function credit(ledger: Ledger, { memberId, points, expiresAt, reference }: Doing<'credit'>): Outcome {
  const earlier = ledger.credits[reference];
  if (earlier !== undefined) {
    const same = earlier.memberId === memberId && earlier.points === points && earlier.expiresAt === expiresAt;
    return { outcome: same ? 'already_credited' : 'conflict' };
  }
  ledger.credits[reference] = { memberId, points, expiresAt, lotId: ledger.lots.length };
  transfer(ledger, 'programme.issued', `member.available ${memberId}`, points);
  addLot(ledger, memberId, points, expiresAt);
  return { outcome: 'credited' };
}

/** Only what is left in the credit's own lot can be taken back. */
function reverse(ledger: Ledger, { credit: of, points, reference, at }: Doing<'reverse'>): Outcome {
  const credited = ledger.credits[of];
  const lot = credited === undefined ? undefined : ledger.lots[credited.lotId];
  if (credited === undefined || lot === undefined) return { outcome: 'not_found' };
  const wanted = points ?? credited.points;
  const earlier = ledger.reversals[reference];
  if (earlier !== undefined) {
    const same = earlier.credit === of && earlier.points === wanted;
    return same ? { outcome: 'already_reversed', points: wanted } : { outcome: 'conflict' };
  }
  const remaining = (lot.expiresAt ?? Infinity) > at ? lot.remaining : 0;
  if (remaining < wanted) return { outcome: 'insufficient', remaining };
  ledger.reversals[reference] = { credit: of, points: wanted };
  lot.remaining -= wanted;
  transfer(ledger, `member.available ${lot.memberId}`, 'programme.issued', wanted);
  return { outcome: 'reversed', points: wanted };
}

/** The last moment of the day until which adjustments credit points. */
export const adjustedUntil = { day: '2099-12-31', expiresAt: Date.parse('2099-12-31T21:00:00Z') } as const;

/** Booked once by its reference; what cannot be booked is refused, and may be asked for again. */
function adjust(ledger: Ledger, { memberId, credit: of, points, reference, at }: Doing<'adjust'>): Outcome {
  if (ledger.adjustments[reference] === true) return { outcome: 'already' };
  if (of === null) {
    credit(ledger, { do: 'credit', memberId, points, expiresAt: adjustedUntil.expiresAt, reference, at });
  } else {
    if (ledger.credits[of]?.memberId !== memberId) return { outcome: 'refused' };
    const { outcome } = reverse(ledger, { do: 'reverse', credit: of, points, reference, at });
    if (outcome !== 'reversed') return { outcome: 'refused' };
  }
  ledger.adjustments[reference] = true;
  return { outcome: 'adjusted' };
}

function expire(ledger: Ledger, { at }: Doing<'expire'>): Outcome {
  const due = ledger.lots.filter((lot) => lot.remaining > 0 && (lot.expiresAt ?? Infinity) <= at);
  const points = sum(due.map(({ remaining }) => remaining));
  for (const lot of due) {
    transfer(ledger, `member.available ${lot.memberId}`, 'programme.expired', lot.remaining);
    lot.remaining = 0;
  }
  return { outcome: 'booked', lots: due.length, points, members: new Set(due.map(({ memberId }) => memberId)).size };
}

function deposit(ledger: Ledger, { amountMinor, reference }: Doing<'deposit'>): Outcome {
  const earlier = ledger.deposits[reference];
  if (earlier !== undefined) return { outcome: earlier === amountMinor ? 'already_deposited' : 'conflict' };
  ledger.deposits[reference] = amountMinor;
  transfer(ledger, 'fund.external', 'fund.available', amountMinor);
  return { outcome: 'deposited' };
}

/** Of all payments here. */
const openedBy = { kind: 'saga', id: 'test' } as const;

function open(ledger: Ledger, { paymentId, scheme, invoiceId, memberId }: Doing<'open'>): Outcome {
  const { policy } = ledger;
  const known =
    Object.values(ledger.payments).find((payment) => payment.invoiceId === invoiceId && isLiveOrPaid(payment)) ??
    ledger.payments[paymentId];
  if (known !== undefined) {
    const { id, state, epoch, memberNamed } = known;
    const named = memberNamed ? known.memberId : null;
    return {
      outcome: 'existing',
      paymentId: id,
      state,
      epoch,
      scheme: known.scheme,
      policy,
      openedBy,
      memberId: named,
    };
  }
  if (ledger.credentialsFailed) return { outcome: 'refused', reason: 'credentials' };
  if (ledger.fundDoubted) return { outcome: 'refused', reason: 'fund_unavailable' };
  ledger.payments[paymentId] = {
    ...{ id: paymentId, scheme, invoiceId, memberId, memberNamed: memberId !== null, state: 'opening', reason: null },
    ...{ epoch: 1, read: null, amountMinor: null, currency: null, points: null, confirmation: null },
    ...{ refusalCode: null, transactionId: null, isReleased: false, holds: [], attempts: [], tickets: {} },
    ...{ returnedMinor: 0, returnedPoints: 0, givenBack: {} },
  };
  return { outcome: 'opened', paymentId, state: 'opening', epoch: 1, scheme, policy, openedBy, memberId };
}

function read(ledger: Ledger, payment: Payment, said: Doing<'read'>): Outcome {
  if (payment.epoch > said.epoch) return superseded;
  if (isFinal(payment.state)) return conflict(payment);
  const { status, amountMinor, currency, points, expiresAt, at } = said;
  const beganAt = ledger.clock - said.ageMs;
  if (payment.read !== null && payment.read.beganAt > beganAt) return superseded;
  payment.read = { status, amountMinor, currency, points, expiresAt, at, beganAt };
  // What is held stays at the price that was confirmed.
  if (isSettling(payment)) return { outcome: 'quoted', changed: false, version: 0 };
  const changed =
    payment.points !== null &&
    points !== null &&
    (payment.amountMinor !== amountMinor || payment.currency !== currency || payment.points !== points);
  payment.amountMinor = amountMinor;
  payment.currency = currency;
  payment.points = points ?? payment.points;
  if (changed && (payment.state === 'awaiting_confirmation' || payment.state === 'awaiting_approval'))
    payment.reason = 'amount_changed';
  if (payment.state === 'opening' && payment.scheme === 'loyalty' && points !== null)
    payment.state = 'awaiting_confirmation';
  return { outcome: 'quoted', changed, version: 0 };
}

function hold(ledger: Ledger, payment: Payment, { epoch, confirmation, at }: Doing<'hold'>): Outcome {
  const { memberId, seen, confirmationId } = confirmation;
  if (payment.epoch > epoch) return superseded;
  const known = payment.holds.find((one) => one.confirmationId === confirmationId);
  if (known !== undefined) return { outcome: known.state === 'released' ? 'given_up' : 'already_held' };
  const current = heldBy(payment);
  if (current !== undefined && payment.state === 'settling') {
    if (current.memberId === memberId && isSame(current, seen)) return { outcome: 'already_held' };
    // Nothing was tried with the other's: it gives way to the newer task.
    if (current.at < at && payment.attempts.every((attempt) => attempt.class === 'not_executed')) {
      release(ledger, current, at);
      payment.state = payment.scheme === 'organisation' ? 'awaiting_approval' : 'awaiting_confirmation';
      payment.confirmation = null;
      if (!payment.memberNamed) payment.memberId = null;
    }
  }
  if (!['opening', 'awaiting_confirmation', 'awaiting_approval'].includes(payment.state)) return conflict(payment);
  if (
    (payment.scheme === 'loyalty' && memberId === null) ||
    (payment.memberId !== null && payment.memberId !== memberId) ||
    (memberId !== null && !ledger.memberIds.includes(memberId))
  )
    return { outcome: 'other_member' };
  const { amountMinor, currency, points } = payment;
  if (
    amountMinor === null ||
    currency === null ||
    points === null ||
    !isSame({ amountMinor, currency, points }, seen)
  ) {
    payment.reason = 'amount_changed';
    return { outcome: 'changed' };
  }
  if (currency !== ledger.fund.currency) return { outcome: 'insufficient_fund' };
  const lots = spendableLots(ledger, memberId, at);
  const available = sum(lots.map(({ remaining }) => remaining));
  if (available < points) {
    payment.reason = 'insufficient_points';
    return { outcome: 'insufficient_points', available, needed: points };
  }
  const left = (ledger.balances['fund.available'] ?? 0) - amountMinor;
  if (ledger.fund.guard === 'enforce' && left < -ledger.fund.overdraftMinor) {
    payment.reason = 'insufficient_fund';
    return { outcome: 'insufficient_fund' };
  }
  const taken = take(lots, points);
  const periods = payment.scheme === 'organisation' ? periodsOf(at) : null;
  payment.holds.push({ confirmationId, state: 'held', memberId, points, amountMinor, currency, at, taken, periods });
  spend(ledger, periods, amountMinor);
  transfer(ledger, `member.available ${memberId ?? ''}`, `member.held ${memberId ?? ''}`, points);
  transfer(ledger, 'fund.available', 'fund.reserved', amountMinor);
  payment.state = 'settling';
  payment.reason = null;
  payment.memberId = memberId;
  payment.confirmation = confirmation;
  return { outcome: 'held' };
}

function periodsOf(at: number): readonly string[] {
  const day = new Date(at + moscowAheadMs).toISOString().slice(0, 10);
  return [`day ${day}`, `month ${day.slice(0, 7)}-01`];
}

function spend(ledger: Ledger, periods: Hold['periods'], amountMinor: number): void {
  for (const period of periods ?? []) ledger.spent[period] = (ledger.spent[period] ?? 0) + amountMinor;
}

function isSame(one: Price, other: Price): boolean {
  return one.amountMinor === other.amountMinor && one.currency === other.currency && one.points === other.points;
}

function take(lots: readonly Lot[], points: number): Hold['taken'] {
  const taken: { lotId: number; points: number }[] = [];
  let left = points;
  for (const lot of lots) {
    const part = Math.min(left, lot.remaining);
    if (part === 0) break;
    lot.remaining -= part;
    taken.push({ lotId: lot.id, points: part });
    left -= part;
  }
  return taken;
}

const moscowAheadMs = 3 * 3_600_000;

/** Where the model's programme is, a day ends at 21:00 in UTC. */
function endOfMoscowDay(at: number): number {
  return (Math.floor((at + moscowAheadMs) / dayMs) + 1) * dayMs - moscowAheadMs;
}

/** Points go back to where they were taken; what has expired there follows the partner's grace. */
function release(ledger: Ledger, one: Hold, at: number): void {
  one.state = 'released';
  spend(ledger, one.periods, -one.amountMinor);
  transfer(ledger, 'fund.reserved', 'fund.available', one.amountMinor);
  transfer(ledger, `member.held ${one.memberId ?? ''}`, `member.available ${one.memberId ?? ''}`, one.points);
  for (const { lotId, points } of [...one.taken].sort((a, b) => a.lotId - b.lotId)) giveBack(ledger, lotId, points, at);
}

function giveBack(ledger: Ledger, lotId: number, points: number, at: number): void {
  const lot = lotOf(ledger, lotId);
  const isExpired = lot.expiresAt !== null && lot.expiresAt <= at;
  if (isExpired && ledger.releaseGraceDays > 0)
    addLot(ledger, lot.memberId, points, endOfMoscowDay(at + ledger.releaseGraceDays * dayMs));
  else lot.remaining += points;
}

function lotOf(ledger: Ledger, lotId: number): Lot {
  const lot = ledger.lots[lotId];
  if (lot === undefined) throw new Error('A hold took from a lot that never was');
  return lot;
}

function begin(ledger: Ledger, payment: Payment, call: Doing<'begin'>): Outcome {
  if (payment.epoch > call.epoch || payment.tickets[call.ticket] !== undefined) return superseded;
  const paid = payment.attempts.find(isAnswered);
  if (paid !== undefined && isSettling(payment)) return { outcome: 'paid', ...answerOf(paid) };
  const held = heldBy(payment);
  if ((held === undefined && !payment.isReleased) || !isSettling(payment)) return conflict(payment);
  const ambiguousBefore = payment.attempts.some((attempt) => attempt.class !== 'not_executed');
  if (ambiguousBefore && !call.proving) return { outcome: 'prove' };
  const { read: last } = payment;
  const quietSince = (lastTouchOf(payment) ?? -Infinity) + ledger.policy.quietMs;
  const mayPay =
    held !== undefined &&
    last?.status === 'pending' &&
    last.expiresAt > call.at &&
    last.amountMinor === held.amountMinor &&
    last.currency === held.currency &&
    (!ambiguousBefore || last.beganAt >= quietSince);
  const mayAsk = call.proving && ambiguousBefore && last?.status === 'paid';
  if (last === null || last.beganAt < ledger.clock - call.freshnessMs || !(mayPay || mayAsk))
    return { outcome: 'stale' };
  const n = payment.attempts.length + 1;
  payment.attempts.push({
    ...{ n, startedAt: ledger.clock, finishedAt: null, class: null, code: null, requestId: null, transactionId: null },
  });
  payment.tickets[call.ticket] = 'spent';
  return { outcome: 'go', n, ambiguousBefore };
}

function end(ledger: Ledger, ended: Doing<'end'>): Outcome {
  const payment = ledger.payments[ended.paymentId];
  const attempt = payment?.attempts.find(({ n }) => n === ended.n);
  if (attempt?.finishedAt === null) {
    attempt.finishedAt = ledger.clock;
    attempt.class = ended.class;
    attempt.code = ended.code;
    attempt.requestId = ended.requestId;
    attempt.transactionId = ended.transactionId;
  }
  if (ended.class === 'refused' && payment !== undefined) payment.refusalCode = ended.code;
  if (ended.flag === 'credentials') ledger.credentialsFailed = true;
  // Where the mirror itself said too little, it may have known better than the fund.
  const mirrorSaysEnough = (ledger.balances['fund.available'] ?? 0) >= -ledger.fund.overdraftMinor;
  if (ended.flag === 'fund' && payment !== undefined && heldBy(payment) !== undefined && mirrorSaysEnough)
    ledger.fundDoubted = true;
  return { outcome: 'recorded' };
}

function fence(_: Ledger, payment: Payment, { epoch, ticket }: Doing<'fence'>): Outcome {
  if (payment.epoch > epoch) return superseded;
  payment.tickets[ticket] ??= 'fenced';
  return { outcome: payment.tickets[ticket] === 'spent' ? 'started' : 'not_started' };
}

function capture(ledger: Ledger, payment: Payment, proof: Doing<'capture'>): Outcome {
  if (payment.transactionId === proof.transactionId)
    return { outcome: payment.state === 'paid' ? 'already_captured' : 'captured_late' };
  if (payment.epoch > proof.epoch) return superseded;
  const held = heldBy(payment);
  const isLate =
    held === undefined && payment.isReleased && payment.transactionId === null && payment.state === 'in_review';
  if (!isLate && (held === undefined || !isSettling(payment))) return conflict(payment);
  if (isUsed(ledger, payment, proof.transactionId)) return raised.notUnique;
  const attempt = payment.attempts.find(({ n }) => n === proof.n);
  if (attempt !== undefined) {
    attempt.finishedAt ??= ledger.clock;
    attempt.class = 'paid';
    attempt.requestId = proof.requestId;
  }
  payment.transactionId = proof.transactionId;
  if (held === undefined) {
    transfer(ledger, 'fund.available', 'fund.drawn', payment.amountMinor ?? 0);
    payment.reason = 'paid_after_release';
    const last = payment.holds.findLast(({ periods }) => periods !== null);
    if (last !== undefined) spend(ledger, last.periods, last.amountMinor);
    return { outcome: 'captured_late' };
  }
  held.state = 'captured';
  transfer(ledger, `member.held ${held.memberId ?? ''}`, 'programme.redeemed', held.points);
  transfer(ledger, 'fund.reserved', 'fund.drawn', held.amountMinor);
  payment.state = 'paid';
  payment.reason = null;
  ledger.fundDoubted = false;
  return { outcome: 'captured' };
}

function isUsed(ledger: Ledger, payment: Payment, transactionId: string): boolean {
  return Object.values(ledger.payments).some((one) => one.transactionId === transactionId && one.id !== payment.id);
}

function close(ledger: Ledger, payment: Payment, way: Doing<'close'>): Outcome {
  if (isFinal(payment.state)) return { outcome: 'already_closed', state: payment.state };
  if (payment.epoch > way.epoch) return superseded;
  const known = payment.holds.find((one) => one.confirmationId === way.confirmationId);
  const returns = way.to === 'awaiting_confirmation' || way.to === 'awaiting_approval';
  if (returns && known?.state === 'released') return { outcome: 'closed' };
  const isPaid = payment.transactionId !== null || payment.attempts.some((attempt) => attempt.class === 'paid');
  if (isPaid || (payment.attempts.some(mayHavePaid) && !isProvenUnpaid(ledger, payment)))
    return { outcome: 'attempt_outstanding' };
  if (payment.state !== way.to && !legalTransitions[payment.state].includes(way.to)) return raised.illegalTransition;

  const { amountMinor, currency } = payment;
  if (way.confirmationId !== null && known === undefined && amountMinor !== null && currency !== null) {
    const { confirmationId, at } = way;
    payment.holds.push({
      confirmationId,
      state: 'released',
      memberId: null,
      points: 0,
      amountMinor,
      currency,
      at,
      taken: [],
      periods: null,
    });
  }
  const held = heldBy(payment);
  if (held !== undefined) release(ledger, held, way.at);
  payment.state = way.to;
  payment.reason = way.reason;
  if (returns) {
    payment.confirmation = null;
    payment.amountMinor = payment.read?.amountMinor ?? null;
    payment.currency = payment.read?.currency ?? null;
    payment.points = payment.read?.points ?? payment.points;
  }
  return { outcome: 'closed' };
}

/** The stored read was made long enough after the last call, and says that it cannot be paid any more. */
function isProvenUnpaid(ledger: Ledger, { read: last, ...payment }: Payment): boolean {
  const { marginMs } = ledger.policy;
  const lastTouch = lastTouchOf({ ...payment, read: last }) ?? Infinity;
  if (last === null || last.beganAt < lastTouch + marginMs) return false;
  return last.status === 'canceled' || (last.status === 'pending' && last.at >= last.expiresAt + marginMs);
}

function unproven(_: Ledger, payment: Payment, said: Doing<'unproven'>): Outcome {
  if (payment.epoch > said.epoch) return superseded;
  if (!isSettling(payment)) return conflict(payment);
  const isDoubtful = payment.attempts.some(
    (attempt) =>
      attempt.class === null || isAnswered(attempt) || attempt.class === 'unknown' || attempt.class === 'paid',
  );
  if (said.goesBack && payment.state !== 'in_review' && !payment.isReleased && !isDoubtful) {
    payment.state = 'settling';
    payment.reason = null;
    const refused = payment.attempts.findLast((attempt) => attempt.class === 'refused');
    return refused === undefined ? { outcome: 'not_executed' } : { outcome: 'refused', code: refused.code };
  }
  // What a person was asked stays asked.
  if (payment.state !== 'in_review' || said.state === 'in_review') {
    payment.state = said.state;
    payment.reason = said.reason;
  }
  const { state, reason, isReleased: released, attempts, transactionId } = payment;
  const uncaptured = transactionId === null ? attempts.find(isAnswered) : undefined;
  const paid = uncaptured === undefined ? null : answerOf(uncaptured);
  return { outcome: 'noted', state, reason, held: heldOrReleased(payment), released, paid };
}

function resume({ policy }: Ledger, payment: Payment, { epoch, mustSettle }: Doing<'resume'>): Outcome {
  if (payment.epoch !== epoch) return superseded;
  const { state, reason, scheme, invoiceId, isReleased: released, confirmation } = payment;
  if (isFinal(state)) return { outcome: 'over', state };
  const held = heldOrReleased(payment);
  if (mustSettle && held === null) return superseded;
  payment.epoch += 1;
  return {
    ...{
      outcome: 'resumed',
      epoch: payment.epoch,
      scheme,
      invoiceId,
      policy,
      state,
      reason,
      held,
      released,
      confirmation,
    },
    attempt: whatIsKnownOf(payment.attempts),
  };
}

/** What is held; once a person has released it, what was. */
function heldOrReleased(payment: Payment) {
  const held = heldBy(payment);
  if (held !== undefined) return priceOf(held);
  return payment.isReleased ? priceOf(payment) : null;
}

const priceOf = ({ amountMinor, currency, points }: { [Field in keyof Price]: Price[Field] | null }) => ({
  amountMinor,
  currency,
  points,
});

function whatIsKnownOf(attempts: readonly Attempt[]) {
  const latestFirst = [...attempts].reverse().filter((attempt) => attempt.class !== 'not_executed');
  const paid = latestFirst.find(isAnswered);
  if (paid !== undefined) return { kind: 'paid', ...answerOf(paid) };
  if (latestFirst.some(mayHavePaid)) return { kind: 'outstanding' };
  const [refused] = latestFirst;
  return refused === undefined ? { kind: 'none' } : { kind: 'refused', code: refused.code };
}

function openResolution(ledger: Ledger, said: Doing<'open_resolution'>): Outcome {
  const payment = ledger.payments[said.paymentId];
  if (payment === undefined) return { outcome: 'not_found' };
  const known = ledger.resolutions[said.resolutionId];
  if (known?.paymentId === payment.id) return { outcome: 'already_recorded', result: known.result };
  if (payment.state !== 'in_review') return conflict(payment);
  if (known !== undefined) return raised.notUnique;
  const { resolutionId: id, paymentId, outcome, transactionId } = said;
  ledger.resolutions[id] = { id, paymentId, outcome, transactionId, result: null };
  return { outcome: 'recorded' };
}

function resolve(ledger: Ledger, payment: Payment, asked: Doing<'resolve'>): Outcome {
  const resolution = ledger.resolutions[asked.resolutionId];
  if (resolution?.paymentId !== payment.id) return raised.noSuchRow;
  if (resolution.result !== null) return { outcome: 'already_decided', result: resolution.result };
  if (payment.epoch > asked.epoch) return superseded;
  if (payment.state !== 'in_review') return conflict(payment);
  const why = whyNotResolved(ledger, payment, resolution, asked.readWithinMs);
  resolution.result = why === null ? decide(ledger, payment, resolution, asked) : { outcome: 'refused', why };
  return resolution.result;
}

function whyNotResolved(
  ledger: Ledger,
  payment: Payment,
  { outcome, transactionId }: Resolution,
  readWithinMs: number,
): string | null {
  const { read: last } = payment;
  if (last === null || last.beganAt < ledger.clock - readWithinMs) return 'invoice_not_read';
  const known = payment.transactionId ?? payment.attempts.find(isAnswered)?.transactionId ?? null;
  if (outcome === 'paid') {
    if (known !== null && known !== transactionId) return 'another_transaction_is_proven';
    if (isUsed(ledger, payment, transactionId ?? '')) return 'transaction_pays_another_payment';
    // Whatever the invoice says by now.
    if (known !== null) return null;
  } else if (known !== null || payment.attempts.some((attempt) => attempt.class === 'paid'))
    return 'paid_by_us_is_proven';
  if (last.status === 'unknown') return 'invoice_status_unknown';
  if (outcome === 'not_paid' && last.status === 'paid') return 'invoice_reads_paid';
  if (outcome !== 'not_paid' && last.status !== 'paid') return 'invoice_reads_not_paid';
  if (outcome === 'paid') return null;
  const lastTouch = lastTouchOf(payment);
  return lastTouch !== null && last.beganAt < lastTouch + ledger.policy.marginMs
    ? 'too_soon_after_the_last_call'
    : null;
}

function decide(
  ledger: Ledger,
  payment: Payment,
  { outcome, transactionId }: Resolution,
  asked: Doing<'resolve'>,
): Outcome {
  if (outcome === 'paid') {
    const { paymentId, epoch, at } = asked;
    const proof = {
      do: 'capture',
      paymentId,
      epoch,
      at,
      n: 0,
      transactionId: transactionId ?? '',
      requestId: null,
    } as const;
    capture(ledger, payment, proof);
    payment.state = 'paid';
    payment.reason = null;
    return { outcome: 'resolved', state: 'paid', reason: null };
  }
  const held = heldBy(payment);
  if (held !== undefined) release(ledger, held, asked.at);
  payment.isReleased = true;
  const { read: last } = payment;
  const isExpired = last?.status === 'pending' && last.at >= last.expiresAt + ledger.policy.marginMs;
  if (outcome === 'paid_elsewhere') [payment.state, payment.reason] = ['declined', 'paid_elsewhere'];
  else if (last?.status === 'canceled') [payment.state, payment.reason] = ['declined', 'invoice_canceled'];
  else if (isExpired) [payment.state, payment.reason] = ['expired', 'invoice_expired'];
  else payment.reason = 'released_by_person';
  return { outcome: 'resolved', state: payment.state, reason: payment.reason };
}

const returnOf = (ledger: Ledger, { paymentId, reference }: { paymentId: string; reference: string }) =>
  ledger.returns.find((one) => one.paymentId === paymentId && one.reference === reference);

/** What is kept for others, or given to them. */
function leftOf(ledger: Ledger, payment: Payment, but: Return | undefined, at: number): number {
  const taken = ledger.returns.filter(
    (one) =>
      one !== but &&
      one.paymentId === payment.id &&
      (['approved', 'returned'].includes(one.state) || (one.state === 'requested' && (one.requestedUntil ?? 0) > at)),
  );
  return (payment.amountMinor ?? 0) - sum(taken.map(({ amountMinor }) => amountMinor));
}

function openReturn(ledger: Ledger, wish: Doing<'open_return'>): Outcome {
  const { paymentId, reference, amountMinor, fundRestored, at } = wish;
  const payment = ledger.payments[paymentId];
  if (payment === undefined) return { outcome: 'not_found' };
  if (payment.state !== 'paid') return { outcome: 'not_paid', state: payment.state };
  const known = returnOf(ledger, wish);
  const told = (outcome: string, { version, state }: Return) => ({ outcome, version, state });
  if (known !== undefined) {
    if (wish.isProposed) return told('existing', known);
    if (['requested', 'approved', 'returned'].includes(known.state)) {
      if (known.amountMinor !== amountMinor || known.fundRestored !== fundRestored) return { outcome: 'conflict' };
      if (known.state !== 'requested' || (known.requestedUntil ?? 0) > at) return told('existing', known);
    }
  }
  const leftMinor = leftOf(ledger, payment, known, at);
  if (amountMinor > leftMinor) return { outcome: 'too_much', leftMinor };
  const one: Return = known ?? {
    ...{ paymentId, reference, state: 'proposed', version: 1, amountMinor, fundRestored },
    ...{ requestedUntil: null, points: null },
  };
  if (known === undefined) ledger.returns.push(one);
  if (!wish.isProposed) {
    if (one.requestedUntil !== null) one.version += 1;
    one.state = 'requested';
    one.amountMinor = amountMinor;
    one.fundRestored = fundRestored;
    one.requestedUntil = at + dayMs;
  }
  return told('opened', one);
}

function decideReturn(ledger: Ledger, said: Doing<'decide_return'>): Outcome {
  const one = returnOf(ledger, said);
  if (one === undefined) return { outcome: 'not_found' };
  if (one.version !== said.version) return { outcome: 'stale' };
  if (one.state !== 'requested') return { outcome: 'conflict', state: one.state };
  if (said.approve && (one.requestedUntil ?? 0) <= said.at) return { outcome: 'stale' };
  one.state = said.approve ? 'approved' : 'rejected';
  return { outcome: one.state };
}

/** The part's points go back where they came from, what was spent last first; its sum where it came from, if it did. */
function bookReturn(ledger: Ledger, said: Doing<'book_return'>): Outcome {
  const one = returnOf(ledger, said);
  const payment = ledger.payments[said.paymentId];
  if (one === undefined || payment === undefined) return { outcome: 'not_found' };
  if (one.state === 'returned') return { outcome: 'already_returned', points: one.points };
  if (one.state !== 'approved') return { outcome: 'conflict', state: one.state };
  const captured = payment.holds.find(({ state }) => state === 'captured');
  payment.returnedMinor += one.amountMinor;
  const due = pointsOfReturns(captured?.points ?? 0, payment.amountMinor ?? 0, payment.returnedMinor);
  one.points = due - payment.returnedPoints;
  one.state = 'returned';
  payment.returnedPoints = due;
  if (one.fundRestored) transfer(ledger, 'fund.drawn', 'fund.available', one.amountMinor);
  transfer(ledger, 'programme.redeemed', `member.available ${captured?.memberId ?? ''}`, one.points);
  const lastFirst = [...(captured?.taken ?? [])].sort((a, b) =>
    byExpiry(lotOf(ledger, b.lotId), lotOf(ledger, a.lotId)),
  );
  let left = one.points;
  for (const { lotId, points } of lastFirst) {
    const part = Math.min(left, points - (payment.givenBack[lotId] ?? 0));
    if (part === 0) continue;
    payment.givenBack[lotId] = (payment.givenBack[lotId] ?? 0) + part;
    giveBack(ledger, lotId, part, said.at);
    left -= part;
  }
  return { outcome: 'returned', points: one.points };
}

/** All that can be seen of a ledger, in an order that depends on nothing. `at`: when expired points stop to count. */
export function figuresOf(ledger: Ledger, at: number) {
  const payments = Object.values(ledger.payments).sort((one, other) => inOrder(one.id, other.id));
  const balance = (kind: string): number => ledger.balances[kind] ?? 0;
  return {
    balances: Object.fromEntries(Object.entries(ledger.balances).filter(([, amount]) => amount !== 0)),
    spendable: Object.fromEntries(
      ledger.memberIds.map((memberId) => [
        memberId,
        {
          available: sum(spendableLots(ledger, memberId, at).map(({ remaining }) => remaining)),
          held: balance(`member.held ${memberId}`),
        },
      ]),
    ),
    fund: {
      currency: ledger.fund.currency,
      overdraftMinor: ledger.fund.overdraftMinor,
      sizeMinor: sum(Object.values(ledger.deposits)),
      reservedMinor: balance('fund.reserved'),
      drawnMinor: balance('fund.drawn'),
      availableMinor: balance('fund.available'),
    },
    spent: Object.fromEntries(Object.entries(ledger.spent).filter(([, amount]) => amount !== 0)),
    credentialsFailed: ledger.credentialsFailed,
    fundDoubted: ledger.fundDoubted,
    lots: [...ledger.lots]
      .sort((one, other) => inOrder(one.memberId, other.memberId) || byExpiry(one, other))
      .map(({ memberId, granted, remaining, expiresAt }) => ({ memberId, granted, remaining, expiresAt })),
    payments: payments.map((payment) => ({
      ...{ id: payment.id, state: payment.state, reason: payment.reason, epoch: payment.epoch },
      ...{ memberId: payment.memberId, confirmationId: payment.confirmation?.confirmationId ?? null },
      ...{ amountMinor: payment.amountMinor, currency: payment.currency, points: payment.points },
      ...{ refusalCode: payment.refusalCode, transactionId: payment.transactionId, isReleased: payment.isReleased },
      ...{ returnedMinor: payment.returnedMinor, returnedPoints: payment.returnedPoints },
      isClosed: isFinal(payment.state),
      holds: [...payment.holds]
        .sort((one, other) => inOrder(one.confirmationId, other.confirmationId))
        .map(({ confirmationId, state, memberId, points, amountMinor, taken }) => ({
          ...{ confirmationId, state, memberId, points, amountMinor },
          taken: [...taken].sort((one, other) => one.lotId - other.lotId).map((part) => part.points),
        })),
      attempts: payment.attempts.map(({ n, class: kind, code, requestId, transactionId, finishedAt }) => ({
        ...{ n, class: kind, code, requestId, transactionId, isFinished: finishedAt !== null },
      })),
      tickets: payment.tickets,
    })),
    resolutions: Object.fromEntries(Object.values(ledger.resolutions).map(({ id, result }) => [id, result])),
    returns: [...ledger.returns]
      .sort((one, other) => inOrder(one.paymentId, other.paymentId) || inOrder(one.reference, other.reference))
      .map(({ paymentId, reference, state, version, amountMinor, fundRestored, points }) => ({
        ...{ paymentId, reference, state, version, amountMinor, fundRestored, points },
      })),
  };
}

export type Figures = ReturnType<typeof figuresOf>;

const inOrder = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
