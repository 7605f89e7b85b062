/**
 * Books the points whose last day is over, partner by partner, a few hundred lots a transaction; and keeps what each programme
 * came to at the end of a day, for who asks for that later.
 */
import { Context } from '@temporalio/activity';
import type { Points } from '../ledger/points.js';
import { scheduledAt } from './clock.js';

/** What a run has booked; `failed`: partners that are tried again by the next run. */
export interface Expiry {
  readonly partners: number;
  readonly lots: number;
  readonly points: number;
  readonly failed: number;
  /** Of programmes: a day whose end was kept. */
  readonly closedDays: number;
}

const lotsAtOnce = 500;
const partnersAtOnce = 200;

export function createExpiryActivities(points: Points) {
  return {
    async expirePoints(): Promise<Expiry> {
      const at = scheduledAt();
      const count = { partners: 0, lots: 0, points: 0, failed: 0, closedDays: 0 };
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
      await closeDays(at, count);
      if (count.partners + count.closedDays > 0) Context.current().log.info('points have expired', { ...count });
      return count;
    },
  };

  async function closeDays(at: number, count: { closedDays: number; failed: number }): Promise<void> {
    for (let after: string | null = null; ;) {
      const page: string[] = await points.partners(after, partnersAtOnce);
      for (const partnerId of page) {
        try {
          if ((await points.closeDay(partnerId, at)).outcome === 'closed') count.closedDays += 1;
        } catch (error) {
          count.failed += 1;
          Context.current().log.warn('a day of points could not be closed', { partnerId, error });
        }
        Context.current().heartbeat(count);
      }
      after = page.at(-1) ?? null;
      if (page.length < partnersAtOnce) return;
    }
  }

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
