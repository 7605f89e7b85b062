/**
 * `npm run recover`: what is to be done about a restored ledger, which stays closed until then (docs/backup.md).
 * `-- --since <time of the restore>`: tells it what Temporal's histories prove, sets beside it what Invoicebox says, has new runs
 * take up what is not over, and opens it. `-- --points`: later, takes points that could not be taken then.
 * `-- --nothing-lost --reason …`: somebody answers for it that every commit is there.
 */
import { userInfo } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Connection } from '@temporalio/client';
import pg from 'pg';
import { z } from 'zod';
import { Partners } from '../src/activities/partners.js';
import { readRecoverConfig } from '../src/config.js';
import { InvoiceboxClient, userAgent } from '../src/invoicebox/client.js';
import { KeyRing } from '../src/keyring.js';
import { Incarnation } from '../src/ledger/incarnation.js';
import { Recoveries } from '../src/ledger/recoveries.js';
import { Recovery } from '../src/ledger/recovery.js';
import { readViolations } from '../src/ledger/violations.js';
import { InvoiceReader } from '../src/recovery/readInvoices.js';
import { recoverSince } from '../src/recovery/recover.js';
import { told, type RecoveryReport } from '../src/recovery/report.js';
import { temporalClient } from '../src/temporalClient.js';

const usage = `usage:
  npm run recover                                       says whether the ledger is open
  npm run recover -- --since 2026-11-26T12:00:00Z       recovers everything since the moment that it was restored to; --json adds the report
  npm run recover -- --points                           takes points that the restored books did not have, once credits were sent again
  npm run recover -- --nothing-lost --reason "…"        opens it as it stands: every commit is there, and you know it
  --by <who>: your id, by default the name that you are logged in by`;

/** What was committed just before may be missing, and Temporal's clock may differ from the database's by as much. */
const marginMs = 10 * 60_000;
const pageSize = 500;
const goneWithinMs = 5_000;

const text = (longest: number) => z.string().trim().min(1).max(longest);
const wishes = z
  .strictObject({
    since: z.iso.datetime({ offset: true }).optional(),
    points: z.boolean().default(false),
    'nothing-lost': z.boolean().default(false),
    reason: text(500).optional(),
    json: z.boolean().default(false),
    by: text(200),
  })
  .refine(({ 'nothing-lost': nothingLost, reason }) => nothingLost === (reason !== undefined), {
    message: '--reason belongs to --nothing-lost, and it needs one',
  })
  .refine(
    ({ since, points, 'nothing-lost': nothingLost }) =>
      [since !== undefined, points, nothingLost].filter(Boolean).length <= 1,
    { message: 'one of --since, --points and --nothing-lost' },
  );

type Wish = z.infer<typeof wishes>;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      since: { type: 'string' },
      points: { type: 'boolean' },
      'nothing-lost': { type: 'boolean' },
      reason: { type: 'string' },
      json: { type: 'boolean' },
      by: { type: 'string', default: userInfo().username },
    },
  });
  const wish = wishes.parse(values);
  const config = readRecoverConfig();
  const pool = new pg.Pool({ connectionString: config.DATABASE_ADMIN_URL, max: 4, options: '-c search_path=surety' });
  try {
    const incarnation = new Incarnation(pool);
    if (wish.since !== undefined) {
      await recover(Date.parse(wish.since), wish, config, pool, incarnation);
      return;
    }
    const isOpen = await incarnation.isOpen();
    if (wish.points) {
      await takePoints(new Recoveries(pool), isOpen);
      return;
    }
    if (isOpen && wish.reason === undefined) {
      say(
        'The ledger is open: nothing in it tells that it was restored. Whether Temporal knows more than it, a process says at its start.',
      );
      return;
    }
    if (wish.reason === undefined) {
      say(`The ledger is closed: it was restored, or is being recovered. API and worker wait.\n${usage}`);
      process.exitCode = 1;
      return;
    }
    await incarnation.reopenWithNothingLost(wish.reason, wish.by);
    say('The ledger is open as it stands. API and worker go on by themselves.');
  } finally {
    await pool.end();
  }
}

/** Whoever waits for a recovery looks in now and then, and is gone in a moment. @returns who is not */
async function closeToAll(incarnation: Incarnation): Promise<readonly string[]> {
  const deadline = performance.now() + goneWithinMs;
  for (;;) {
    const { connected } = await incarnation.close();
    if (connected.length === 0 || performance.now() > deadline) return connected;
    await pause(100);
  }
}

async function recover(
  restoredTo: number,
  wish: Wish,
  config: ReturnType<typeof readRecoverConfig>,
  pool: pg.Pool,
  incarnation: Incarnation,
): Promise<void> {
  if (restoredTo > Date.now()) throw new Error('--since lies in the future: nothing was done');
  const recoveries = new Recoveries(pool);
  const connected = await closeToAll(incarnation);
  if (connected.length > 0) {
    throw new Error(
      `The ledger was open, and ${connected.join(' and ')} are connected from then: it is closed now to whoever comes. Stop all API and worker processes, then do this again.`,
    );
  }
  const known = await recoveries.knowsUntil();
  const since = Math.min(restoredTo, known ?? restoredTo) - marginMs;
  say(
    `The ledger is closed. It knows nothing after ${new Date(known ?? restoredTo).toISOString()}; looking from ${new Date(since).toISOString()} on.`,
  );
  const connection = Connection.lazy({ address: config.TEMPORAL_ADDRESS });
  const timeouts = { connectMs: 15_000, readMs: 15_000, confirmMs: 15_000 };
  const invoicebox = new InvoiceboxClient({ timeouts, userAgent });
  try {
    const found = await recoverSince(since, {
      temporal: temporalClient(connection, config),
      recoveries,
      recovery: new Recovery(pool),
      invoices: new InvoiceReader(invoicebox, new Partners(pool, new KeyRing(config.SURETY_KEYS)), {
        accountPerSecond: config.INVOICEBOX_CALLS_PER_SECOND_ACCOUNT,
        addressPerSecond: config.INVOICEBOX_CALLS_PER_SECOND_ADDRESS,
      }),
      say,
    });
    const violations = await readViolations(pool);
    const report: RecoveryReport = {
      ...found,
      lostSince: new Date(since).toISOString(),
      violations: violations.length,
    };
    for (const line of told(report)) say(line);
    if (violations.length > 0) {
      for (const { kind, subject } of violations) say(`  ${kind} of ${subject}`);
      say('The ledger stays closed: it violates its own rules. Keep this output, and ask whoever keeps Surety.');
      process.exitCode = 1;
    } else {
      const { epoch } = await incarnation.reopenRecovered(since, wish.by, report);
      say(`The ledger is open, in epoch ${epoch}. API and worker go on by themselves.`);
    }
    if (wish.json) say(JSON.stringify(report));
  } finally {
    await invoicebox.close();
    await connection.close();
  }
}

async function takePoints(recoveries: Recoveries, isOpen: boolean): Promise<void> {
  if (!isOpen) throw new Error('The ledger is closed: recover it first');
  let open = 0;
  for (let after: string | null = null; ;) {
    const page = await recoveries.pointsOwed(after, pageSize);
    for (const { partnerId, paymentId } of page) {
      const taken = await recoveries.takePoints(partnerId, paymentId, Date.now());
      if (taken.outcome === 'missing' || taken.outcome === 'not_paid') open += 1;
      say(`  ${paymentId}  ${JSON.stringify(taken)}`);
    }
    after = page.at(-1)?.paymentId ?? null;
    if (page.length < pageSize) break;
  }
  say(open === 0 ? 'No payment is left whose points are owed.' : `${open} are left whose points are owed.`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const problem =
    error instanceof z.ZodError ? z.prettifyError(error) : error instanceof Error ? error.message : String(error);
  process.stderr.write(`${problem}\n${error instanceof z.ZodError ? `${usage}\n` : ''}`);
  process.exitCode = 1;
}
