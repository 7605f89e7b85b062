/**
 * All books of a database: every chain against the rows, every balance against the sum of its entries, and the log of what
 * operators did. Reads alone.
 */
import type pg from 'pg';
import { verifyActs, type ActsVerdict } from './acts.js';
import { verifyChain, type ChainVerdict } from './chain.js';

export interface LedgerVerdict {
  readonly chains: readonly (ChainVerdict & { readonly partnerId: string; readonly slug: string })[];
  readonly balances: readonly string[];
  readonly acts: ActsVerdict;
}

const mostBalances = 20;

/**
 * @param kept hashes of blocks that somebody has kept, by partner and number
 * @param onProgress what is being done, and how many entries are checked
 */
export async function verifyLedger(
  client: pg.ClientBase,
  kept: ReadonlyMap<string, ReadonlyMap<number, string>>,
  onProgress: (what: string, entries: number) => void,
): Promise<LedgerVerdict> {
  // One moment of the books: what is written and sealed meanwhile is not seen, and nobody waits for us.
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    const { rows: partners } = await client.query<{ id: string; slug: string }>(
      'SELECT id, slug FROM surety.partner ORDER BY id',
    );
    if (partners.length === 0)
      throw new Error(
        'No partner is to be seen here: connect as surety_monitor or as a superuser, to the right database.',
      );
    // A block meets accounts by the million, by their index.
    await client.query('SET LOCAL enable_hashjoin = off');
    await client.query('SET LOCAL enable_mergejoin = off');
    await client.query('SET LOCAL enable_seqscan = off');
    const chains: (ChainVerdict & { partnerId: string; slug: string })[] = [];
    let entries = 0;
    for (const { id, slug } of partners) {
      const verdict = await verifyChain(client, id, kept.get(id) ?? new Map<number, string>(), (count) => {
        entries += count;
        onProgress(`the chain of ${slug}`, entries);
      });
      chains.push({ partnerId: id, slug, ...verdict });
    }
    onProgress('balances', entries);
    const balances = await wrongBalances(client);
    return { chains, balances, acts: await verifyActs(client) };
  } finally {
    await client.query('ROLLBACK');
  }
}

async function wrongBalances(client: pg.ClientBase): Promise<string[]> {
  await client.query('SET LOCAL enable_hashjoin = on');
  await client.query('SET LOCAL enable_seqscan = on');
  const { rows } = await client.query<Record<'id' | 'kind' | 'asset' | 'balance' | 'sum', string>>(
    `SELECT account.id::text, account.kind, account.asset, account.balance::text, coalesce(moved.sum, 0)::text AS sum
     FROM surety.account LEFT JOIN (
       SELECT id, sum(amount) AS sum FROM (
         SELECT credit AS id, amount FROM surety.transfer UNION ALL SELECT debit, -amount FROM surety.transfer) AS side
       GROUP BY id) AS moved ON moved.id = account.id
     WHERE account.balance <> coalesce(moved.sum, 0) ORDER BY account.id LIMIT $1`,
    [mostBalances],
  );
  return rows.map(
    ({ id, kind, asset, balance, sum }) => `account ${id} (${kind}, ${asset}) has ${balance}, its entries make ${sum}`,
  );
}
