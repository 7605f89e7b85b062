import type pg from 'pg';
import { z } from 'zod';
import type { FinalState, Scheme } from '../domain/payment.js';

/** An event on its way to an endpoint, written in the transaction that a function of the ledger has committed. */
export interface DueDelivery {
  readonly partnerId: string;
  readonly eventId: string;
  readonly endpointId: string;
  /** Lower goes first (delivery_priority in event_publish.sql). */
  readonly priority: number;
}

/** Hears of deliveries after their commit. It must not throw, and nobody waits for it: a Schedule catches what it loses. */
export type OnDeliveries = (deliveries: readonly DueDelivery[]) => void;

/** What a function of the ledger has made true, each time once: said by nobody who finds it done already. */
export type Fact =
  /** A payment came to its end; `settledMs`: since its confirmation was held, null where nothing ever was. */
  | {
      readonly kind: 'ended';
      readonly paymentId: string;
      readonly scheme: Scheme;
      readonly state: FinalState;
      readonly settledMs: number | null;
    }
  /** What a payment held was given back. */
  | { readonly kind: 'released'; readonly paymentId: string };

/** Hears of facts after their commit. It must not throw. */
export type OnFact = (fact: Fact) => void;

/** Calls one SQL function of the ledger and checks what it answers. */
export async function call<T>(
  pool: pg.Pool,
  schema: z.ZodType<T>,
  name: string,
  args: readonly unknown[],
  onDeliveries?: OnDeliveries,
  onFact?: OnFact,
): Promise<T> {
  const places = args.map((_, index) => `$${index + 1}`).join(', ');
  const { rows } = await pool.query<{ answer: unknown; deliveries: string | null; facts: string | null }>({
    name,
    // Read in the same transaction, after the function: what it has told the partner (event_publish.sql), and what it has
    // made true (payment_event_write.sql).
    text: `SELECT ${name}(${places}) AS answer, nullif(current_setting('surety.deliveries', true), '') AS deliveries,
      nullif(current_setting('surety.facts', true), '') AS facts`,
    values: [...args],
  });
  const { deliveries = null, facts = null } = rows[0] ?? {};
  if (deliveries !== null) onDeliveries?.(deliveries.split(',').map(dueDelivery));
  if (facts !== null && onFact !== undefined) for (const text of facts.split(',')) onFact(fact.parse(text.split(':')));
  return schema.parse(rows[0]?.answer);
}

const fact = z.union([
  z
    .tuple(
      [
        z.literal('ended'),
        z.uuid(),
        z.enum(['loyalty', 'organisation']),
        z.enum(['paid', 'declined', 'expired', 'cancelled']),
      ],
      z.coerce.number(),
    )
    .transform(([kind, paymentId, scheme, state, settledMs = null]): Fact => ({
      kind,
      paymentId,
      scheme,
      state,
      settledMs,
    })),
  z.tuple([z.literal('released'), z.uuid()]).transform(([kind, paymentId]): Fact => ({ kind, paymentId })),
]);

function dueDelivery(text: string): DueDelivery {
  const [partnerId = '', eventId = '', endpointId = '', priority] = text.split(':');
  return { partnerId, eventId, endpointId, priority: Number(priority) };
}

export const iso = (at: number): string => new Date(at).toISOString();
