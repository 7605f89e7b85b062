/** How the database stands, as surety_monitor reads it: role, migrations, clock, the last check of the books, pauses. */
import type pg from 'pg';
import { z } from 'zod';
import { neededMigrations } from '../database/migrate.js';
import { well, wrong, type Finding } from './finding.js';

/** Freshness, leases and margins are of seconds. */
const mostSkewMs = 2_000;
/** The books are checked every hour. */
const checkedWithinHours = 3;

export async function lookAtPostgres(pool: pg.Pool): Promise<Finding[]> {
  return [
    await role(pool),
    await migrations(pool),
    await clock(pool),
    await ledgerCheck(pool),
    ...(await standstills(pool)),
  ];
}

async function role(pool: pg.Pool): Promise<Finding> {
  const { rows } = await pool.query<{ name: string }>('SELECT current_user AS name');
  const name = rows[0]?.name ?? 'nobody';
  return name === 'surety_monitor'
    ? well('monitor role', 'surety_monitor reads all partners')
    : wrong(
        'monitor role',
        `this looks as ${name}, since DATABASE_MONITOR_URL is not set`,
        'Give workers and doctor DATABASE_MONITOR_URL of the role surety_monitor: without it neither the figures of the books nor their hourly check exist.',
      );
}

async function migrations(pool: pg.Pool): Promise<Finding> {
  const { rows } = await pool.query<{ name: string }>('SELECT name FROM public.surety_migration');
  const applied = new Set(rows.map(({ name }) => name));
  const missing = (await neededMigrations()).filter((name) => !applied.has(name));
  return missing.length === 0
    ? well('migrations', 'the database is at this release')
    : wrong('migrations', `not applied: ${missing.join(', ')}`, 'Run `npm run migrate`, or the job `migrate`.');
}

async function clock(pool: pg.Pool): Promise<Finding> {
  const sentMs = Date.now();
  const { rows } = await pool.query<{ at: string }>('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS at');
  return skew('clock of Postgres', Number(rows[0]?.at), sentMs, Date.now());
}

/** @param theirMs their time at some moment between the other two, which are ours */
export function skew(about: string, theirMs: number, sentMs: number, gotMs: number): Finding {
  const apartMs = Math.round(theirMs < sentMs ? theirMs - sentMs : theirMs > gotMs ? theirMs - gotMs : 0);
  return Math.abs(apartMs) <= mostSkewMs
    ? well(about, apartMs === 0 ? 'the same as here' : `${apartMs} ms from the one here`)
    : wrong(
        about,
        `${apartMs} ms from the one here`,
        'Set the clocks by NTP on all hosts: times decide what has expired.',
      );
}

async function ledgerCheck(pool: pg.Pool): Promise<Finding> {
  const about = 'books';
  const { rows } = await pool.query<{ violations: string; kinds: unknown; age: string }>(
    `SELECT violations, kinds, extract(epoch FROM now() - checked_at) AS age
     FROM surety.ledger_check ORDER BY id DESC LIMIT 1`,
  );
  const [last] = rows;
  if (last === undefined) {
    return wrong(
      about,
      'they were never checked',
      'Trigger the Schedule `check-ledger`; workers need DATABASE_MONITOR_URL.',
    );
  }
  if (Number(last.violations) > 0) {
    return wrong(
      about,
      `${last.violations} violations: ${JSON.stringify(last.kinds)}`,
      'Pause new payments (`npm run partner -- pause --all`), keep the database as it is, and read surety.ledger_violation.',
    );
  }
  const hours = Number(last.age) / 3_600;
  return hours <= checkedWithinHours
    ? well(about, `checked ${Math.round(hours * 60)} min ago, no violation`)
    : wrong(about, `last checked ${Math.round(hours)} h ago`, 'Look at the Schedule `check-ledger` and its last run.');
}

const stands = z.array(z.object({ slug: z.string(), flag: z.string() }));

/** Whose payments are refused now. */
async function standstills(pool: pg.Pool): Promise<Finding[]> {
  const flags = stands.parse((await pool.query('SELECT slug, flag FROM surety.gauge_flags ORDER BY slug')).rows);
  const paused = z
    .array(z.object({ slug: z.string() }))
    .parse((await pool.query('SELECT slug FROM surety.gauge_pauses ORDER BY slug')).rows);
  const found = [
    ...flags.map(({ slug, flag }) =>
      flag === 'credentials'
        ? wrong(
            `partner ${slug}`,
            'Invoicebox has refused its credentials: new payments are refused',
            'Apply the partner with a right token (`npm run partner -- apply`): a check of it ends this.',
          )
        : wrong(
            `partner ${slug}`,
            'its fund is doubted: new payments are refused',
            'See docs/fund.md, "When the books and Invoicebox disagree", then apply the partner or `POST /v1/fund/doubt/clear`.',
          ),
    ),
    ...paused.map(({ slug }) =>
      wrong(
        slug === '*' ? 'all partners' : `partner ${slug}`,
        'new payments are paused by an operator',
        `When it is over: \`npm run partner -- resume ${slug === '*' ? '--all' : slug}\`.`,
      ),
    ),
  ];
  return found.length === 0 ? [well('new payments', 'let in, of all partners')] : found;
}
