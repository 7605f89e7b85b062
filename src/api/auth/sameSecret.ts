/** The one way in which something secret is compared with what somebody sent: how long it takes tells nothing of how much was right. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** Of hashes, so that not even the lengths have to be the same. */
export function isSameSecret(given: unknown, right: string): boolean {
  return typeof given === 'string' && timingSafeEqual(hashOf(given), hashOf(right));
}

const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest();
