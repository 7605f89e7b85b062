/** What the recovery of a restored ledger does to it; a method a SQL function (payment_recover.sql). The pool is the operator's. */
import type pg from 'pg';
import { z } from 'zod';
import { mayHavePaid, type Evidence } from '../domain/evidence.js';
import { paymentStates, type PaymentState } from '../domain/payment.js';
import type { LedgerSays, RecoveryAction } from '../domain/recovery.js';
import { call, iso } from './call.js';
import type { StoredRead } from './ledger.js';
import { outcome } from './outcomes.js';
import type { ReturnKey, ReturnMade } from './returns.js';

const state = z.enum(paymentStates as [PaymentState, ...PaymentState[]]);
const rows = z.array(z.object({ paymentId: z.uuid(), state, transactionId: z.string().nullable() }));
const recovered = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('recovered'),
    state,
    epoch: z.int(),
    /** `missing`: what was held of them is not in the restored books. */
    points: z.enum(['none', 'booked', 'missing']),
  }),
  z.object({ outcome: z.literal('over'), state }),
  z.object({ outcome: z.literal('other_payment'), paymentId: z.uuid() }),
  outcome('unknown_partner', 'unknown_sum'),
]);
const returned = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('recovered'),
    state: z.enum(['approved', 'returned']),
    /** Null: it is yet to be booked. */
    points: z.int().nullable(),
  }),
  z.object({ outcome: z.literal('known'), state: z.enum(['approved', 'returned']) }),
  z.object({ outcome: z.literal('not_paid'), state }),
  z.object({ outcome: z.literal('too_much'), leftMinor: z.int() }),
  z.object({ outcome: z.literal('other_return'), returnId: z.uuid() }),
  outcome('unknown_partner', 'unknown_payment'),
]);
const taken = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('taken'), points: z.int() }),
  z.object({ outcome: z.literal('missing'), available: z.int(), needed: z.int() }),
  z.object({ outcome: z.literal('over'), state }),
  outcome('not_paid', 'not_owed'),
]);
const owed = z.array(z.object({ partnerId: z.uuid(), paymentId: z.uuid() }));

export type Recovered = z.infer<typeof recovered>;
export type RecoveredReturn = z.infer<typeof returned>;
export type PointsTaken = z.infer<typeof taken>;
export type SubjectKind = 'batch' | 'import' | 'return';

/** That a return was booked, and what its invoice read before; milliseconds since 1970. */
export interface ReturnBooked {
  readonly at: number;
  readonly read: { readonly status: string; readonly readAt: number } | null;
}

export class Recoveries {
  constructor(private readonly pool: pg.Pool) {}

  /** The last moment of which these books may know everything, in milliseconds since 1970; null: they do not say. */
  async knowsUntil(): Promise<number | null> {
    const written = await call(this.pool, z.string().nullable(), 'ledger_last_written', []);
    // Of the log that was replayed to get here; none where the server has been restarted since.
    const replayed = await call(this.pool, z.date().nullable(), 'pg_last_xact_replay_timestamp', []);
    const known = [written === null ? null : Date.parse(written), replayed?.getTime() ?? null].filter(
      (at) => at !== null,
    );
    return known.length === 0 ? null : Math.min(...known);
  }

  /** @returns null where the partner is not there */
  async rows(partnerId: string, paymentIds: readonly string[]): Promise<ReadonlyMap<string, LedgerSays> | null> {
    const found = await call(this.pool, rows.nullable(), 'payment_recovery_rows', [partnerId, paymentIds]);
    return found === null ? null : new Map(found.map(({ paymentId, ...says }) => [paymentId, says]));
  }

  /** @param read what the invoice says now, for what no history holds: its number and description */
  recover(
    { opening, ...evidence }: Evidence,
    action: RecoveryAction & { kind: 'pay' | 'close' | 'take_up' },
    read: StoredRead | null,
  ): Promise<Recovered> {
    const { partnerId, paymentId, scheme, invoiceId, policy, by, memberId, batchId } = opening;
    const { held, attempts, openedAt, stateAt, epoch, quote, released, outstanding, transactionId } = evidence;
    return call(this.pool, recovered, 'payment_recover', [
      partnerId,
      paymentId,
      {
        ...{ scheme, invoiceId, policy, memberId, batchId, epoch, quote, read, released, outstanding, transactionId },
        openedBy: by ?? { kind: 'saga', id: 'recovery' },
        openedAt: iso(openedAt),
        held: held === null ? null : { ...held, at: iso(held.at) },
        mayHavePaid: mayHavePaid({ opening, ...evidence }),
        attempts: attempts.map((attempt) => ({
          ...attempt,
          startedAt: iso(attempt.startedAt),
          finishedAt: attempt.finishedAt === null ? null : iso(attempt.finishedAt),
        })),
        action: action.kind,
        state: action.kind === 'pay' ? evidence.state : action.state,
        reason: action.kind === 'pay' ? null : action.reason,
        at: iso(stateAt),
      },
    ]);
  }

  /** @param booked when, and what the invoice read before; null: it was approved, and its history tells no more */
  recoverReturn(
    { partnerId, returnId }: ReturnKey,
    made: ReturnMade,
    booked: ReturnBooked | null,
  ): Promise<RecoveredReturn> {
    const { at = 0, read = null } = booked ?? {};
    return call(this.pool, returned, 'payment_recover_return', [
      partnerId,
      returnId,
      {
        ...made,
        booked:
          booked === null
            ? null
            : {
                at: iso(at),
                invoiceStatus: read?.status ?? null,
                invoiceReadAt: read === null ? null : iso(read.readAt),
              },
      },
    ]);
  }

  subjectState(partnerId: string, kind: SubjectKind, id: string): Promise<string | null> {
    return call(this.pool, z.string().nullable(), 'recovery_subject_state', [partnerId, kind, id]);
  }

  pointsOwed(after: string | null, limit: number): Promise<z.infer<typeof owed>> {
    return call(this.pool, owed, 'points_owed_page', [after, limit]);
  }

  takePoints(partnerId: string, paymentId: string, at: number): Promise<PointsTaken> {
    return call(this.pool, taken, 'payment_recover_points', [partnerId, paymentId, iso(at)]);
  }
}
