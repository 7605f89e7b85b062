/** All that the console shows of one payment, read at one moment. */
import { z } from 'zod';
import { paymentStates, type PaymentState, type ReviewReason } from '../../../domain/payment.js';
import type { PageReads } from '../consoleReads.js';

const number = z.coerce.number();
const minor = number.nullable();
const who = z.object({ kind: z.string(), id: z.string() });
const text = z.string().nullable();
const time = z.date().nullable();

const payment = z.object({
  id: z.uuid(),
  partnerId: z.uuid(),
  partnerName: z.string(),
  partnerSlug: z.string(),
  scheme: z.string(),
  state: z.enum(paymentStates as [PaymentState, ...PaymentState[]]),
  reason: text,
  refusalCode: text,
  epoch: z.int(),
  /** Raised by everything that happens to it: what a page was made of. */
  version: z.int(),
  invoiceId: z.string(),
  invoiceNumber: text,
  description: text,
  invoiceStatus: text,
  readAt: time,
  readAmountMinor: minor,
  readCurrency: text,
  invoiceExpiresAt: time,
  memberId: z.uuid().nullable(),
  memberEnd: text,
  openedBy: who,
  amountMinor: minor,
  currency: text,
  points: minor,
  nextProbeAt: time,
  lastProbe: text,
  transactionId: text,
  released: z.boolean(),
  returnedMinor: number,
  returnedPoints: number,
  openedAt: z.date(),
  paidAt: time,
  closedAt: time,
  hold: z.object({ state: z.string(), points: number, amountMinor: number, currency: z.string() }).nullable(),
  verdict: text,
});
export type ShownPayment = z.infer<typeof payment>;

const event = z.object({ seq: z.int(), type: z.string(), body: z.record(z.string(), z.unknown()), at: z.date() });
const entry = z.object({
  id: z.uuid(),
  kind: z.string(),
  debit: z.string(),
  credit: z.string(),
  asset: z.string(),
  amount: number,
  at: z.date(),
});
const attempt = z.object({
  n: z.int(),
  startedAt: z.date(),
  finishedAt: time,
  class: text,
  code: text,
  requestId: text,
});
const delivery = z.object({
  eventId: z.uuid(),
  type: z.string(),
  at: z.date(),
  endpointId: z.uuid().nullable(),
  url: text,
  state: text,
  attempts: z.int().nullable(),
  lastStatus: z.int().nullable(),
  lastProblem: text,
});
const resolution = z.object({
  id: z.uuid(),
  outcome: z.string(),
  reason: z.string(),
  comment: z.string(),
  reference: z.string(),
  transactionId: text,
  actor: who,
  at: z.date(),
  result: z.object({ outcome: z.string(), why: z.string().optional() }).nullable(),
});
const paymentReturn = z.object({
  id: z.uuid(),
  state: z.string(),
  amountMinor: number,
  currency: z.string(),
  points: minor,
  reference: z.string(),
  reason: z.string(),
  requestedBy: who.nullable(),
  decidedBy: who.nullable(),
  returnedAt: time,
});
const act = z.object({
  n: number,
  at: z.date(),
  operator: z.string(),
  action: z.string(),
  outcome: z.string(),
});

export type ShownEvent = z.infer<typeof event>;

export async function readPayment(reads: PageReads, id: string): Promise<ShownPayment | null> {
  return reads.first(
    payment,
    `SELECT payment.id, payment.partner_id AS "partnerId", partner.name AS "partnerName", partner.slug AS "partnerSlug",
       scheme, payment.state, payment.reason, refusal_code AS "refusalCode", epoch, event_seq AS version,
       invoice_id AS "invoiceId", invoice_number AS "invoiceNumber", description, invoice_status AS "invoiceStatus",
       payment.read_at AS "readAt", read_amount_minor AS "readAmountMinor", read_currency AS "readCurrency",
       invoice_expires_at AS "invoiceExpiresAt", payment.member_id AS "memberId",
       CASE WHEN erased_at IS NULL AND length(external_id) >= 6 THEN right(external_id, 2) END AS "memberEnd",
       opened_by AS "openedBy", payment.amount_minor AS "amountMinor", payment.currency, payment.points,
       next_probe_at AS "nextProbeAt", last_probe AS "lastProbe", transaction_id AS "transactionId",
       released_at IS NOT NULL AS released, returned_minor AS "returnedMinor", returned_points AS "returnedPoints",
       opened_at AS "openedAt", paid_at AS "paidAt", payment.closed_at AS "closedAt", payment_check.verdict,
       (SELECT jsonb_build_object('state', hold.state, 'points', hold.points, 'amountMinor', hold.amount_minor,
         'currency', hold.currency) FROM hold WHERE payment_id = payment.id ORDER BY at DESC LIMIT 1) AS hold
     FROM payment JOIN partner ON partner.id = payment.partner_id
     LEFT JOIN member ON member.id = payment.member_id
     LEFT JOIN payment_check ON payment_check.payment_id = payment.id
     WHERE payment.id = $1`,
    [id],
  );
}

/** Of each part of its page: so many that no payment makes a page without end. */
const mostParts = 500;

export async function readParts(reads: PageReads, id: string) {
  const some = [id, mostParts];
  return {
    events: await reads.rows(
      event,
      'SELECT seq, type, body, at FROM payment_event WHERE payment_id = $1 ORDER BY seq DESC LIMIT $2',
      some,
    ),
    entries: await reads.rows(
      entry,
      `SELECT transfer.id, transfer.kind, debited.kind AS debit, credited.kind AS credit, debited.asset,
         transfer.amount, transfer.at
       FROM transfer JOIN account debited ON debited.id = transfer.debit JOIN account credited ON credited.id = transfer.credit
       WHERE transfer.payment_id = $1 ORDER BY transfer.id LIMIT $2`,
      some,
    ),
    attempts: await reads.rows(
      attempt,
      `SELECT n, started_at AS "startedAt", finished_at AS "finishedAt", class, code, request_id AS "requestId"
       FROM payment_attempt WHERE payment_id = $1 ORDER BY n LIMIT $2`,
      some,
    ),
    deliveries: await reads.rows(
      delivery,
      `SELECT event.id AS "eventId", event.type, event.at, endpoint_id AS "endpointId", url,
         webhook_delivery.state, attempts,
         last_status AS "lastStatus", last_problem AS "lastProblem"
       FROM event LEFT JOIN webhook_delivery ON webhook_delivery.event_id = event.id
       LEFT JOIN webhook_endpoint ON webhook_endpoint.id = webhook_delivery.endpoint_id
       WHERE event.payment_id = $1 ORDER BY event.sequence, event.id, url LIMIT $2`,
      some,
    ),
    resolutions: await reads.rows(
      resolution,
      `SELECT id, outcome, reason, comment, reference, transaction_id AS "transactionId", actor, at, result
       FROM payment_resolution WHERE payment_id = $1 ORDER BY at LIMIT $2`,
      some,
    ),
    returns: await reads.rows(
      paymentReturn,
      `SELECT id, state, amount_minor AS "amountMinor", currency, points, reference, reason,
         requested_by AS "requestedBy", decided_by AS "decidedBy", returned_at AS "returnedAt"
       FROM payment_return WHERE payment_id = $1 ORDER BY id LIMIT $2`,
      some,
    ),
    acts: await reads.rows(
      act,
      `SELECT n, at, operator, action, outcome FROM operator_act
       WHERE subject_kind = 'payment' AND subject = $1 ORDER BY n DESC LIMIT $2`,
      some,
    ),
  };
}

export type PaymentParts = Awaited<ReturnType<typeof readParts>>;

/** Why a person is asked, where one is. */
export const reviewReasonOf = ({ state, reason }: Pick<ShownPayment, 'state' | 'reason'>): ReviewReason | null =>
  state === 'in_review' ? ((reason ?? 'unproven') as ReviewReason) : null;
