/** Endpoints and deliveries of all partners whose books an operator sees; never a secret, which the role cannot read. */
import { z } from 'zod';
import type { PageReads } from '../consoleReads.js';
import { rowsAPage } from '../paging.js';

const endpointRow = z.object({
  id: z.uuid(),
  partnerId: z.uuid(),
  partnerSlug: z.string(),
  partnerName: z.string(),
  url: z.string(),
  description: z.string(),
  eventTypes: z.array(z.string()).nullable(),
  state: z.enum(['enabled', 'disabled']),
  disabledReason: z.string().nullable(),
  failingSince: z.date().nullable(),
  failures: z.coerce.number(),
  createdAt: z.date(),
});
export type EndpointRow = z.infer<typeof endpointRow>;

const endpointColumns = `webhook_endpoint.id, partner_id AS "partnerId", slug AS "partnerSlug", name AS "partnerName", url,
  description, event_types AS "eventTypes", state, disabled_reason AS "disabledReason", failing_since AS "failingSince", failures,
  webhook_endpoint.created_at AS "createdAt"`;
const mostEndpoints = 500;

/** Those in trouble first; of many partners the first so many. */
export function readEndpoints(reads: PageReads, partnerId: string | null): Promise<EndpointRow[]> {
  return reads.rows(
    endpointRow,
    `SELECT ${endpointColumns} FROM webhook_endpoint JOIN partner ON partner.id = partner_id
     WHERE deleted_at IS NULL AND ($1::uuid IS NULL OR partner_id = $1)
     ORDER BY failing_since NULLS LAST, state, name, webhook_endpoint.id LIMIT $2`,
    [partnerId, mostEndpoints],
  );
}

export function readEndpoint(reads: PageReads, id: string): Promise<EndpointRow | null> {
  return reads.first(
    endpointRow,
    `SELECT ${endpointColumns} FROM webhook_endpoint JOIN partner ON partner.id = partner_id
     WHERE webhook_endpoint.id = $1 AND deleted_at IS NULL`,
    [id],
  );
}

export const deliveryStates = ['pending', 'failed', 'delivered'] as const;
const deliveryRow = z.object({
  eventId: z.uuid(),
  endpointId: z.uuid(),
  eventType: z.string(),
  paymentId: z.uuid().nullable(),
  at: z.date(),
  state: z.enum(deliveryStates),
  attempts: z.coerce.number(),
  lastStatus: z.coerce.number().nullable(),
  lastProblem: z.string().nullable(),
  lastAttemptAt: z.date().nullable(),
  nextAttemptAt: z.date().nullable(),
});
export type DeliveryRow = z.infer<typeof deliveryRow>;

/** An event at an endpoint: `event_endpoint`, as a page's address has it. */
export interface DeliveryPlace {
  readonly before?: readonly [string, string] | undefined;
  readonly after?: readonly [string, string] | undefined;
}

/**
 * Deliveries to these endpoints, of the newest event first: the newest of each by its own index, and of these the newest.
 * An event's type is looked for among the newest so many of each endpoint.
 */
export function readDeliveries(
  reads: PageReads,
  endpointIds: readonly string[],
  only: { state: DeliveryRow['state'] | null; type: string | null },
  { before, after }: DeliveryPlace,
): Promise<DeliveryRow[]> {
  const key = after ?? before;
  const isBefore = after === undefined;
  const [than, direction] = isBefore ? ['<', 'DESC'] : ['>', 'ASC'];
  const values: unknown[] = [endpointIds, only.state, only.type, rowsAPage + 1, mostLookedThrough];
  if (key !== undefined) values.push(...key);
  const isThere =
    key === undefined ? '' : `AND event_id ${than}= $6::uuid AND (event_id ${than} $6 OR endpoint.id ${than} $7::uuid)`;
  return reads.rows(
    deliveryRow,
    `SELECT delivery.event_id AS "eventId", delivery.endpoint_id AS "endpointId", event.type AS "eventType",
       event.payment_id AS "paymentId", event.at, told.state, attempts, last_status AS "lastStatus",
       coalesce(last_problem, CASE WHEN told.state <> delivery.state THEN 'endpoint_disabled' END) AS "lastProblem",
       last_attempt_at AS "lastAttemptAt", CASE WHEN told.state = 'pending' THEN greatest(due_at, asked_at) END AS "nextAttemptAt"
     FROM (
       SELECT newest.*, endpoint.disablings AS now_disabled
       FROM unnest($1::uuid[]) AS wanted(id) JOIN webhook_endpoint endpoint ON endpoint.id = wanted.id
       CROSS JOIN LATERAL (
         SELECT looked.* FROM (
           SELECT * FROM webhook_delivery
           -- A range of one: by equality the planner would walk all events backwards for an endpoint that has few.
           WHERE endpoint_id >= endpoint.id AND endpoint_id <= endpoint.id AND ($2::text IS NULL OR state = $2) ${isThere}
           ORDER BY endpoint_id ${isBefore ? 'ASC' : 'DESC'}, event_id ${direction} LIMIT CASE WHEN $3::text IS NULL THEN $4::integer ELSE $5::integer END
         ) AS looked
         WHERE $3::text IS NULL OR EXISTS (SELECT FROM event WHERE id = event_id AND type = $3)
         ORDER BY event_id ${direction} LIMIT $4
       ) AS newest
       ORDER BY newest.event_id ${direction}, newest.endpoint_id ${direction} LIMIT $4
     ) AS delivery
     JOIN event ON event.id = delivery.event_id
     -- On its way when its endpoint was disabled: it has failed, whether that is recorded yet or not.
     CROSS JOIN LATERAL (SELECT CASE
       WHEN delivery.state = 'pending' AND delivery.disablings < delivery.now_disabled THEN 'failed'
       ELSE delivery.state END AS state) AS told
     ORDER BY delivery.event_id ${direction}, delivery.endpoint_id ${direction}`,
    values,
  );
}

export const mostLookedThrough = 2_000;
