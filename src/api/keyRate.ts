/** How much one API key may ask of one API process; past that 429 with Retry-After (docs/integrating.md). */
import { Injectable, type ExecutionContext } from '@nestjs/common';
import { ThrottlerGuard, type ThrottlerModuleOptions } from '@nestjs/throttler';
import type { Request } from 'express';
import type { Caller } from './auth/apiKeys.js';
import { Problem } from './problem.js';

const windowMs = 10_000;
const blockMs = 1_000;

/** A window of 10 s, so that a burst is served and a flood is not. */
export const keyRate = (requestsPerSecond: number): ThrottlerModuleOptions => ({
  throttlers: [{ ttl: windowMs, blockDuration: blockMs, limit: Math.ceil((requestsPerSecond * windowMs) / 1_000) }],
  setHeaders: false,
});

@Injectable()
export class KeyRateGuard extends ThrottlerGuard {
  protected override getTracker(request: Request & { caller?: Caller }): Promise<string> {
    return Promise.resolve(request.caller?.keyId ?? 'nobody');
  }

  /** One allowance for all endpoints of a key. */
  protected override generateKey(_context: ExecutionContext, tracker: string): string {
    return tracker;
  }

  protected override throwThrottlingException(
    _context: ExecutionContext,
    { timeToBlockExpire, timeToExpire }: { timeToBlockExpire: number; timeToExpire: number },
  ): Promise<void> {
    const seconds = Math.max(1, timeToBlockExpire, timeToExpire);
    return Promise.reject(
      new Problem('too_many_requests', 'Nothing was done.', {}, { 'Retry-After': String(Math.ceil(seconds)) }),
    );
  }
}
