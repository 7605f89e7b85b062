/**
 * What is hashed, and how (docs/audit.md): written from that page, not from the ledger, and sharing nothing with it. A text is
 * the JSON of an array of strings and nulls as RFC 8785 has it, which is what JSON.stringify makes of one.
 */
import { createHash } from 'node:crypto';

export type Leaf = readonly (string | null)[];

export interface Header {
  readonly n: number;
  readonly previousHash: string;
  readonly skipHash: string;
  readonly root: string;
  readonly firstPosition: number;
  readonly entries: number;
  readonly sealedAt: string;
  readonly hash: string;
}

export const nothingBefore = '0'.repeat(64);

const sha256 = (...parts: (string | Uint8Array)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

export const leafHash = (leaf: Leaf): Buffer => sha256('\x00', JSON.stringify(leaf));
export const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer => sha256('\x01', left, right);

export const headerHash = (partnerId: string, header: Omit<Header, 'hash'>): string =>
  sha256(
    '\x02',
    JSON.stringify([
      'surety.block.1',
      partnerId,
      String(header.n),
      header.previousHash,
      header.skipHash,
      header.root,
      String(header.firstPosition),
      String(header.entries),
      header.sealedAt,
    ]),
  ).toString('hex');

/** Of a line of the log of what operators did. */
export const actHash = (n: string, fields: readonly (string | null)[], previousHash: string): string =>
  sha256('\x03', JSON.stringify(['surety.operator.1', n, ...fields, previousHash])).toString('hex');

/** The block that a block's second link leads to: its number without its lowest bit; 0: none. */
export const skipOf = (n: number): number => Number(BigInt(n) & (BigInt(n) - 1n));

/** Of a transfer, field by field in this order. */
const transferFields = [
  'format',
  'id',
  'paymentId',
  'kind',
  'amount',
  'debit',
  'debitKind',
  'debitOwner',
  'debitAsset',
  'credit',
  'creditKind',
  'creditOwner',
  'creditAsset',
  'reference',
  'actor',
  'at',
  'origin',
] as const;
/** Of an event of a payment. */
const eventFields = ['format', 'paymentId', 'seq', 'type', 'body', 'at'] as const;

export type TransferFields = Readonly<Record<(typeof transferFields)[number], string | null>>;
export type EventFields = Readonly<Record<(typeof eventFields)[number], string | null>>;

export const transferFormat = 'surety.transfer.1';
export const eventFormat = 'surety.event.1';

/** @returns the leaf's fields by name; undefined where it is neither a transfer nor an event of the formats known here */
export function readLeaf(
  leaf: Leaf,
):
  | { readonly kind: 'transfer'; readonly fields: TransferFields }
  | { readonly kind: 'event'; readonly fields: EventFields }
  | undefined {
  const named = (names: readonly string[]) =>
    Object.fromEntries(names.map((name, index) => [name, leaf[index] ?? null])) as Record<string, string | null>;
  if (leaf[0] === transferFormat && leaf.length === transferFields.length)
    return { kind: 'transfer', fields: named(transferFields) as TransferFields };
  if (leaf[0] === eventFormat && leaf.length === eventFields.length)
    return { kind: 'event', fields: named(eventFields) as EventFields };
  return undefined;
}
