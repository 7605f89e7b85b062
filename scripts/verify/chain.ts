/** One partner's chain, block by block from the first, against the rows that stand in the books now. */
import type pg from 'pg';
import { headerHash, nothingBefore, skipOf, type Header } from './formats.js';
import { rootOf } from './merkle.js';
import { countAfter, nameOf, readByKey, readSpan, type Row } from './rows.js';

export interface ChainVerdict {
  readonly blocks: number;
  readonly entries: number;
  readonly pending: number;
  readonly head: { readonly n: number; readonly hash: string } | null;
  /** The first thing that was touched; null: nothing was. */
  readonly finding: string | null;
}

interface Block extends Header {
  readonly throughXid: string;
  readonly throughKey: string;
  readonly keys: Buffer;
  readonly leaves: Buffer;
}

const keyBytes = 17;
const hashBytes = 32;
const blocksAtOnce = 20;

/** @param kept a block's hash that somebody has kept, by its number */
export async function verifyChain(
  client: pg.ClientBase,
  partnerId: string,
  kept: ReadonlyMap<number, string>,
  onEntries: (count: number) => void,
): Promise<ChainVerdict> {
  const hashes = [nothingBefore];
  let entries = 0;
  let after = { afterXid: '0', afterKey: '' };
  const verdict = async (finding: string | null): Promise<ChainVerdict> => {
    const n = hashes.length - 1;
    const pending = finding === null ? await countAfter(client, { partnerId, ...after }) : 0;
    return { blocks: n, entries, pending, head: n === 0 ? null : { n, hash: hashes[n] ?? '' }, finding };
  };
  for (;;) {
    const page = await readBlocks(client, partnerId, hashes.length);
    for (const block of page) {
      const finding =
        block.n === hashes.length
          ? ((await touchedEntry(client, partnerId, block, after)) ??
            touchedBlock(partnerId, block, { hashes, firstPosition: entries + 1, kept: kept.get(block.n) }))
          : `block ${hashes.length} was removed`;
      if (finding !== null) return verdict(finding);
      hashes.push(block.hash);
      entries += block.entries;
      after = { afterXid: block.throughXid, afterKey: block.throughKey };
      onEntries(block.entries);
    }
    if (page.length < blocksAtOnce) break;
  }
  const missing = [...kept.keys()].sort((one, other) => one - other).find((n) => n >= hashes.length);
  return verdict(missing === undefined ? null : `block ${missing}, which you have kept, was removed`);
}

async function readBlocks(client: pg.ClientBase, partnerId: string, from: number): Promise<Block[]> {
  const { rows } = await client.query<Record<string, string> & { entries: number; keys: Buffer; leaves: Buffer }>(
    `SELECT n::text, encode(previous_hash, 'hex') AS previous, encode(skip_hash, 'hex') AS skip, encode(root, 'hex') AS root,
       first_position::text AS position, entries, encode(hash, 'hex') AS hash, through_xid::text AS xid,
       encode(through_key, 'hex') AS key, keys, leaves,
       to_char(sealed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS sealed_at
     FROM surety.audit_block WHERE partner_id = $1 AND n >= $2 ORDER BY n LIMIT $3`,
    [partnerId, from, blocksAtOnce],
  );
  return rows.map((row) => ({
    n: Number(row['n']),
    previousHash: row['previous'] ?? '',
    skipHash: row['skip'] ?? '',
    root: row['root'] ?? '',
    firstPosition: Number(row['position']),
    entries: row.entries,
    sealedAt: row['sealed_at'] ?? '',
    hash: row['hash'] ?? '',
    throughXid: row['xid'] ?? '',
    throughKey: row['key'] ?? '',
    keys: row.keys,
    leaves: row.leaves,
  }));
}

/** Compares the rows with what the block lists, one by one. */
async function touchedEntry(
  client: pg.ClientBase,
  partnerId: string,
  block: Block,
  after: { readonly afterXid: string; readonly afterKey: string },
): Promise<string | null> {
  const span = { partnerId, ...after, toXid: block.throughXid, toKey: block.throughKey };
  // One more than there should be shows that one was put in.
  const rows = await readSpan(client, span, block.entries + 1);
  const keys = Array.from({ length: block.entries }, (_, index) =>
    block.keys.toString('hex', keyBytes * index, keyBytes * (index + 1)),
  );
  const place = (index: number) => `position ${block.firstPosition + index}, block ${block.n}`;
  for (let index = 0; index < Math.max(keys.length, rows.length); index++) {
    const row = rows[index];
    const key = keys[index];
    if (row !== undefined && row.key === key) {
      if (row.hash.equals(block.leaves.subarray(hashBytes * index, hashBytes * (index + 1)))) continue;
      return isWhatWasSealed(rows, block)
        ? `the list of hashes of block ${block.n} was changed at ${nameOf(row.key)} (${place(index)}); the entry is as it was sealed`
        : `${nameOf(row.key)} was changed (${place(index)}); it reads now ${JSON.stringify(row.leaf)}`;
    }
    if (row !== undefined && !keys.includes(row.key)) {
      return `${nameOf(row.key)} was put in after the sealing (before ${place(index)}); it reads ${JSON.stringify(row.leaf)}`;
    }
    if (key === undefined) break;
    if ((await readByKey(client, key)) === undefined) return `${nameOf(key)} was removed (${place(index)})`;
    const moved = row !== undefined && rows[index + 1]?.key === key ? row.key : key;
    return `${nameOf(moved)} was moved to another transaction or partner (seen at ${place(index)})`;
  }
  return null;
}

const isWhatWasSealed = (rows: readonly Row[], { entries, root }: Block): boolean =>
  rows.length === entries && rootOf(Buffer.concat(rows.map(({ hash }) => hash))).toString('hex') === root;

function touchedBlock(
  partnerId: string,
  block: Block,
  expected: {
    readonly hashes: readonly string[];
    readonly firstPosition: number;
    readonly kept: string | undefined;
  },
): string | null {
  const { n } = block;
  if (block.leaves.length !== hashBytes * block.entries || rootOf(block.leaves).toString('hex') !== block.root)
    return `block ${n} was changed: its entries do not make its root`;
  if (block.firstPosition !== expected.firstPosition) return `block ${n} was changed: its first position`;
  if (block.previousHash !== expected.hashes[n - 1])
    return `block ${n} does not follow block ${n - 1}: one was changed`;
  if (block.skipHash !== expected.hashes[skipOf(n)]) return `block ${n} does not follow block ${skipOf(n)}`;
  if (headerHash(partnerId, block) !== block.hash) return `block ${n} was changed: it does not have its hash`;
  if (expected.kept !== undefined && expected.kept !== block.hash)
    return `block ${n} is not the one that you have kept: the chain was made anew`;
  return null;
}
