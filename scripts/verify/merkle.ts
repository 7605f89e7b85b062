/** The tree of RFC 6962, section 2.1, as the RFC defines it: from above, where the ledger builds it from below. */
import { nodeHash } from './formats.js';

/** @param leaves hashes of 32 bytes, one after the other; at least one */
export function rootOf(leaves: Buffer, from = 0, to = leaves.length / 32): Buffer {
  const size = to - from;
  if (size === 1) return leaves.subarray(32 * from, 32 * to);
  let split = 1;
  while (split * 2 < size) split *= 2;
  return nodeHash(rootOf(leaves, from, from + split), rootOf(leaves, from + split, to));
}

/** Climbs from a leaf to the root (RFC 9162, section 2.1.3.2). @returns undefined where the path does not fit the tree */
export function rootFrom(leaf: Buffer, index: number, size: number, path: readonly Buffer[]): Buffer | undefined {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) return undefined;
  let place = index;
  let last = size - 1;
  let hash = leaf;
  for (const neighbour of path) {
    if (last === 0) return undefined;
    if (place % 2 === 1 || place === last) {
      hash = nodeHash(neighbour, hash);
      while (place % 2 === 0 && place !== 0) {
        place = Math.floor(place / 2);
        last = Math.floor(last / 2);
      }
    } else {
      hash = nodeHash(hash, neighbour);
    }
    place = Math.floor(place / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? hash : undefined;
}
