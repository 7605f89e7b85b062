/** `npm run partner -- pause|resume`: lets no new payment begin, of one partner or of all, and lets them begin again. */
import { userInfo } from 'node:os';
import { parseArgs } from 'node:util';
import type pg from 'pg';
import { z } from 'zod';
import { Pauses } from '../src/ledger/pauses.js';

export const pauseUsage = `  npm run partner -- pause <slug> --reason "…"     no new payment of this partner begins; what is under way goes on
  npm run partner -- pause --all --reason "…"      … of any partner
  npm run partner -- resume <slug> | --all
  --by <who>: your id, by default the name that you are logged in by`;

const who = z.string().regex(/^[!-~]{1,200}$/, 'must be visible ASCII without spaces');
const why = z.string({ error: '--reason is needed: whoever asks is told it' }).trim().min(1).max(2_000);

/** @param pool of a role that owns the tables. @returns what came of it, in words */
export async function pauseOrResume(pool: pg.Pool, verb: 'pause' | 'resume', args: readonly string[]): Promise<string> {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      all: { type: 'boolean', default: false },
      reason: { type: 'string' },
      by: { type: 'string', default: userInfo().username },
    },
  });
  const [slug, ...rest] = positionals;
  if (rest.length > 0 || (slug === undefined) !== values.all) throw new Error(`usage:\n${pauseUsage}`);
  const actor = { kind: 'operator', id: who.parse(values.by) } as const;
  const partnerId = slug === undefined ? null : await idOf(pool, slug);
  const whose = slug ?? 'all partners';
  const pauses = new Pauses(pool);
  if (verb === 'resume') {
    const resumed = await pauses.resume(partnerId, actor, Date.now());
    const stillAll = partnerId !== null && (await pauses.open(partnerId)).length > 0;
    const still = stillAll ? '; all partners are paused still (resume --all)' : '';
    switch (resumed.outcome) {
      case 'resumed':
        return `New payments of ${whose} begin again${still}. Batches that waited go on within a minute.`;
      case 'not_paused':
        return `Nothing was changed: ${whose} had no pause${still}.`;
    }
  }
  const paused = await pauses.pause(partnerId, why.parse(values.reason), actor, Date.now());
  switch (paused.outcome) {
    case 'paused':
      return `No new payment of ${whose} begins from now on. What is under way goes to its end.`;
    case 'already_paused':
      return `Nothing was changed: ${whose} have been paused since ${paused.since}.`;
    case 'not_found':
      throw new Error(`There is no partner ${whose}.`);
  }
}

async function idOf(pool: pg.Pool, slug: string): Promise<string> {
  const { rows } = await pool.query<{ id: string }>('SELECT id FROM partner WHERE slug = $1', [slug]);
  const id = rows[0]?.id;
  if (id === undefined) throw new Error(`There is no partner ${slug}.`);
  return id;
}
