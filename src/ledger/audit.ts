/** The audit chain of a partner's books: what is written is sealed afterwards, block by block (docs/audit.md). */
import type pg from 'pg';
import { z } from 'zod';
import { call, iso } from './call.js';
import { outcome } from './outcomes.js';

const sealOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('sealed'), n: z.int(), entries: z.int() }),
  outcome('nothing', 'busy'),
]);
export type SealOutcome = z.infer<typeof sealOutcome>;

export class Audit {
  constructor(private readonly pool: pg.Pool) {}

  partnersToSeal(): Promise<string[]> {
    return call(this.pool, z.array(z.uuid()), 'partners_to_seal', []);
  }

  /** Seals the next entries into one block, at most so many. */
  seal(partnerId: string, most: number, at: number): Promise<SealOutcome> {
    return call(this.pool, sealOutcome, 'audit_seal', [partnerId, most, iso(at)]);
  }
}
