import { describe, expect, it } from '@jest/globals';
import { retryAfterMsOf } from '../../src/invoicebox/exchange.js';

describe('Retry-After', () => {
  const now = Date.parse('2023-12-22T00:00:00Z');
  it.each([
    ['0', 0],
    ['7', 7_000],
    ['61', 60_000],
    ['9'.repeat(400), 60_000],
    ['Fri, 22 Dec 2023 00:00:30 GMT', 30_000],
    ['Fri, 22 Dec 2023 01:00:00 GMT', 60_000],
    ['Thu, 21 Dec 2023 23:00:00 GMT', 0],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%p waits %p ms', (header, delayMs) => {
    expect(retryAfterMsOf(header, now)).toBe(delayMs);
  });
});
