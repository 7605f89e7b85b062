/**
 * Statements of the fund's account, from the first byte of the body until each line is among those that are known: a method
 * a SQL function (src/ledger/sql/statement_upload.sql, statement_take.sql). `at` is milliseconds since 1970.
 */
import type pg from 'pg';
import { z } from 'zod';
import type { Actor } from '../domain/payment.js';
import type { StatementMapping } from '../domain/statement.js';
import type { Turnover } from '../domain/statementBalances.js';
import { plainArray, textArray } from './arrays.js';
import { call, iso } from './call.js';
import { outcome } from './outcomes.js';

export const statementStates = ['received', 'taken', 'reconciled', 'rejected'] as const;

const count = z.number().refine(Number.isSafeInteger, 'is not a safe integer');
const turnover = z.object({
  currency: z.string(),
  openingMinor: count.nullable(),
  closingMinor: count.nullable(),
  inMinor: count,
  outMinor: count,
});
const statement = z.object({
  id: z.uuid(),
  state: z.enum(statementStates),
  coversFrom: z.string(),
  coversTo: z.string(),
  currencies: z.array(z.string()),
  balances: z.array(turnover),
  totalLines: count,
  movements: count,
  newMovements: count,
  createdAt: z.string(),
  reconciledAt: z.string().nullable(),
});
const openOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('receiving'), statementId: z.uuid(), reception: z.int() }),
  z.object({ outcome: z.literal('received'), statementId: z.uuid(), sha256: z.string() }),
]);
const startOutcome = z.discriminatedUnion('outcome', [
  outcome('received', 'superseded'),
  z.object({ outcome: z.literal('out_of_period'), line: z.int() }),
]);
const mapping = z.custom<StatementMapping>((value) => typeof value === 'object' && value !== null);

export type Statement = z.infer<typeof statement>;
export type StatementOpening = z.infer<typeof openOutcome>;
export type StatementStart = z.infer<typeof startOutcome>;

/** Which statement, and which try to receive its body. */
export interface StatementReception {
  readonly partnerId: string;
  readonly statementId: string;
  readonly reception: number;
}

/** Movements as arrays of one length; identities are 32 hex digits. */
export interface MovementBatch {
  readonly identities: string[];
  readonly lines: number[];
  readonly moments: string[];
  readonly transactions: (string | null)[];
  readonly operations: (string | null)[];
  readonly numbers: (string | null)[];
  readonly amounts: number[];
  readonly currencies: string[];
}

export class Statements {
  constructor(private readonly pool: pg.Pool) {}

  mapping(partnerId: string): Promise<StatementMapping | null> {
    return this.#call(mapping.nullable(), 'statement_mapping_get', [partnerId]);
  }

  putMapping(partnerId: string, changed: StatementMapping, actor: Actor, at: number) {
    return this.#call(outcome('changed'), 'statement_mapping_put', [partnerId, changed, actor, iso(at)]);
  }

  open(
    partnerId: string,
    upload: { keyHash: Buffer; mapping: StatementMapping; actor: Actor; at: number },
  ): Promise<StatementOpening> {
    const { keyHash, actor, at } = upload;
    return this.#call(openOutcome, 'statement_open', [partnerId, keyHash, upload.mapping, actor, iso(at)]);
  }

  receive(to: StatementReception, batch: MovementBatch, at: number) {
    return this.#call(outcome('stored', 'superseded'), 'statement_receive', [
      ...[to.partnerId, to.statementId, to.reception],
      plainArray(batch.identities),
      plainArray(batch.lines),
      textArray(batch.moments),
      textArray(batch.transactions),
      textArray(batch.operations),
      textArray(batch.numbers),
      plainArray(batch.amounts),
      plainArray(batch.currencies),
      iso(at),
    ]);
  }

  /** @param period whole days of the statement's zone that it was said to cover */
  start(
    to: StatementReception,
    body: {
      period: { from: string | null; to: string | null };
      currencies: readonly string[];
      balances: readonly Turnover[];
      totalLines: number;
      movements: number;
      sha256: Buffer;
    },
    at: number,
  ): Promise<StatementStart> {
    return this.#call(startOutcome, 'statement_start', [
      ...[to.partnerId, to.statementId, to.reception, body.period.from, body.period.to],
      [...body.currencies],
      JSON.stringify(body.balances),
      body.totalLines,
      body.movements,
      body.sha256,
      iso(at),
    ]);
  }

  abandon(to: StatementReception) {
    return this.#call(outcome('abandoned'), 'statement_abandon', [to.partnerId, to.statementId, to.reception]);
  }

  get(partnerId: string, statementId: string): Promise<Statement | null> {
    return this.#call(statement.nullable(), 'statement_get', [partnerId, statementId]);
  }

  list(partnerId: string, before: string | null, limit: number): Promise<Statement[]> {
    return this.#call(z.array(statement), 'statement_list', [partnerId, before, limit]);
  }

  /** So many lines of the statement that waits longest. */
  take(partnerId: string, limit: number) {
    return this.#call(outcome('more', 'taken', 'nothing'), 'statement_take', [partnerId, limit]);
  }

  /** @returns how many rows went; 0: nothing is left */
  clear(partnerId: string, limit: number): Promise<number> {
    return this.#call(z.int(), 'statement_clear', [partnerId, limit]);
  }

  /** Of statements that were not compared yet. @returns how many lines went; 0: all is taken back */
  reject(partnerId: string, limit: number): Promise<number> {
    return this.#call(z.int(), 'statement_reject', [partnerId, limit]);
  }

  #call<T>(schema: z.ZodType<T>, name: string, args: readonly unknown[]): Promise<T> {
    return call(this.pool, schema, name, args);
  }
}
