/** What others have got wrong, one small patch each, and the check that notices. The patch stands beside this file. */

export type Check =
  | { readonly kind: 'test'; readonly file: string; readonly name?: string }
  /** Payments through the fault harness, of these cells alone. */
  | { readonly kind: 'faults'; readonly cells: string; readonly payments: number };

export interface Mutant {
  /** Also the name of its patch. */
  readonly id: string;
  /** Tried in this order until one fails. */
  readonly checks: readonly Check[];
}

const domain = (file: string): Check => ({ kind: 'test', file: `test/domain/${file}.test.ts` });
const ledger = (file = 'ledger'): Check => ({ kind: 'test', file: `test/ledger/${file}.test.ts` });
const saga = (file: string, name: string): Check => ({ kind: 'test', file: `test/saga/${file}.test.ts`, name });

export const mutants: readonly Mutant[] = [
  { id: 'undo-by-workflow-memory', checks: [ledger(), saga('recovery', 'cancelled there')] },
  { id: 'release-on-time-out', checks: [domain('confirmAnswer')] },
  { id: 'new-operation-id-on-retry', checks: [saga('unknown', 'fails before it acts|cut after Invoicebox')] },
  { id: 'refusal-of-the-repeat-releases', checks: [domain('confirmAnswer'), ledger()] },
  { id: 'already-paid-on-the-repeat-releases', checks: [domain('confirmAnswer'), ledger()] },
  { id: 'capture-twice', checks: [ledger()] },
  { id: 'echoed-id-ignored', checks: [domain('confirmAnswer')] },
  { id: 'any-2xx-is-success', checks: [domain('confirmAnswer')] },
  { id: 'read-then-write-balance', checks: [ledger(), ledger('model')] },
  { id: 'float-amounts', checks: [domain('money')] },
  { id: 'points-rounded-down', checks: [domain('points')] },
  { id: 'no-handler-drain', checks: [saga('messages', 'still waits')] },
  { id: 'failed-close-swallowed', checks: [saga('review', 'never swallowed')] },
  { id: 'attempt-row-after-the-call', checks: [saga('unknown', 'before Invoicebox hears')] },
  { id: 'expiry-while-settling', checks: [ledger(), ledger('model'), saga('cases', 'simplepay')] },
  { id: 'no-margin-after-expiry', checks: [domain('proof'), ledger()] },
  { id: 'confirm-at-a-changed-amount', checks: [ledger()] },
  { id: 'two-live-payments-an-invoice', checks: [ledger()] },
  { id: 'lots-not-restored', checks: [ledger()] },
  { id: 'sweeper-skips-the-read', checks: [ledger(), saga('recovery', 'goes on proving')] },
];
