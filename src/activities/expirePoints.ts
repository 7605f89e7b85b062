/** Books the points whose last day is over, partner by partner, a few hundred lots a transaction. */
import { Context } from '@temporalio/activity';
import type { Points } from '../ledger/points.js';
import { scheduledAt } from './clock.js';

/** What a run has booked; `failed`: partners that are tried again by the next run. */
export interface Expiry {
  readonly partners: number;
  readonly lots: number;
  readonly points: number;
  readonly failed: number;
}

const lotsAtOnce = 500;

export function createExpiryActivities(points: Points) {
  return {
    async expirePoints(): Promise<Expiry> {
      const at = scheduledAt();
      const count = { partners: 0, lots: 0, points: 0, failed: 0 };
      for (const partnerId of await points.partnersWithExpiredPoints(at)) {
        count.partners += 1;
        try {
          await expireOf(partnerId, at, count);
        } catch (error) {
          // One partner's trouble keeps no other's points.
          count.failed += 1;
          Context.current().log.warn('points could not be expired', { partnerId, error });
        }
      }
      if (count.partners > 0) Context.current().log.info('points have expired', { ...count });
      return count;
    },
  };

  async function expireOf(partnerId: string, at: number, count: { lots: number; points: number }): Promise<void> {
    for (;;) {
      const booked = await points.expire(partnerId, lotsAtOnce, at);
      if (booked.lots === 0) return;
      count.lots += booked.lots;
      count.points += booked.points;
      Context.current().heartbeat(count);
    }
  }
}
