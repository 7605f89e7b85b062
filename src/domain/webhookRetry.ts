/**
 * What an attempt to deliver a webhook means, and when the next one is. The waits are those that Standard Webhooks 1.0
 * recommends ("Deliverability and reliability"): ten attempts over a little more than three days.
 */
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

const waitsMs = [
  5 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
] as const;
/** Jitter only adds: the schedule never ends before the three days after which a failing endpoint is disabled. */
const mostJitter = 0.1;
/** An endpoint that asks for more patience than this is asked again all the same. */
export const longestRetryAfterMs = 24 * hour;

export const mostAttempts = waitsMs.length + 1;

/** What came of one attempt: facts alone, no judgement. */
export type WebhookAttempt =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfterMs: number | null }
  /** No status line came, or nothing was sent. */
  | { readonly kind: 'problem'; readonly problem: WebhookProblem };

/** In our own words, never the network's. */
export type WebhookProblem =
  | 'timeout'
  | 'refused_address'
  | 'dns'
  | 'connection_refused'
  | 'connection_lost'
  | 'connect_timeout'
  | 'tls'
  | 'malformed_answer';

export type WebhookDecision =
  | { readonly kind: 'delivered' }
  /** The endpoint says that it is no more (410). */
  | { readonly kind: 'gone' }
  | { readonly kind: 'again'; readonly delayMs: number }
  /** The schedule is over. */
  | { readonly kind: 'failed' };

/**
 * @param attemptsBefore how many were made already
 * @param chance from 0 up to 1, for the jitter
 * @param scale shrinks all waits of ours, for tests: 1 in production
 */
export function decideOnWebhook(
  attempt: WebhookAttempt,
  attemptsBefore: number,
  chance: number,
  scale: number,
): WebhookDecision {
  if (attempt.kind === 'answered') {
    if (attempt.status >= 200 && attempt.status < 300) return { kind: 'delivered' };
    if (attempt.status === 410) return { kind: 'gone' };
  }
  const waitMs = waitsMs[attemptsBefore];
  if (waitMs === undefined) return { kind: 'failed' };
  const askedMs = attempt.kind === 'answered' ? (attempt.retryAfterMs ?? 0) : 0;
  const ownMs = waitMs * (1 + mostJitter * chance) * scale;
  return { kind: 'again', delayMs: Math.ceil(Math.max(ownMs, Math.min(askedMs, longestRetryAfterMs), 1)) };
}

/** Seconds or a date (RFC 9110, 10.2.3); null where it is neither. */
export function retryAfterMsOf(header: string | undefined, nowMs: number): number | null {
  const text = header?.trim() ?? '';
  const delayMs = /^\d+$/.test(text) ? Number(text) * second : /[a-z]/i.test(text) ? Date.parse(text) - nowMs : NaN;
  return Number.isNaN(delayMs) ? null : Math.min(Math.max(delayMs, 0), longestRetryAfterMs);
}
