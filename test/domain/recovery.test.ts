/** What a restored ledger is told: by what a payment's history proves, and what the ledger says itself. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ConfirmMeaning } from '../../src/domain/confirmAnswer.js';
import { evidenceOf, mayHavePaid, type Evidence, type Recorded, type Word } from '../../src/domain/evidence.js';
import type { PaymentPolicy, PaymentState, Resumption } from '../../src/domain/payment.js';
import { disagreement, recoveryAction, turnOf, type LedgerSays } from '../../src/domain/recovery.js';

const policy = {} as PaymentPolicy;
const word: Word = {
  memberId: 'anna',
  seen: { amountMinor: 100, currency: 'RUB', points: 10 },
  actor: { kind: 'member', id: 'anna' },
  confirmationId: 'c-1',
};
const quote = { ...word.seen, pricedAt: 1, readAt: 1, expiresAt: 9 };
const paid: ConfirmMeaning = { kind: 'paid', transactionId: 'T-1', code: 'paid' };
const unknown: ConfirmMeaning = { kind: 'unknown', code: 'http_500' };
const turnedAway: ConfirmMeaning = { kind: 'not_executed', pace: 'soon', retryAfterMs: null, code: 'http_429' };
const refused: ConfirmMeaning = { kind: 'refused', code: 'a_code', wantOfMoney: false };

const start = (epoch = 1, resumed: Resumption | null = null): Recorded => ({
  ...{ kind: 'started', at: epoch, quote: null, resumed },
  opening: {
    ...{ partnerId: 'p', paymentId: 'x', invoiceId: 'i', scheme: 'loyalty', epoch, policy },
    ...{ by: null, memberId: null, batchId: null },
  },
});
const quoted: Recorded = { kind: 'quoted', at: 2, quote };
const held: Recorded = { kind: 'held', at: 3, word };
const asked = (ticket: string, at = 4): Recorded => ({ kind: 'ordered', at, ticket });
const answered = (ticket: string, n: number, meaning: ConfirmMeaning, at = 5): Recorded => ({
  ...{ kind: 'called', at, ticket },
  called: { kind: 'answered', n, meaning, requestId: null },
});
const lost = (ticket: string): Recorded => ({ kind: 'called', at: 5, ticket, called: { kind: 'lost' } });
const notSent = (ticket: string): Recorded => ({ kind: 'called', at: 5, ticket, called: { kind: 'not_sent' } });
const state = (to: PaymentState, reason: string | null = null): Recorded => ({
  kind: 'state',
  at: 6,
  state: to,
  reason,
});
const captured: Recorded = { kind: 'captured', at: 6, isLate: false };
const closed: Recorded = { kind: 'closed', at: 6 };

function proven(...recorded: Recorded[]): Evidence {
  const evidence = evidenceOf(recorded);
  if (evidence === null) throw new Error('nothing is proven');
  return evidence;
}
const ledger = (now: PaymentState, transactionId: string | null = null): LedgerSays => ({ state: now, transactionId });

describe('what a history proves', () => {
  const settled = [start(), quoted, held, asked('t')] as const;
  it.each<[string, Recorded[], Partial<Evidence>, boolean]>([
    ['only its start', [start()], { state: 'opening', held: null }, false],
    ['a price', [start(), quoted, state('awaiting_confirmation')], { state: 'awaiting_confirmation', quote }, false],
    ['a hold', [start(), quoted, held], { state: 'settling', held: { ...word, at: 3 } }, false],
    ['a call of which no answer is recorded', [...settled], { state: 'settling' }, true],
    ['a call that the ledger did not allow', [...settled, notSent('t')], { attempts: [] }, false],
    ['a lost call that had begun', [...settled, lost('t'), { kind: 'fenced', at: 6, begun: true }], {}, true],
    [
      'a lost call that never began',
      [...settled, lost('t'), { kind: 'fenced', at: 6, begun: false }],
      { attempts: [] },
      false,
    ],
    ['a call that was turned away', [...settled, answered('t', 1, turnedAway)], { state: 'settling' }, false],
    ['an unknown outcome', [...settled, answered('t', 1, unknown)], { state: 'settling' }, true],
    [
      'a payment nobody has captured',
      [...settled, answered('t', 1, paid)],
      { state: 'settling', transactionId: 'T-1' },
      true,
    ],
    [
      'a capture',
      [...settled, answered('t', 1, paid), captured],
      { state: 'paid', transactionId: 'T-1', stateAt: 6 },
      true,
    ],
    [
      'a refusal',
      [...settled, answered('t', 1, refused), closed, state('declined', 'refused')],
      { state: 'declined', held: null },
      false,
    ],
    [
      'a hold given back, and another one',
      [
        start(),
        quoted,
        held,
        closed,
        state('awaiting_confirmation'),
        { ...held, word: { ...word, confirmationId: 'c-2' } },
      ],
      { state: 'settling', held: { ...word, confirmationId: 'c-2', at: 3 } },
      false,
    ],
    [
      'a hold of a release that did not say whose',
      [start(), quoted, { kind: 'word', at: 3, word }, { ...held, word: null }],
      { held: { ...word, at: 3 } },
      false,
    ],
    [
      'a hold of which nobody spoke: the payment confirms itself',
      [start(), quoted, { ...held, word: null }],
      { held: { ...word, memberId: null, actor: { kind: 'saga', id: 'x' }, confirmationId: 'x', at: 3 } },
      false,
    ],
    [
      'a person’s release',
      [
        ...settled,
        answered('t', 1, unknown),
        { kind: 'resolved', at: 6, state: 'in_review', reason: 'released_by_person' },
      ],
      { state: 'in_review', released: true },
      true,
    ],
  ])('%s', (_, recorded, expected, ambiguous) => {
    const evidence = proven(...recorded);
    expect(evidence).toMatchObject(expected);
    expect(mayHavePaid(evidence)).toBe(ambiguous);
  });

  it('nothing, where no run has begun', () => {
    expect(evidenceOf([held])).toBeNull();
  });

  it('by its newest run, of what the ledger has told it; what was paid before stays paid', () => {
    const resumed: Resumption = {
      ...{ state: 'unknown', reason: 'outcome_unknown', released: false, confirmation: word },
      ...{ held: word.seen, attempt: { kind: 'outstanding' } },
    };
    expect(proven(start(), quoted, start(2, resumed))).toMatchObject({ epoch: 2, state: 'unknown', outstanding: true });
    const after = proven(start(), quoted, held, asked('t'), answered('t', 1, paid), captured, start(2, resumed));
    expect(after).toMatchObject({ epoch: 2, state: 'paid', transactionId: 'T-1' });
  });

  it('also where a run was reset to before the hold, and has forgotten it', () => {
    const again = [start(), quoted, state('awaiting_confirmation')];
    expect(proven(start(), quoted, held, ...again)).toMatchObject({ state: 'settling', held: { ...word, at: 3 } });
  });

  it('an answer told twice is one call', () => {
    const twice = proven(start(), quoted, held, asked('t'), answered('t', 1, paid), asked('u'), answered('u', 1, paid));
    expect(twice.attempts.map(({ n, ticket }) => [n, ticket])).toEqual([[1, 't']]);
  });
});

describe('what a ledger is told', () => {
  const open = proven(start(), quoted, held, asked('t'), answered('t', 1, unknown));
  const done = proven(start(), quoted, held, asked('t'), answered('t', 1, paid), captured);
  const over = proven(start(), quoted, closed, state('cancelled', 'by_buyer'));
  const byPerson = proven(start(), quoted, held, { kind: 'resolved', at: 6, state: 'paid', reason: null });
  it.each<[string, LedgerSays | null, Evidence, object]>([
    ['paid, of which it knows nothing', null, done, { kind: 'pay', transactionId: 'T-1' }],
    ['paid, and it waits', ledger('awaiting_confirmation'), done, { kind: 'pay', transactionId: 'T-1' }],
    [
      'paid, and nobody has captured',
      ledger('settling'),
      proven(start(), quoted, held, asked('t'), answered('t', 1, paid)),
      { kind: 'pay', transactionId: 'T-1' },
    ],
    ['paid, which it knows', ledger('paid', 'T-1'), done, { kind: 'nothing' }],
    ['paid under another transaction', ledger('paid', 'T-2'), done, { kind: 'contradiction' }],
    ['paid, and it says declined', ledger('declined'), done, { kind: 'contradiction' }],
    ['paid on a person’s word that is lost', ledger('in_review'), byPerson, { kind: 'take_up', state: 'in_review' }],
    ['cancelled, of which it knows nothing', null, over, { kind: 'close', state: 'cancelled', reason: 'by_buyer' }],
    ['cancelled, and it holds', ledger('settling'), over, { kind: 'close', state: 'cancelled' }],
    ['cancelled, which it knows', ledger('cancelled'), over, { kind: 'nothing' }],
    ['cancelled, and it says paid', ledger('paid', 'T-1'), over, { kind: 'contradiction' }],
    ['not known', null, open, { kind: 'take_up', state: 'settling' }],
    ['not known, and it waits', ledger('awaiting_confirmation'), open, { kind: 'take_up' }],
    [
      'not over, and it knows the end: a commit that no history has heard of yet',
      ledger('paid', 'T-1'),
      open,
      { kind: 'nothing' },
    ],
    [
      'waiting',
      null,
      proven(start(), quoted, state('awaiting_confirmation')),
      { kind: 'take_up', state: 'awaiting_confirmation' },
    ],
    ['only begun', null, proven(start()), { kind: 'take_up', state: 'opening' }],
  ])('%s', (_, says, evidence, expected) => {
    expect(recoveryAction(says, evidence)).toMatchObject(expected);
  });

  it('what gives points back comes before what takes them, what has taken them before what may have', () => {
    const waits = proven(start(), quoted);
    const turns = [over, done, open, waits].map((evidence) => turnOf(recoveryAction(null, evidence), evidence));
    expect(turns).toEqual([1, 2, 3, 4]);
  });

  it.each([
    ['paid', done, 'paid', null],
    ['pending, although we have paid', done, 'pending', 'paid by us, and the invoice reads pending'],
    ['nothing', done, 'unread', 'the invoice could not be read'],
    ['paid, of a payment that was called off before any call', over, 'paid', null],
    ['paid, of one that is not known yet', open, 'paid', null],
  ] as const)('a person is told where Invoicebox says otherwise: %s', (_, evidence, status, words) => {
    expect(disagreement(recoveryAction(null, evidence), null, evidence, status)).toBe(words);
  });

  const anything = fc.array(
    fc.constantFrom<Recorded>(
      ...[quoted, held, asked('t'), asked('u'), lost('t'), notSent('u'), closed, captured, start(2)],
      ...[answered('t', 1, unknown), answered('t', 1, turnedAway), answered('u', 2, paid), answered('u', 2, refused)],
      ...[state('awaiting_confirmation'), state('unknown'), state('declined'), state('paid')],
    ),
    { maxLength: 25 },
  );

  it('what is proven to be paid is never closed as unpaid, nor forgotten', () => {
    fc.assert(
      fc.property(anything, (recorded) => {
        const evidence = proven(start(), ...recorded);
        const action = recoveryAction(null, evidence);
        if (evidence.transactionId !== null) expect(action.kind).toBe('pay');
        if (evidence.state === 'paid') expect(['pay', 'take_up']).toContain(action.kind);
      }),
    );
  });

  it('a call whose answer is not known is never left out, unless it is known not to have begun', () => {
    fc.assert(
      fc.property(anything, (before) => {
        const evidence = proven(start(), ...before, asked('last', 9));
        expect(evidence.attempts.some(({ ticket, class: known }) => ticket === 'last' && known === null)).toBe(true);
        expect(mayHavePaid(evidence)).toBe(true);
      }),
    );
  });
});
