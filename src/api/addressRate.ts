/**
 * How much one address may ask of the pages that are open to everybody: the ways in of buyers and of operators. Each of them
 * reads the database, and a login that begins writes there. Counted in this process, as what a key may ask is (keyRate.ts).
 */
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Request, Response } from 'express';
import ipaddr from 'ipaddr.js';
import { Problem } from './problem.js';

const windowMs = 10_000;
/** So that a flood from everywhere takes no memory: past that many the window begins anew. */
const mostAddresses = 100_000;

export class AddressRate {
  readonly #limit: number;
  readonly #asked = new Map<string, number>();
  #untilMs = 0;

  /** @param requestsPerSecond on the average of 10 s: a burst is served and a flood is not */
  constructor(requestsPerSecond: number) {
    this.#limit = Math.ceil((requestsPerSecond * windowMs) / 1_000);
  }

  /** Counts one. @returns null, or in how many milliseconds it may come again */
  take(address: string, nowMs: number): number | null {
    if (nowMs >= this.#untilMs || this.#asked.size >= mostAddresses) {
      this.#asked.clear();
      this.#untilMs = nowMs + windowMs;
    }
    const key = networkOf(address);
    const asked = (this.#asked.get(key) ?? 0) + 1;
    if (asked > this.#limit) return this.#untilMs - nowMs;
    this.#asked.set(key, asked);
    return null;
  }
}

/** An address itself; of IPv6 the /64, which one subscriber has whole. */
function networkOf(text: string): string {
  if (!ipaddr.isValid(text)) return 'unknown';
  const address = ipaddr.process(text);
  return address instanceof ipaddr.IPv4
    ? address.toString()
    : address.toByteArray().slice(0, 8).map((byte) => byte.toString(16).padStart(2, '0')).join(''); // prettier-ignore
}

@Injectable()
export class AddressRateGuard implements CanActivate {
  constructor(private readonly rate: AddressRate) {}

  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    const { ip } = http.getRequest<Request>();
    const waitMs = this.rate.take(ip ?? '', performance.now());
    if (waitMs === null) return true;
    http.getResponse<Response>().set('Retry-After', String(Math.max(1, Math.ceil(waitMs / 1_000))));
    throw new Problem('too_many_requests', 'Nothing was done.');
  }
}
