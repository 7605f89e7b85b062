/** The switch that lets no new payment begin, of one partner or of all; what is under way goes to its end (pause.sql). */
import type pg from 'pg';
import { z } from 'zod';
import type { Actor } from '../domain/payment.js';
import { call, iso } from './call.js';
import { outcome } from './outcomes.js';

const known = { pauseId: z.uuid(), since: z.string() };
const pauseOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.enum(['paused', 'already_paused']), ...known }),
  outcome('not_found'),
]);
const resumeOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('resumed'), ...known }),
  outcome('not_paused'),
]);
const pauses = z.array(
  z.object({ ...known, ofAll: z.boolean(), reason: z.string(), by: z.object({ kind: z.string(), id: z.string() }) }),
);

export type PauseOutcome = z.infer<typeof pauseOutcome>;
export type ResumePauseOutcome = z.infer<typeof resumeOutcome>;
export type Pause = z.infer<typeof pauses>[number];

export class Pauses {
  constructor(private readonly pool: pg.Pool) {}

  /**
   * After it has answered, no payment is opened that was not before.
   * @param partnerId null: of all partners. @param reason 1 to 2,000 characters, for whoever asks why
   */
  pause(partnerId: string | null, reason: string, actor: Actor, at: number): Promise<PauseOutcome> {
    return call(this.pool, pauseOutcome, 'pause_set', [partnerId, reason, actor, iso(at)]);
  }

  /** A pause of all and a partner's own are two: each is ended for itself. */
  resume(partnerId: string | null, actor: Actor, at: number): Promise<ResumePauseOutcome> {
    return call(this.pool, resumeOutcome, 'pause_clear', [partnerId, actor, iso(at)]);
  }

  /** What keeps this partner's payments from being opened now, that of all included; null: that of all alone. */
  open(partnerId: string | null): Promise<Pause[]> {
    return call(this.pool, pauses, 'pauses_read', [partnerId]);
  }
}
