/**
 * Imports of credits, from the first byte of the body to the end: a method a SQL function (src/ledger/sql/credit_import*.sql).
 * `at` is milliseconds since 1970.
 */
import type pg from 'pg';
import { z } from 'zod';
import type { Actor } from '../domain/payment.js';
import { plainArray, textArray } from './arrays.js';
import { call, iso, type OnDeliveries } from './call.js';
import { outcome } from './outcomes.js';

export const importFormats = ['ndjson', 'csv'] as const;
export type ImportFormat = (typeof importFormats)[number];
export const importStates = ['receiving', 'running', 'finished', 'failed'] as const;

const count = z.number().refine(Number.isSafeInteger, 'is not a safe integer');
const creditImport = z.object({
  id: z.uuid(),
  state: z.enum(importStates),
  format: z.enum(importFormats),
  dryRun: z.boolean(),
  totalBytes: count,
  totalLines: count,
  linesDone: count,
  creditedLines: count,
  creditedPoints: count,
  alreadyCreditedLines: count,
  rejectedLines: count,
  membersCreated: count,
  failure: z.string().nullable(),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
});
const rejection = z.object({ line: count, reason: z.string(), field: z.string().nullable() });
const openOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('receiving'), importId: z.uuid(), reception: z.int() }),
  z.object({ outcome: z.literal('received'), importId: z.uuid(), sha256: z.string() }),
  outcome('other', 'too_many'),
]);
/** What an import came to, in numbers; and which file it was of, by its SHA-256. */
const told = creditImport
  .pick({
    ...{ state: true, dryRun: true, totalLines: true, creditedLines: true, creditedPoints: true },
    ...{ alreadyCreditedLines: true, rejectedLines: true },
  })
  .extend({ sha256: z.string() });
const endOutcome = z.object({ outcome: z.enum(['ended', 'already_ended']), told });
const importKeys = z.array(z.object({ partnerId: z.uuid(), importId: z.uuid() }));
const work = z.object({
  state: z.enum(importStates),
  format: z.enum(importFormats),
  header: z.string().nullable(),
  today: z.string().nullable(),
  chunks: z.array(z.int()),
});

export type ImportEnd = z.infer<typeof told>;
export type CreditImport = z.infer<typeof creditImport>;
export type Rejection = z.infer<typeof rejection>;
export type ImportOpening = z.infer<typeof openOutcome>;
export type ImportWork = z.infer<typeof work>;

/** Which import, and which try to receive its body. */
export interface Reception {
  readonly partnerId: string;
  readonly importId: string;
  readonly reception: number;
}

/** Lines of a chunk, as arrays of one length; `member` and `day` count from 1 into `members` and `days`, day 0 is never. */
export interface LineBatch {
  readonly members: readonly string[];
  readonly days: readonly string[];
  readonly ids: readonly string[];
  readonly lines: readonly number[];
  readonly member: readonly number[];
  readonly day: readonly number[];
  readonly points: readonly number[];
  readonly references: readonly string[];
  readonly refused: {
    readonly lines: readonly number[];
    readonly reasons: readonly string[];
    readonly fields: readonly (string | null)[];
  };
}

export class CreditImports {
  constructor(
    private readonly pool: pg.Pool,
    private readonly onDeliveries?: OnDeliveries,
  ) {}

  open(
    partnerId: string,
    upload: { keyHash: Buffer; format: ImportFormat; dryRun: boolean; actor: Actor; at: number },
    /** Of the partner's others. */
    most: { readonly receiving: number; readonly running: number },
  ): Promise<ImportOpening> {
    const { keyHash, format, dryRun, actor, at } = upload;
    return this.#call(openOutcome, 'credit_import_open', [
      ...[partnerId, keyHash, format, dryRun, actor, iso(at)],
      ...[most.receiving, most.running],
    ]);
  }

  receive(to: Reception, chunk: { n: number; firstLine: number; lines: number; bytes: Buffer }, at: number) {
    const { n, firstLine, lines, bytes } = chunk;
    return this.#call(outcome('stored', 'superseded'), 'credit_import_receive', [
      ...[to.partnerId, to.importId, to.reception, n, firstLine, lines],
      bytes,
      iso(at),
    ]);
  }

  start(to: Reception, body: { bytes: number; lines: number; sha256: Buffer; header: string | null }, at: number) {
    return this.#call(outcome('started', 'superseded'), 'credit_import_start', [
      ...[to.partnerId, to.importId, to.reception, body.bytes, body.lines],
      body.sha256,
      body.header,
      iso(at),
    ]);
  }

  abandon(to: Reception) {
    return this.#call(outcome('abandoned'), 'credit_import_abandon', [to.partnerId, to.importId, to.reception]);
  }

  work(partnerId: string, importId: string): Promise<ImportWork | null> {
    return this.#call(work.nullable(), 'credit_import_work', [partnerId, importId]);
  }

  /** A chunk that is still to be done. */
  async readChunk(
    partnerId: string,
    importId: string,
    n: number,
  ): Promise<{ firstLine: number; bytes: Buffer } | null> {
    const { rows } = await this.pool.query<{ first_line: string; bytes: Buffer }>({
      name: 'credit_import_read_chunk',
      text: 'SELECT first_line, bytes FROM credit_import_read_chunk($1, $2, $3)',
      values: [partnerId, importId, n],
    });
    const [row] = rows;
    return row === undefined ? null : { firstLine: Number(row.first_line), bytes: row.bytes };
  }

  apply(partnerId: string, importId: string, n: number, batch: LineBatch, at: number) {
    const { refused } = batch;
    return this.#call(outcome('applied', 'already_applied'), 'credit_import_apply', [
      ...[partnerId, importId, n],
      textArray(batch.members),
      plainArray(batch.days),
      plainArray(batch.ids),
      plainArray(batch.lines),
      plainArray(batch.member),
      plainArray(batch.day),
      plainArray(batch.points),
      textArray(batch.references),
      plainArray(refused.lines),
      plainArray(refused.reasons),
      plainArray(refused.fields),
      iso(at),
    ]);
  }

  /** Of all partners: those with lines to do, whose body has been here for so long. */
  running(graceMs: number, limit: number, at: number): Promise<{ partnerId: string; importId: string }[]> {
    return this.#call(importKeys, 'credit_imports_running', [graceMs, limit, iso(at)]);
  }

  /** Of all partners: uploads of which nothing has come for so long. */
  cut(quietMs: number, limit: number, at: number): Promise<{ partnerId: string; importId: string }[]> {
    return this.#call(importKeys, 'credit_imports_cut', [quietMs, limit, iso(at)]);
  }

  /** An upload of which nothing has come for so long, unless it has come again. */
  forget(partnerId: string, importId: string, quietMs: number, at: number) {
    return this.#call(outcome('forgotten', 'kept'), 'credit_import_forget', [partnerId, importId, quietMs, iso(at)]);
  }

  /** @returns how many rows went; 0: nothing is left */
  clear(partnerId: string, importId: string, limit: number): Promise<number> {
    return this.#call(z.int(), 'credit_import_clear', [partnerId, importId, limit]);
  }

  end(partnerId: string, importId: string, failure: string | null, at: number) {
    return this.#call(endOutcome, 'credit_import_end', [partnerId, importId, failure, iso(at)]);
  }

  get(partnerId: string, importId: string): Promise<CreditImport | null> {
    return this.#call(creditImport.nullable(), 'credit_import_get', [partnerId, importId]);
  }

  list(partnerId: string, before: string | null, limit: number): Promise<CreditImport[]> {
    return this.#call(z.array(creditImport), 'credit_import_list', [partnerId, before, limit]);
  }

  rejections(partnerId: string, importId: string, after: number, limit: number): Promise<Rejection[]> {
    return this.#call(z.array(rejection), 'credit_import_rejections', [partnerId, importId, after, limit]);
  }

  #call<T>(schema: z.ZodType<T>, name: string, args: readonly unknown[]): Promise<T> {
    return call(this.pool, schema, name, args, this.onDeliveries);
  }
}
