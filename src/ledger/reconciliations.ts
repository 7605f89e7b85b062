/**
 * Runs of reconciliation, the matching of lines with entries, the reading of ended payments, and differences: a method a SQL
 * function. `at` is milliseconds since 1970.
 */
import type pg from 'pg';
import { z } from 'zod';
import type { FundChange } from '../domain/approval.js';
import type { InvoiceStatus } from '../domain/invoice.js';
import type { Actor } from '../domain/payment.js';
import { requestOutcomes } from './approvals.js';
import { call, iso, type OnDeliveries } from './call.js';
import { outcome } from './outcomes.js';

export const reconciliationStates = ['waiting', 'running', 'finished', 'failed'] as const;
export const reconciliationWishes = ['schedule', 'request', 'statement'] as const;
export const differenceKinds = ['ours_only', 'theirs_only', 'amount', 'state', 'duplicate', 'ambiguous'] as const;
export const differenceStates = ['open', 'explained', 'corrected', 'closed'] as const;

const count = z.number().refine(Number.isSafeInteger, 'is not a safe integer');
const who = z.object({ kind: z.string(), id: z.string() });
const run = z.object({
  id: z.uuid(),
  state: z.enum(reconciliationStates),
  wantedBy: z.enum(reconciliationWishes),
  failure: z.string().nullable(),
  result: z.record(z.string(), count.nullable()),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
});
const line = z.object({
  statementId: z.uuid(),
  line: count,
  day: z.string(),
  at: z.string().nullable(),
  transactionId: z.string().nullable(),
  operationId: z.string().nullable(),
  invoiceNumber: z.string().nullable(),
  amountMinor: count,
  currency: z.string(),
});
const difference = z.object({
  id: z.uuid(),
  kind: z.enum(differenceKinds),
  state: z.enum(differenceStates),
  currency: z.string(),
  amountMinor: count,
  paymentId: z.uuid().nullable(),
  entryId: z.uuid().nullable(),
  line: line.nullable(),
  detail: z.record(z.string(), z.unknown()),
  firstSeenAt: z.string(),
  lastSeenAt: z.string(),
  closedAt: z.string().nullable(),
  reopened: count,
  reason: z.string().nullable(),
  approvalId: z.uuid().nullable(),
  explainedBy: who.nullable(),
  explainedAt: z.string().nullable(),
});
/** What disagrees, as the database told it and will be told it again. */
const finding = z.looseObject({ kind: z.enum(differenceKinds), subject: z.string() });
const wish = outcome('wanted', 'waiting').extend({ reconciliationId: z.uuid() });
const walk = z.object({ after: count.nullable(), looked: count, matched: count });
const numberWalk = walk.extend({ after: z.string().nullable() });

const correctOutcome = z.discriminatedUnion('outcome', [
  ...requestOutcomes,
  z.object({ outcome: z.literal('already_booked'), transferId: z.uuid() }),
  outcome('no_fund', 'closed', 'not_found'),
]);

export type FundCorrectionOutcome = z.infer<typeof correctOutcome>;
export type Reconciliation = z.infer<typeof run>;
export type Difference = z.infer<typeof difference>;
export type DifferenceKind = Difference['kind'];
export type DifferenceState = Difference['state'];
export type Finding = z.infer<typeof finding>;

/** What was learned of the invoice of a payment that had ended. */
export interface EndedRead {
  readonly paymentId: string;
  readonly status: InvoiceStatus | 'not_found' | 'unread';
  readonly amountMinor: number | null;
  readonly currency: string | null;
}

export class Reconciliations {
  constructor(
    private readonly pool: pg.Pool,
    private readonly onDeliveries?: OnDeliveries,
  ) {}

  want(
    partnerId: string,
    wanted: {
      id: string;
      by: Reconciliation['wantedBy'];
      readSince: number | null;
      actor: Actor;
      at: number;
    },
  ): Promise<z.infer<typeof wish>> {
    const { id, by, readSince, actor, at } = wanted;
    const since = readSince === null ? null : iso(readSince);
    return this.#call(wish, 'reconciliation_want', [partnerId, id, by, since, actor, iso(at)]);
  }

  begin(partnerId: string, at: number): Promise<{ reconciliationId: string } | null> {
    const begun = z.object({ reconciliationId: z.uuid() }).nullable();
    return this.#call(begun, 'reconciliation_begin', [partnerId, iso(at)]);
  }

  end(
    partnerId: string,
    reconciliationId: string,
    ended: { failure: string | null; result: Readonly<Record<string, number>> },
    at: number,
  ) {
    return this.#call(outcome('ended', 'already_ended'), 'reconciliation_end', [
      ...[partnerId, reconciliationId, ended.failure, ended.result, iso(at)],
    ]);
  }

  get(partnerId: string, reconciliationId: string): Promise<Reconciliation | null> {
    return this.#call(run.nullable(), 'reconciliation_get', [partnerId, reconciliationId]);
  }

  list(partnerId: string, before: string | null, limit: number): Promise<Reconciliation[]> {
    return this.#call(z.array(run), 'reconciliation_list', [partnerId, before, limit]);
  }

  /** Of all partners: those whose run waits or is under way for so long. */
  unfinished(graceMs: number, limit: number, at: number): Promise<string[]> {
    return this.#call(z.array(z.uuid()), 'reconciliations_unfinished', [graceMs, limit, iso(at)]);
  }

  partners(after: string | null, limit: number): Promise<string[]> {
    return this.#call(z.array(z.uuid()), 'partners_page', [after, limit]);
  }

  matchById(
    partnerId: string,
    by: 'transaction' | 'operation',
    after: number,
    limit: number,
  ): Promise<z.infer<typeof walk>> {
    return this.#call(walk, 'statement_match_by_id', [partnerId, by, after, limit]);
  }

  matchByReference(partnerId: string): Promise<number> {
    return this.#call(count, 'statement_match_by_reference', [partnerId]);
  }

  matchByInvoice(partnerId: string, after: string, limit: number): Promise<z.infer<typeof numberWalk>> {
    return this.#call(numberWalk, 'statement_match_by_invoice', [partnerId, after, limit]);
  }

  lineFindings(partnerId: string, limit: number): Promise<{ findings: Finding[]; inFlight: number }> {
    const found = z.object({ findings: z.array(finding), inFlight: count });
    return this.#call(found, 'statement_line_findings', [partnerId, limit]);
  }

  /** What the statements cover that were not compared with the books yet. */
  periods(partnerId: string): Promise<{ from: string; to: string }[]> {
    return this.#call(z.array(z.object({ from: z.string(), to: z.string() })), 'statement_periods', [partnerId]);
  }

  entryFindings(partnerId: string, from: number, to: number, limit: number): Promise<Finding[]> {
    return this.#call(z.array(finding), 'statement_entry_findings', [partnerId, iso(from), iso(to), limit]);
  }

  settle(partnerId: string, findings: readonly Finding[], at: number): Promise<{ opened: number; closed: number }> {
    const settled = z.object({ opened: count, closed: count });
    return this.#call(settled, 'statement_settle', [partnerId, JSON.stringify(findings), iso(at)]);
  }

  /** @returns how many events it looked at; less than the limit: all */
  discover(partnerId: string, limit: number, at: number): Promise<number> {
    return this.#call(count, 'payment_check_discover', [partnerId, limit, iso(at)]);
  }

  due(partnerId: string, limit: number, at: number): Promise<{ paymentId: string; invoiceId: string }[]> {
    const due = z.array(z.object({ paymentId: z.uuid(), invoiceId: z.string() }));
    return this.#call(due, 'payment_check_due', [partnerId, limit, iso(at)]);
  }

  storeReads(partnerId: string, reads: readonly EndedRead[], at: number): Promise<{ opened: number }> {
    return this.#call(z.object({ opened: count }), 'payment_check_store', [partnerId, JSON.stringify(reads), iso(at)]);
  }

  difference(partnerId: string, differenceId: string): Promise<Difference | null> {
    return this.#call(difference.nullable(), 'fund_difference_get', [partnerId, differenceId]);
  }

  differences(
    partnerId: string,
    only: { state: DifferenceState | null; kind: DifferenceKind | null },
    before: string | null,
    limit: number,
  ): Promise<Difference[]> {
    const page = [partnerId, only.state, only.kind, before, limit];
    return this.#call(z.array(difference), 'fund_difference_list', page);
  }

  explain(
    partnerId: string,
    differenceId: string,
    said: { reason: string; approvalId: string | null; actor: Actor; at: number },
  ) {
    const { reason, approvalId, actor, at } = said;
    return this.#call(outcome('explained', 'closed', 'not_found', 'no_approval'), 'fund_difference_explain', [
      ...[partnerId, differenceId, reason, approvalId, actor, iso(at)],
    ]);
  }

  /** Asks for what sets a difference right: it is corrected when a second person has approved that. */
  correct(
    partnerId: string,
    differenceId: string,
    wish: {
      approvalId: string;
      kind: FundChange;
      currency: string;
      amountMinor: number;
      reference: string;
      reason: string;
      actor: Actor;
      at: number;
    },
  ): Promise<FundCorrectionOutcome> {
    return this.#call(correctOutcome, 'fund_difference_correct', [
      ...[partnerId, differenceId, wish.approvalId, wish.kind, wish.currency, wish.amountMinor],
      ...[wish.reference, wish.reason, wish.actor, iso(wish.at)],
    ]);
  }

  #call<T>(schema: z.ZodType<T>, name: string, args: readonly unknown[]): Promise<T> {
    return call(this.pool, schema, name, args, this.onDeliveries);
  }
}
