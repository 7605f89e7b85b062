/**
 * The pivot call, until it is answered or its outcome has to be proven. While every call was turned away at the door all
 * can still be undone: by the buyer's cancel, the invoice's expiry, or time.
 */
import { condition, patched } from '@temporalio/workflow';
import type { ConfirmMeaning } from '../domain/confirmAnswer.js';
import { capture, isLedgerRefusal, superseded } from './close.js';
import type { Inbox } from './inbox.js';
import { leave } from './leave.js';
import { orderConfirm } from './orderConfirm.js';
import { explain, settleInto } from './payment.js';
import { proveOutcome } from './proveOutcome.js';
import { readAndQuote } from './readAndQuote.js';
import {
  changeOf,
  closeAsRefused,
  decline,
  expiryOf,
  leaveCancelled,
  leaveForTime,
  returnOrDecline,
  type Settlement,
} from './settlement.js';

const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
/** `out_of_service`: repeat during the next day (contract, section 3). */
const firstLongPauseMs = 5 * 60_000;
const longestLongPauseMs = 60 * 60_000;

const soon = { pace: 'soon', retryAfterMs: null } as const;
const stalesWithoutPause = 3;

/** A step that the ledger refuses for good while something is held needs a person; what is held stays held. */
export async function asFarAsTheLedgerGoes({ payment, inbox }: Settlement, settle: () => Promise<void>): Promise<void> {
  try {
    await settle();
  } catch (error) {
    if (!isLedgerRefusal(error)) throw error;
    await proveOutcome(payment, inbox, 'ledger_refused');
  }
}

export async function confirmAtInvoicebox(settlement: Settlement): Promise<void> {
  const { payment, inbox } = settlement;
  explain(
    payment,
    'Confirming at Invoicebox.',
    'Points and fund are held. It goes forward now: cancelling changes nothing.',
  );
  const giveUpAt = Date.now() + payment.policy.giveUpAfterMs;
  let stalesInARow = 0;
  for (let tries = 0; ; tries++) {
    const ordered = await orderConfirm(payment, false, 'confirm');
    switch (ordered.kind) {
      case 'lost':
      case 'prove':
        return proveOutcome(payment, inbox, null);
      case 'superseded':
        throw superseded(payment);
      case 'over':
        settleInto(payment, ordered.state);
        return;
      case 'stale': {
        stalesInARow += 1;
        // 0.1.0 paused after the read, so that it was stale again.
        const pausesFirst = patched('pause-before-reading-again');
        const isTooOften = (pausesFirst ? stalesInARow - 1 : tries) >= stalesWithoutPause;
        if (pausesFirst && isTooOften && (await waitOrGiveUp(settlement, soon, stalesInARow, giveUpAt))) return;
        if (await readAgainWhileHeld(settlement, giveUpAt)) return;
        // Reads that are stale again and again come from a queue that is too long, or a freshness that is too short.
        if (!pausesFirst && isTooOften && (await waitOrGiveUp(settlement, soon, tries, giveUpAt))) return;
        continue;
      }
      case 'not_started': {
        if (await waitOrGiveUp(settlement, soon, tries, giveUpAt)) return;
        continue;
      }
      case 'answered':
        break;
    }
    stalesInARow = 0;
    const { meaning } = ordered;
    switch (meaning.kind) {
      case 'paid':
        await capture(payment, { ...ordered, transactionId: meaning.transactionId });
        return;
      case 'not_executed': {
        if (await waitOrGiveUp(settlement, meaning, tries, giveUpAt)) return;
        continue;
      }
      case 'credentials':
      case 'paid_elsewhere':
      case 'status_says_why':
      case 'refused':
        return closeAsRefused(settlement, meaning.kind);
      case 'unknown':
      case 'maybe_ours':
      case 'proves_nothing':
        return proveOutcome(payment, inbox, meaning.kind === 'maybe_ours' ? 'already_paid_after_unknown' : null);
    }
  }
}

/** Nothing reached Invoicebox yet and the read has aged. @returns whether the payment has left the settlement. */
async function readAgainWhileHeld(settlement: Settlement, giveUpAt: number): Promise<boolean> {
  const { payment, scheme, inbox, confirmation } = settlement;
  const until = Math.min(giveUpAt, expiryOf(payment, giveUpAt));
  explain(
    payment,
    'Before it is confirmed, the invoice is read at Invoicebox once more.',
    `Points and fund are held; all is given back where it cannot be read by ${new Date(until).toISOString()}. The buyer may still cancel.`,
  );
  const read = await whileCancellable(inbox, () =>
    readAndQuote(payment, scheme, Math.max(1_000, until - Date.now()), inbox),
  );
  switch (read.kind) {
    case 'quoted': {
      const change = changeOf(read.quote, confirmation);
      if (change === null) return false;
      await returnOrDecline(settlement, change);
      return true;
    }
    case 'unavailable':
      await leaveForTime(settlement, giveUpAt);
      return true;
    case 'cancelled':
      await leaveCancelled(settlement);
      return true;
    case 'expired':
      await leave(payment, inbox, { to: 'expired', reason: 'invoice_expired' });
      return true;
    case 'unpayable':
      await decline(settlement, read.reason);
      return true;
    case 'superseded':
      throw superseded(payment);
    case 'over':
      settleInto(payment, read.state);
      return true;
  }
}

/**
 * Every attempt was proven not executed, so all can still be undone: by the buyer's cancel, the invoice's expiry, or time.
 * @returns whether the payment has left the settlement
 */
async function waitOrGiveUp(
  settlement: Settlement,
  { pace, retryAfterMs }: Pick<ConfirmMeaning & { kind: 'not_executed' }, 'pace' | 'retryAfterMs'>,
  tries: number,
  giveUpAt: number,
): Promise<boolean> {
  const { payment, inbox } = settlement;
  if (tries === 0) settleInto(payment, 'settling');
  explain(
    payment,
    'Invoicebox turned the call away before executing it.',
    'It is called again. The buyer may still cancel.',
  );
  const [first, longest] = pace === 'soon' ? [firstPauseMs, longestPauseMs] : [firstLongPauseMs, longestLongPauseMs];
  // Never faster than our own pace, whatever Retry-After says; never past the time when all is given up.
  const pauseMs = Math.max(retryAfterMs ?? 0, Math.min(longest, first * 2 ** Math.min(tries, 20)));
  const until = Math.min(giveUpAt, expiryOf(payment, giveUpAt), Date.now() + pauseMs * payment.policy.waitScale);
  await whileCancellable(inbox, () =>
    condition(() => inbox.cancellation !== null, Math.max(1, Math.round(until - Date.now()))),
  );
  if (inbox.cancellation !== null) {
    await leaveCancelled(settlement);
    return true;
  }
  if (Date.now() < Math.min(giveUpAt, expiryOf(payment, giveUpAt))) return false;
  await leaveForTime(settlement, giveUpAt);
  return true;
}

async function whileCancellable<T>(inbox: Inbox, work: () => Promise<T>): Promise<T> {
  inbox.canStillCancel = true;
  try {
    return await work();
  } finally {
    inbox.canStillCancel = false;
  }
}
