/**
 * A passport, checked offline: that what it says stands in the texts that were hashed, that those stand in their blocks, and
 * that the blocks lead to the chain's head.
 */
import { z } from 'zod';
import {
  headerHash,
  leafHash,
  readLeaf,
  skipOf,
  type EventFields,
  type Header,
  type TransferFields,
} from './formats.js';
import { rootFrom } from './merkle.js';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const whole = z.number().refine(Number.isSafeInteger, 'is not a whole number');
const header = z.object({
  n: whole.min(1),
  previousHash: hash,
  skipHash: hash,
  root: hash,
  firstPosition: whole.min(1),
  entries: whole.min(1),
  sealedAt: z.string(),
  hash,
});
const entry = z.object({
  id: z.string(),
  kind: z.string(),
  debit: z.string(),
  credit: z.string(),
  asset: z.string(),
  amount: whole,
  reference: z.string(),
  at: z.string(),
});
const event = z.object({ seq: whole, type: z.string(), body: z.unknown(), at: z.string() });
const passport = z.object({
  paymentId: z.string(),
  state: z.string(),
  amountMinor: whole.nullable(),
  currency: z.string().nullable(),
  transactionId: z.string().nullable(),
  pointsCaptured: whole,
  fundDrawnMinor: whole,
  entries: z.array(entry),
  events: z.array(event),
  audit: z.object({
    partnerId: z.string(),
    head: z.object({ n: whole, hash }).nullable(),
    blocks: z.array(header),
    proofs: z.array(
      z.object({
        leaf: z.array(z.string().nullable()),
        block: whole.nullable(),
        index: whole.nullable(),
        path: z.array(hash),
      }),
    ),
  }),
});
type Passport = z.infer<typeof passport>;
type Proof = Passport['audit']['proofs'][number];

/** A block's number and hash that somebody has kept from before. */
export interface KnownHead {
  readonly n: number;
  readonly hash: string;
}

export interface PassportVerdict {
  /** What is wrong, the first first; none: the passport is what was sealed. */
  readonly findings: readonly string[];
  readonly sealed: number;
  readonly pending: number;
  readonly head: KnownHead | null;
}

export function verifyPassport(json: unknown, known: KnownHead | null): PassportVerdict {
  const parsed = passport.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return {
      findings: [`it is no passport: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`],
      ...{ sealed: 0, pending: 0, head: null },
    };
  }
  const { data } = parsed;
  const { blocks, proofs, head } = data.audit;
  const blocksByNumber = new Map(blocks.map((block) => [block.n, block]));
  const findings = [
    ...says(data),
    ...proofs.flatMap((proof) => (proof.block === null ? [] : stands(proof, blocksByNumber.get(proof.block)))),
    ...leads(data, blocksByNumber, known),
  ];
  const pending = proofs.filter((proof) => proof.block === null).length;
  return { findings, sealed: proofs.length - pending, pending, head };
}

/** That the texts which were hashed say what the passport says. */
function says({ entries, events, audit, ...told }: Passport): string[] {
  const findings: string[] = [];
  const transfers = new Map<string, TransferFields>();
  const happened = new Map<string, EventFields>();
  for (const { leaf } of audit.proofs) {
    const read = readLeaf(leaf);
    if (read === undefined) findings.push(`the format ${String(leaf[0])} is not known here`);
    else if (read.fields.paymentId !== told.paymentId) findings.push(`${nameOf(leaf)} is of another payment`);
    else if (read.kind === 'transfer') transfers.set(read.fields.id ?? '', read.fields);
    else happened.set(read.fields.seq ?? '', read.fields);
  }
  if (transfers.size + happened.size !== audit.proofs.length) findings.push('an entry is proven twice, or not its own');
  for (const entry of entries) {
    const sealed = transfers.get(entry.id);
    transfers.delete(entry.id);
    if (sealed === undefined) findings.push(`entry ${entry.id} (${entry.kind}) has no proof`);
    else if (!isThisTransfer(entry, sealed)) findings.push(`entry ${entry.id} (${entry.kind}) is not what was sealed`);
  }
  for (const event of events) {
    const sealed = happened.get(String(event.seq));
    happened.delete(String(event.seq));
    if (sealed === undefined) findings.push(`event ${event.seq} (${event.type}) has no proof`);
    else if (!isThisEvent(event, sealed)) findings.push(`event ${event.seq} (${event.type}) is not what was sealed`);
  }
  for (const id of transfers.keys()) findings.push(`entry ${id} was sealed, and the passport leaves it out`);
  for (const seq of happened.keys()) findings.push(`event ${seq} was sealed, and the passport leaves it out`);

  const sum = (kind: string) =>
    entries.filter((entry) => entry.kind === kind).reduce((total, { amount }) => total + amount, 0);
  if (sum('capture') !== told.pointsCaptured) findings.push('pointsCaptured is not the sum of its captures');
  if (sum('draw') !== told.fundDrawnMinor) findings.push('fundDrawnMinor is not the sum of its draws');
  const paid = z
    .object({ transactionId: z.string(), amountMinor: whole, currency: z.string() })
    .safeParse(events.find((event) => event.type === 'payment.paid')?.body).data;
  if (told.state === 'paid' && paid === undefined) findings.push('it says paid, and no event does');
  if (paid !== undefined) {
    for (const name of ['transactionId', 'amountMinor', 'currency'] as const) {
      if (told[name] !== paid[name]) findings.push(`${name} is not that of the event payment.paid`);
    }
  }
  return findings;
}

const isThisTransfer = (entry: z.infer<typeof passport>['entries'][number], sealed: TransferFields): boolean =>
  entry.kind === sealed.kind &&
  entry.debit === sealed.debitKind &&
  entry.credit === sealed.creditKind &&
  entry.asset === sealed.debitAsset &&
  entry.asset === sealed.creditAsset &&
  String(entry.amount) === sealed.amount &&
  entry.reference === sealed.reference &&
  isSameMoment(entry.at, sealed.at);

const isThisEvent = (event: z.infer<typeof passport>['events'][number], sealed: EventFields): boolean =>
  event.type === sealed.type && isSameMoment(event.at, sealed.at) && isSameJson(event.body, parsedOr(sealed.body));

function parsedOr(text: string | null): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    // Nothing that a passport could say equals it.
    return undefined;
  }
}

function isSameJson(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return one === other;
  const [ours, theirs] = [Object.entries(one), new Map(Object.entries(other))];
  return (
    Array.isArray(one) === Array.isArray(other) &&
    ours.length === theirs.size &&
    ours.every(([key, value]) => theirs.has(key) && isSameJson(value, theirs.get(key)))
  );
}

/** To the microsecond, however it is written. */
function isSameMoment(one: string, other: string | null): boolean {
  const microseconds = (text: string) => {
    const fraction = /\.(\d{1,6})/.exec(text)?.[1] ?? '';
    return BigInt(Date.parse(text.replace(/\.\d+/, ''))) * 1_000n + BigInt(fraction.padEnd(6, '0'));
  };
  const isTime = (text: string) => !Number.isNaN(Date.parse(text));
  return other !== null && isTime(one) && isTime(other) && microseconds(one) === microseconds(other);
}

/** That a text stands at its place of its block. */
function stands({ leaf, block: n, index, path }: Proof, block: Header | undefined): string[] {
  if (block === undefined) return [`${nameOf(leaf)} names block ${String(n)}, which is not there`];
  const neighbours = path.map((text) => Buffer.from(text, 'hex'));
  const root = index === null ? undefined : rootFrom(leafHash(leaf), index, block.entries, neighbours);
  if (root?.toString('hex') === block.root) return [];
  return [`${nameOf(leaf)} does not stand in block ${block.n}: it, its path or the block was touched`];
}

/** That the blocks are whole, and that links lead from the head to each of them. */
function leads({ audit }: Passport, blocks: ReadonlyMap<number, Header>, known: KnownHead | null): string[] {
  const findings: string[] = [];
  const { head, partnerId, proofs } = audit;
  if (blocks.size !== audit.blocks.length) findings.push('two blocks have one number');
  for (const block of blocks.values()) {
    if (headerHash(partnerId, block) !== block.hash) findings.push(`block ${block.n} does not have its hash`);
  }
  const reached = new Set<number>();
  const reach = (n: number, hash: string, by: string) => {
    const block = blocks.get(n);
    if (block === undefined) return;
    if (block.hash !== hash) findings.push(`block ${n} is not the one that ${by} names`);
    reached.add(n);
  };
  if (head !== null) reach(head.n, head.hash, 'the head');
  for (const block of [...blocks.values()].sort((one, other) => other.n - one.n)) {
    if (!reached.has(block.n)) continue;
    reach(block.n - 1, block.previousHash, `block ${block.n}`);
    reach(skipOf(block.n), block.skipHash, `block ${block.n}`);
  }
  for (const n of new Set(proofs.flatMap(({ block }) => (block === null ? [] : [block])))) {
    if (blocks.has(n) && !reached.has(n)) findings.push(`nothing leads from the head to block ${n}`);
  }
  if (known !== null) {
    const there = known.n === head?.n ? head : blocks.get(known.n);
    if (there === undefined) findings.push(`the passport does not pass by block ${known.n}, which you have kept`);
    else if (there.hash !== known.hash) findings.push(`block ${known.n} is not the one that you have kept`);
  }
  return findings;
}

function nameOf(leaf: readonly (string | null)[]): string {
  const read = readLeaf(leaf);
  switch (read?.kind) {
    case 'transfer':
      return `entry ${read.fields.id ?? ''} (${read.fields.kind ?? ''})`;
    case 'event':
      return `event ${read.fields.seq ?? ''} (${read.fields.type ?? ''})`;
    case undefined:
      return 'an entry of an unknown format';
  }
}
