/** What stands in the books, read as texts from the tables themselves: nothing of the ledger's views or functions is asked. */
import type pg from 'pg';
import { eventFormat, leafHash, transferFormat, type Leaf } from './formats.js';

/** A row that is, or should be, in a chain. */
export interface Row {
  readonly xid: bigint;
  /** Hexadecimal: 00 and the id of a transfer, 01 and that of an event; this is their order within a transaction. */
  readonly key: string;
  readonly leaf: Leaf;
  readonly hash: Buffer;
}

/** After the first and up to the second, by transaction and then by key. */
export interface Span {
  readonly partnerId: string;
  readonly afterXid: string;
  readonly afterKey: string;
  readonly toXid: string;
  readonly toKey: string;
}

const isWithin = (key: string) => `xid >= $2::xid8 AND (xid > $2::xid8 OR ${key} > decode($3, 'hex'))
  AND xid <= $4::xid8 AND (xid < $4::xid8 OR ${key} <= decode($5, 'hex'))`;
const transferKey = `'\\x00'::bytea || uuid_send(t.id)`;
const eventKey = `'\\x010000000000000000'::bytea || int8send(e.id)`;
const utc = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

const transfers = (where: string) => `
  SELECT t.xid::text, encode(${transferKey}, 'hex'), t.id::text, t.payment_id::text, t.kind, t.amount::text,
    t.debit::text, d.kind, d.owner::text, d.asset, t.credit::text, c.kind, c.owner::text, c.asset,
    t.reference, t.actor::text, ${utc('t.at')}, t.origin::text
  FROM surety.transfer t LEFT JOIN surety.account d ON d.id = t.debit LEFT JOIN surety.account c ON c.id = t.credit
  WHERE ${where}`;
const events = (where: string) => `
  SELECT e.xid::text, encode(${eventKey}, 'hex'), e.payment_id::text, e.seq::text, e.type, e.body::text, ${utc('e.at')}
  FROM surety.payment_event e
  WHERE ${where}`;

async function read(client: pg.ClientBase, format: string, text: string, values: unknown[]): Promise<Row[]> {
  const { rows } = await client.query<[string, string, ...(string | null)[]]>({ text, values, rowMode: 'array' });
  return rows.map(([xid, key, ...fields]) => {
    const leaf = [format, ...fields];
    return { xid: BigInt(xid), key, leaf, hash: leafHash(leaf) };
  });
}

const inOrder = (one: Row, other: Row): number =>
  one.xid === other.xid ? (one.key < other.key ? -1 : 1) : one.xid < other.xid ? -1 : 1;

/** The first rows of a span in the order of a chain, at most so many. */
export async function readSpan(client: pg.ClientBase, span: Span, most: number): Promise<Row[]> {
  const values = [span.partnerId, span.afterXid, span.afterKey, span.toXid, span.toKey, most];
  const both = [
    ...(await read(
      client,
      transferFormat,
      `${transfers(`t.partner_id = $1 AND ${isWithin(transferKey)}`)} ORDER BY t.xid, t.id LIMIT $6`,
      values,
    )),
    ...(await read(
      client,
      eventFormat,
      `${events(`e.partner_id = $1 AND ${isWithin(eventKey)}`)} ORDER BY e.xid, e.id LIMIT $6`,
      values,
    )),
  ];
  return both.sort(inOrder).slice(0, most);
}

/** A row by its key, wherever it stands now. */
export async function readByKey(client: pg.ClientBase, key: string): Promise<Row | undefined> {
  const [row] = key.startsWith('00')
    ? await read(client, transferFormat, transfers('t.id = $1::uuid'), [key.slice(2)])
    : await read(client, eventFormat, events('e.id = $1::bigint'), [String(BigInt(`0x${key.slice(2)}`))]);
  return row;
}

/** How many rows no block holds yet. */
export async function countAfter(
  client: pg.ClientBase,
  { partnerId, afterXid, afterKey }: Pick<Span, 'partnerId' | 'afterXid' | 'afterKey'>,
): Promise<number> {
  const isAfter = (key: string) => `xid >= $2::xid8 AND (xid > $2::xid8 OR ${key} > decode($3, 'hex'))`;
  const { rows } = await client.query<{ count: string }>(
    `SELECT (SELECT count(*) FROM surety.transfer t WHERE t.partner_id = $1 AND ${isAfter(transferKey)})
       + (SELECT count(*) FROM surety.payment_event e WHERE e.partner_id = $1 AND ${isAfter(eventKey)}) AS count`,
    [partnerId, afterXid, afterKey],
  );
  return Number(rows[0]?.count);
}

/** Names an entry by its key, for people. */
export function nameOf(key: string): string {
  if (key.startsWith('01')) return `event ${String(BigInt(`0x${key.slice(2)}`))} (payment_event.id)`;
  const id = key.slice(2);
  return `transfer ${[id.slice(0, 8), id.slice(8, 12), id.slice(12, 16), id.slice(16, 20), id.slice(20)].join('-')}`;
}
