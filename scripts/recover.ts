/**
 * `npm run recover`: what is to be done about a restored ledger, which stays closed until then (docs/backup.md).
 * `-- --nothing-lost --reason …`: somebody answers for it that every commit is there, as after a promotion of a replica that
 * had everything.
 */
import { userInfo } from 'node:os';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { z } from 'zod';
import { readRecoverConfig } from '../src/config.js';
import { Incarnation } from '../src/ledger/incarnation.js';

const usage = `usage:
  npm run recover                                       says whether the ledger is open
  npm run recover -- --nothing-lost --reason "…"        opens it as it stands: every commit is there, and you know it
  --by <who>: your id, by default the name that you are logged in by`;

const text = (longest: number) => z.string().trim().min(1).max(longest);
const wishes = z
  .strictObject({
    'nothing-lost': z.boolean().default(false),
    reason: text(500).optional(),
    by: text(200),
  })
  .refine(({ 'nothing-lost': nothingLost, reason }) => nothingLost === (reason !== undefined), {
    message: '--reason belongs to --nothing-lost, and it needs one',
  });

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      'nothing-lost': { type: 'boolean' },
      reason: { type: 'string' },
      by: { type: 'string', default: userInfo().username },
    },
  });
  const wish = wishes.parse(values);
  const config = readRecoverConfig();
  const pool = new pg.Pool({ connectionString: config.DATABASE_ADMIN_URL, max: 2, options: '-c search_path=surety' });
  try {
    const incarnation = new Incarnation(pool);
    if (await incarnation.isOpen()) {
      say('The ledger is open: these are the books that were written in last.');
      return;
    }
    if (wish.reason === undefined) {
      say('The ledger is closed: it was restored, or is being recovered. API and worker wait.');
      say(usage);
      process.exitCode = 1;
      return;
    }
    await incarnation.reopenWithNothingLost(wish.reason, wish.by);
    say('The ledger is open as it stands. API and worker go on by themselves.');
  } finally {
    await pool.end();
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const problem =
    error instanceof z.ZodError ? z.prettifyError(error) : error instanceof Error ? error.message : String(error);
  process.stderr.write(`${problem}\n${error instanceof z.ZodError ? `${usage}\n` : ''}`);
  process.exitCode = 1;
}
