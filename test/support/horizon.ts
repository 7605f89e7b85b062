/**
 * What is told in the order of commits (the feed, an export, a sealed block) waits for every transaction of the server that began
 * before, those of other tests' databases too.
 */
import type pg from 'pg';
import { eventually } from './world.js';

/** Until all that has been committed by now is told. */
export async function untilTold(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<{ next: string }>('SELECT pg_current_xact_id()::text AS next');
  await eventually(
    async () => {
      const horizon = await pool.query<{ isPast: boolean }>(
        'SELECT pg_snapshot_xmin(pg_current_snapshot()) > $1::xid8 AS "isPast"',
        [rows[0]?.next],
      );
      return horizon.rows[0]?.isPast ?? false;
    },
    () => 'somebody writes for ever',
  );
}
