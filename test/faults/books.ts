/** Our own books as they stand at the end of a run, read with the superuser's rights. */
import type pg from 'pg';

interface AttemptRow {
  readonly n: number;
  readonly startedAt: number;
  readonly finishedAt: number | null;
  readonly class: string | null;
}

export interface PaymentRow {
  readonly id: string;
  readonly partnerId: string;
  readonly invoiceId: string;
  readonly state: string;
  readonly reason: string | null;
  readonly transactionId: string | null;
  readonly amountMinor: number | null;
  readonly currency: string | null;
  readonly points: number | null;
  readonly seenAmountMinor: number | null;
  readonly seenPoints: number | null;
  readonly pointsCaptured: number;
  readonly drawnMinor: number;
  readonly returnedMinor: number;
  readonly returnedPoints: number;
  readonly events: readonly { readonly seq: number; readonly type: string }[];
  readonly attempts: readonly AttemptRow[];
}

export async function readPayments(pool: pg.Pool): Promise<PaymentRow[]> {
  const { rows } = await pool.query<{ payment: PaymentRow }>(`
    SELECT jsonb_build_object(
      'id', payment.id, 'partnerId', payment.partner_id, 'invoiceId', invoice_id, 'state', state, 'reason', reason,
      'transactionId', transaction_id, 'amountMinor', amount_minor, 'currency', currency, 'points', points,
      'seenAmountMinor', (confirmation #>> '{seen,amountMinor}')::bigint,
      'seenPoints', (confirmation #>> '{seen,points}')::bigint,
      'pointsCaptured', (SELECT coalesce(sum(amount), 0) FROM transfer WHERE payment_id = payment.id AND kind = 'capture'),
      'drawnMinor', (SELECT coalesce(sum(amount), 0) FROM transfer WHERE payment_id = payment.id AND kind = 'draw'),
      'returnedMinor', returned_minor, 'returnedPoints', returned_points,
      'events', (SELECT coalesce(jsonb_agg(jsonb_build_object('seq', seq, 'type', type) ORDER BY seq), '[]')
        FROM payment_event WHERE payment_id = payment.id),
      'attempts', (SELECT coalesce(jsonb_agg(jsonb_build_object('n', n, 'class', class,
          'startedAt', extract(epoch FROM started_at) * 1000, 'finishedAt', extract(epoch FROM finished_at) * 1000) ORDER BY n), '[]')
        FROM payment_attempt WHERE payment_id = payment.id)) AS payment
    FROM payment ORDER BY payment.id`);
  return rows.map(({ payment }) => payment);
}

interface MemberRow {
  readonly memberId: string;
  readonly credited: string;
  readonly captured: string;
  readonly returned: string;
  readonly available: string;
  readonly held: string;
}

/** Points as text: they are added as BigInt. */
export async function readMembers(pool: pg.Pool): Promise<MemberRow[]> {
  const { rows } = await pool.query<MemberRow>(`
    SELECT member.id AS "memberId",
      (SELECT coalesce(sum(amount), 0) FROM transfer JOIN account ON account.id = credit
        WHERE owner = member.id AND transfer.kind = 'credit')::text AS credited,
      (SELECT coalesce(sum(amount), 0) FROM transfer JOIN account ON account.id = debit
        WHERE owner = member.id AND transfer.kind = 'capture')::text AS captured,
      (SELECT coalesce(sum(amount), 0) FROM transfer JOIN account ON account.id = credit
        WHERE owner = member.id AND transfer.kind = 'return_points')::text AS returned,
      (SELECT coalesce(sum(balance), 0) FROM account WHERE owner = member.id AND kind = 'member.available')::text AS available,
      (SELECT coalesce(sum(balance), 0) FROM account WHERE owner = member.id AND kind = 'member.held')::text AS held
    FROM member`);
  return rows;
}
