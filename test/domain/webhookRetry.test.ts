import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  decideOnWebhook,
  longestRetryAfterMs,
  mostAttempts,
  retryAfterMsOf,
  type WebhookAttempt,
} from '../../src/domain/webhookRetry.js';

const hour = 3_600_000;
const answered = (status: number, retryAfterMs: number | null = null): WebhookAttempt => ({
  kind: 'answered',
  status,
  retryAfterMs,
});

describe('what an attempt means', () => {
  it.each([
    [200, 'delivered'],
    [202, 'delivered'],
    [204, 'delivered'],
    [299, 'delivered'],
    [301, 'again'],
    [302, 'again'],
    [307, 'again'],
    [400, 'again'],
    [401, 'again'],
    [404, 'again'],
    [410, 'gone'],
    [429, 'again'],
    [500, 'again'],
    [503, 'again'],
  ])('status %i: %s', (status, kind) => {
    expect(decideOnWebhook(answered(status), 0, 0, 1).kind).toBe(kind);
  });

  it.each(['timeout', 'refused_address', 'dns', 'connection_refused', 'connection_lost', 'tls'] as const)(
    '%s: again',
    (problem) => {
      expect(decideOnWebhook({ kind: 'problem', problem }, 0, 0, 1)).toEqual({ kind: 'again', delayMs: 5_000 });
    },
  );
});

describe('when the next attempt is', () => {
  it.each([
    [0, 5_000],
    [1, 300_000],
    [2, 1_800_000],
    [3, 2 * hour],
    [4, 5 * hour],
    [5, 10 * hour],
    [6, 14 * hour],
    [7, 20 * hour],
    [8, 24 * hour],
  ])('after %i attempts before: %i ms, as Standard Webhooks recommends', (before, delayMs) => {
    expect(decideOnWebhook(answered(500), before, 0, 1)).toEqual({ kind: 'again', delayMs });
  });

  it('the tenth attempt is the last', () => {
    expect(mostAttempts).toBe(10);
    expect(decideOnWebhook(answered(500), 9, 0, 1)).toEqual({ kind: 'failed' });
    expect(decideOnWebhook(answered(200), 9, 0, 1)).toEqual({ kind: 'delivered' });
  });

  it('whatever fails: waits grow, end a little after three days, and are never shorter than Retry-After', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            status: fc.integer({ min: 300, max: 599 }).filter((status) => status !== 410),
            retryAfterMs: fc.option(fc.integer({ min: 0, max: 100 * hour })),
            chance: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
          }),
          { minLength: mostAttempts, maxLength: mostAttempts },
        ),
        (attempts) => {
          let wholeMs = 0;
          attempts.forEach(({ status, retryAfterMs, chance }, before) => {
            const decision = decideOnWebhook(answered(status, retryAfterMs), before, chance, 1);
            if (before === mostAttempts - 1) {
              expect(decision.kind).toBe('failed');
              return;
            }
            if (decision.kind !== 'again') throw new Error(decision.kind);
            expect(decision.delayMs).toBeGreaterThanOrEqual(Math.min(retryAfterMs ?? 0, longestRetryAfterMs));
            wholeMs += decision.delayMs;
          });
          expect(wholeMs).toBeGreaterThanOrEqual(72 * hour);
          if (attempts.every(({ retryAfterMs }) => retryAfterMs === null)) expect(wholeMs).toBeLessThan(84 * hour);
        },
      ),
    );
  });

  it('endpoints that failed together do not come back together', () => {
    const delays = [0, 0.25, 0.5, 0.99].map((chance) => decideOnWebhook(answered(500), 3, chance, 1));
    expect(new Set(delays.map((delay) => JSON.stringify(delay))).size).toBe(4);
  });
});

it.each([
  ['120', 120_000],
  [' 0 ', 0],
  ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
  ['Wed, 31 Dec 2025 23:00:00 GMT', 0],
  ['999999999', longestRetryAfterMs],
  ['soon', null],
  ['-5', null],
  ['', null],
  [undefined, null],
])('Retry-After: %j means %j ms', (header, delayMs) => {
  expect(retryAfterMsOf(header, Date.parse('2026-01-01T00:00:00Z'))).toBe(delayMs);
});
