/** Repeats what is safe to repeat, a bounded number of times in a bounded time. */
import { setTimeout as pause } from 'node:timers/promises';
import { SuretyProblem, SuretyUnreachable } from './problem.js';

export interface Patience {
  /** How often a call is sent at most. */
  readonly attempts: number;
  /** No attempt begins later than this after the first, in milliseconds. */
  readonly withinMs: number;
  /** How long one attempt may take, in milliseconds. A confirm is answered within about 10 s. */
  readonly timeoutMs: number;
  /** ... that sends a file. Surety waits half an hour for one. */
  readonly uploadTimeoutMs: number;
}

export const defaultPatience: Patience = {
  attempts: 4,
  withinMs: 30_000,
  timeoutMs: 20_000,
  uploadTimeoutMs: 30 * 60_000,
};

const firstWaitMs = 250;
const longestWaitMs = 8_000;

/** Each is sent with the same key, so that it takes effect once. */
interface Wish {
  readonly idempotencyKey: string | null;
  readonly signal: AbortSignal | undefined;
  /** How long each may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** Throws SuretyProblem, SuretyUnreachable, or the reason of the caller's own signal. */
export async function attempt<T>(
  { idempotencyKey, signal, timeoutMs }: Wish,
  patience: Pick<Patience, 'attempts' | 'withinMs'>,
  send: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const begunMs = performance.now();
  for (let made = 1; ; made += 1) {
    const outcome = await once(signal, timeoutMs, send);
    if (outcome.kind === 'answered') return outcome.answer;
    signal?.throwIfAborted();
    const { error } = outcome;
    const waitMs = waitBefore(error, made);
    const isOver = made >= patience.attempts || performance.now() - begunMs + (waitMs ?? 0) > patience.withinMs;
    if (waitMs === null || isOver) {
      throw error instanceof SuretyProblem ? error : new SuretyUnreachable(made, idempotencyKey, error);
    }
    // Woken by the caller alone: with his own reason, not the timer's.
    await pause(waitMs, undefined, { ...(signal && { signal }) }).catch(() => signal?.throwIfAborted());
  }
}

async function once<T>(
  signal: AbortSignal | undefined,
  timeoutMs: number,
  send: (signal: AbortSignal) => Promise<T>,
): Promise<{ kind: 'answered'; answer: T } | { kind: 'failed'; error: unknown }> {
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort(new Error(`no answer within ${timeoutMs} ms`));
  }, timeoutMs);
  try {
    const both = signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]);
    return { kind: 'answered', answer: await send(both) };
  } catch (error) {
    return { kind: 'failed', error };
  } finally {
    clearTimeout(timer);
  }
}

/** How long to wait before the next attempt, in milliseconds; null: there is to be none. */
function waitBefore(error: unknown, made: number): number | null {
  const ownMs = Math.min(firstWaitMs * 2 ** (made - 1), longestWaitMs) * (0.5 + 0.5 * Math.random());
  if (!(error instanceof SuretyProblem)) return ownMs;
  const askedMs = error.retryAfterMs;
  // Our own attempt before this one may be the one in flight.
  const passes = [502, 503, 504].includes(error.status) || error.code === 'idempotency_in_flight';
  if (!passes && !(error.status === 429 && askedMs !== null)) return null;
  return Math.max(ownMs, askedMs ?? 0);
}
