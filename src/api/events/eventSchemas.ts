/**
 * What partners are told, an event a schema: the bodies of webhooks and of the feed. Within /v1 fields are added, never taken
 * away or given another meaning. From here come docs/events/*.json (`npm run openapi`).
 */
import { z } from 'zod';
import { paymentStates } from '../../domain/payment.js';

const id = z.uuid();
/** Invoicebox’s ids look like UUIDs and are none by the RFC (contract, section 1). */
const invoiceId = z.string().regex(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
const instant = z.iso.datetime({ offset: true });
const points = z.int().min(0);
const currency = z.string().regex(/^[A-Z]{3}$/);
const day = z.iso.date().describe('A date of the programme’s time zone; the points can be spent until its end');

function event<Type extends string, Data extends z.ZodType>(type: Type, about: string, data: Data) {
  return z
    .object({
      id: id.describe('Of the event, the same at every delivery: what was seen already can be told by it'),
      type: z.literal(type),
      timestamp: instant.describe('When it became true'),
      sequence: z
        .int()
        .min(1)
        .nullable()
        .describe(
          'Of a payment’s events: greater is later. Numbers may be left out. Null where it is about no payment',
        ),
      data,
    })
    .describe(about);
}

const payment = (state: (typeof paymentStates)[number]) =>
  z.object({
    paymentId: id,
    scheme: z.enum(['loyalty', 'organisation']),
    state: z.literal(state),
    reason: z.string().nullable().describe('Why it stands where it does; a code'),
    refusalCode: z.string().nullable().describe('Invoicebox’s, where it refused with one'),
    invoiceId,
    invoiceNumber: z.string().nullable(),
    amountMinor: z.int().nullable().describe('In minor units (kopecks)'),
    currency: currency.nullable(),
    points: points.nullable().describe('What the invoice costs in points; null in the organisation’s scheme'),
    memberId: id.nullable(),
    transactionId: z.string().nullable().describe('Invoicebox’s, of a payment that was made'),
  });

export const eventSchemas = {
  'payment.awaiting_confirmation': event(
    'payment.awaiting_confirmation',
    'The payment waits for the buyer: newly, or again, with nothing held and the reason given',
    payment('awaiting_confirmation'),
  ),
  'payment.awaiting_approval': event(
    'payment.awaiting_approval',
    'An organisation’s payment waits for an approver: newly, or again, because what he would approve has changed. Nothing is held',
    payment('awaiting_approval').extend({
      version: z.int().min(0).describe('Of what was read of the invoice: the approval names it'),
    }),
  ),
  'payment.paid': event('payment.paid', 'The invoice is paid by this payment', payment('paid')),
  'payment.declined': event('payment.declined', 'The payment has ended unpaid, nothing is held', payment('declined')),
  'payment.expired': event('payment.expired', 'The invoice has expired unpaid, nothing is held', payment('expired')),
  'payment.cancelled': event('payment.cancelled', 'The payment was called off, nothing is held', payment('cancelled')),
  'payment.in_review': event(
    'payment.in_review',
    'It is not known whether the invoice is paid, and a person looks at it. What is held stays held',
    payment('in_review'),
  ),
  'payment.returned': event(
    'payment.returned',
    'Money of a paid payment has come back to the buyer: the points of this part are his again. The payment stays paid',
    z.object({
      returnId: id,
      paymentId: id,
      invoiceId,
      invoiceNumber: z.string().nullable(),
      memberId: id.nullable(),
      amountMinor: z.int().min(1).describe('Of this return, in minor units (kopecks)'),
      currency,
      points: points.describe('What this return gave back to the member'),
      fundRestored: z.boolean().describe('Whether the money is in the fund again'),
      reference: z.string().describe('Of the refund'),
      returnedMinor: z.int().min(1).describe('By all returns of the payment so far'),
      returnedPoints: points.describe('By all returns of the payment so far'),
      invoiceStatus: z
        .string()
        .nullable()
        .describe('What the invoice read before it was booked; null: it was not read'),
    }),
  ),
  'batch.finished': event(
    'batch.finished',
    'A batch of an organisation’s payments has come to its end, or was cancelled and has nothing under way any more',
    z.object({
      id: id.describe('Of the batch'),
      state: z.enum(['finished', 'cancelled']),
      filter: z
        .object({
          amountUnderMinor: z.int().optional(),
          createdAfter: instant.optional(),
          currency: currency.optional(),
        })
        .nullable()
        .describe('Null: its invoices were named'),
      found: z.int(),
      skipped: z.int(),
      skippedBecause: z.record(z.string(), z.int()).describe('How many by reason; a code'),
      started: z.int().describe('Of these, the following six'),
      awaitingApproval: z.int(),
      inReview: z.int(),
      paid: z.int(),
      declined: z.int(),
      expired: z.int(),
      cancelled: z.int(),
      unreadable: z.int().describe('Elements of the list that could not be read'),
      paidAmounts: z.array(z.object({ currency, amountMinor: z.int() })),
      createdAt: instant,
      finishedAt: instant,
    }),
  ),
  'points.credited': event(
    'points.credited',
    'A member has more points',
    z.object({ creditId: id, memberId: id, points, reference: z.string(), expiresOn: day.nullable() }),
  ),
  'points.expired': event(
    'points.expired',
    'Points of a member were not spent in time',
    z.object({ memberId: id, points, expiredOn: day.describe('The last day on which they could be spent') }),
  ),
  'import.finished': event(
    'import.finished',
    'An import of credits has come to its end; what of it was credited stays credited, also where it failed',
    z.object({
      id: id.describe('Of the import'),
      state: z.string(),
      format: z.string(),
      dryRun: z.boolean(),
      totalBytes: z.int().nullable(),
      totalLines: z.int().nullable(),
      linesDone: z.int(),
      creditedLines: z.int(),
      creditedPoints: z.int(),
      alreadyCreditedLines: z.int(),
      rejectedLines: z.int(),
      membersCreated: z.int(),
      failure: z.string().nullable(),
      createdAt: instant,
      startedAt: instant.nullable(),
      finishedAt: instant.nullable(),
    }),
  ),
  'fund.low': event(
    'fund.low',
    'What is available of the fund has fallen below your mark. Told once, and again only after it was above',
    z.object({
      currency,
      availableMinor: z.int().describe('Without the overdraft'),
      lowWaterMinor: z.int().describe('The mark'),
      overdraftMinor: z.int().min(0),
      guard: z
        .enum(['enforce', 'warn'])
        .describe('enforce: what the fund cannot pay is declined; warn: it is tried all the same'),
    }),
  ),
  'fund.difference': event(
    'fund.difference',
    'Our books of the fund and Invoicebox disagree; a person should look',
    z.object({
      kind: z
        .string()
        .describe(
          'refused_for_want_of_money: Invoicebox refused although our books say enough; paid_after_release: paid although the payment was given up; of what reconciliation found, its kind: ours_only, theirs_only, amount, state, duplicate, ambiguous; more may come',
        ),
      currency: currency.nullable(),
      amountMinor: z.int().nullable().describe('What it is about, in minor units (kopecks)'),
      paymentId: id.nullable(),
      code: z.string().nullable().describe('Invoicebox’s, where it said one'),
      differenceId: id.nullable().describe('Of a difference that reconciliation keeps'),
    }),
  ),
  'webhook_endpoint.disabled': event(
    'webhook_endpoint.disabled',
    'Nothing more is sent to one of your endpoints. What it misses meanwhile can be replayed',
    z.object({
      endpointId: id,
      reason: z
        .enum(['failing', 'gone', 'by_partner'])
        .describe('failing: it has failed for three days; gone: it has answered 410; by_partner: you have disabled it'),
      failingSince: instant.nullable(),
    }),
  ),
  'webhook_delivery.failed': event(
    'webhook_delivery.failed',
    'One of your endpoints has refused an event at every attempt, while it took others. It can be sent again. That this event itself could not be delivered is not told',
    z.object({
      endpointId: id,
      eventId: id.describe('Of the event that was not delivered'),
      eventType: z.string(),
      attempts: z.int().min(1),
      lastStatus: z.int().nullable().describe('What the endpoint answered last'),
      lastProblem: z.string().nullable().describe('What kept an answer from coming'),
    }),
  ),
  test: event(
    'test',
    'Means nothing: it was asked for, to try an endpoint. Not in the feed',
    z.object({ endpointId: id }),
  ),
} as const;

export type EventType = keyof typeof eventSchemas;
export const eventTypes = Object.keys(eventSchemas) as readonly EventType[];

/** Those that an endpoint can be set to listen to. */
export const listenableTypes = eventTypes.filter((type) => type !== 'test');

/** As JSON Schema 2020-12, for docs/events. A format says what zod's pattern beside it says, in a word. */
export function jsonSchemaOf(type: EventType): object {
  const schema = z.toJSONSchema(eventSchemas[type], {
    io: 'input',
    override: ({ jsonSchema }) => {
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
    },
  });
  return { ...schema, $id: `https://surety.dev/events/${type}.json`, title: type };
}
