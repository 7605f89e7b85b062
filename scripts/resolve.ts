/**
 * `npm run resolve`: the payments in review. `npm run resolve -- <payment> <paid|not_paid|paid_elsewhere> …` ends one with a
 * person's evidence: the payment's workflow reads the invoice again, says what it read, and refuses the impossible.
 */
import { userInfo } from 'node:os';
import { parseArgs } from 'node:util';
import { Connection } from '@temporalio/client';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { resolveReview, type Resolved } from '../src/api/payments/resolutions.js';
import { readResolveConfig } from '../src/config.js';
import { Recovery } from '../src/ledger/recovery.js';
import { temporalClient } from '../src/temporalClient.js';

const usage = `usage:
  npm run resolve                      lists the payments in review
  npm run resolve -- <payment>         shows one
  npm run resolve -- <payment> paid            --transaction <Invoicebox's id> --reason … --comment … --reference …
  npm run resolve -- <payment> not_paid        --reason … --comment … --reference …
  npm run resolve -- <payment> paid_elsewhere  --reason … --comment … --reference …   (the reference proves who paid)
  --by <who>: your id, by default the name that you are logged in by`;

const text = (longest: number) => z.string().trim().min(1).max(longest);
const wish = z
  .strictObject({
    outcome: z.enum(['paid', 'not_paid', 'paid_elsewhere']),
    transaction: z
      .string()
      .regex(/^[!-~]{1,36}$/)
      .optional(),
    reason: z.string().regex(/^[a-z0-9_]{1,64}$/, 'must be a code: 1 to 64 of a-z, 0-9 and _'),
    comment: text(2_000),
    reference: text(200),
    by: z.string().regex(/^[!-~]{1,200}$/, 'must be visible ASCII without spaces'),
  })
  .refine(({ outcome, transaction }) => (outcome === 'paid') === (transaction !== undefined), {
    message: '--transaction belongs to `paid`, and only to it',
  });

const mostListed = 500;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(args: readonly string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      transaction: { type: 'string' },
      reason: { type: 'string' },
      comment: { type: 'string' },
      reference: { type: 'string' },
      by: { type: 'string', default: userInfo().username },
    },
  });
  const [payment, outcome, ...rest] = positionals;
  if (rest.length > 0) throw new Error(usage);
  const paymentId = payment === undefined ? null : z.uuid().parse(payment);
  const decided = outcome === undefined ? null : wish.parse({ outcome, ...values });

  const config = readResolveConfig();
  const pool = new pg.Pool({ connectionString: config.DATABASE_ADMIN_URL, max: 1, options: '-c search_path=surety' });
  const connection = Connection.lazy({ address: config.TEMPORAL_ADDRESS });
  try {
    const recovery = new Recovery(pool);
    const waiting = await recovery.reviewQueue(paymentId, mostListed);
    if (paymentId === null || decided === null) {
      for (const one of waiting) say(JSON.stringify(one));
      if (waiting.length === 0) say(paymentId === null ? 'Nothing is in review.' : 'There is no such payment.');
      return;
    }
    const [found] = waiting;
    if (found === undefined) throw new Error('There is no such payment.');
    const answer = await resolveReview(temporalClient(connection, config), recovery, {
      partnerId: found.partnerId,
      paymentId,
      resolutionId: uuidv7(),
      outcome: decided.outcome,
      transactionId: decided.transaction ?? null,
      reason: decided.reason,
      comment: decided.comment,
      reference: decided.reference,
      actor: { kind: 'operator', id: decided.by },
    });
    say(wordsOf(answer));
    say(JSON.stringify(answer));
    if (answer.kind !== 'resolved') process.exitCode = 1;
  } finally {
    await pool.end();
    await connection.close();
  }
}

function wordsOf(answer: Resolved): string {
  switch (answer.kind) {
    case 'resolved':
      return `Done: the payment is ${answer.state}${answer.reason === null ? '' : ` (${answer.reason})`}. The invoice reads ${answer.read?.status ?? 'nothing'}.`;
    case 'refused':
      return `Refused, nothing was changed: ${answer.why}. The invoice reads ${answer.read?.status ?? 'nothing: it could not be read'}.`;
    case 'not_in_review':
      return `Nothing was changed: the payment is ${answer.state}, not in review.`;
    case 'not_found':
      return 'Nothing was changed: there is no such payment.';
    case 'unanswered':
      return 'The workflow has not answered: it is not known whether this counts. Look at the payment again before you repeat it.';
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const problem =
    error instanceof z.ZodError ? z.prettifyError(error) : error instanceof Error ? error.message : String(error);
  process.stderr.write(`Nothing was changed.\n${problem}\n${error instanceof z.ZodError ? usage : ''}\n`);
  process.exitCode = 1;
}
