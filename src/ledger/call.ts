import type pg from 'pg';
import type { z } from 'zod';

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

/** Calls one SQL function of the ledger and checks what it answers. */
export async function call<T>(
  pool: pg.Pool,
  schema: z.ZodType<T>,
  name: string,
  args: readonly unknown[],
  onDeliveries?: OnDeliveries,
): Promise<T> {
  const places = args.map((_, index) => `$${index + 1}`).join(', ');
  const { rows } = await pool.query<{ answer: unknown; deliveries: string | null }>({
    name,
    // Read in the same transaction, after the function: what it has told the partner (event_publish.sql).
    text: `SELECT ${name}(${places}) AS answer, nullif(current_setting('surety.deliveries', true), '') AS deliveries`,
    values: [...args],
  });
  const deliveries = rows[0]?.deliveries ?? null;
  if (deliveries !== null) onDeliveries?.(deliveries.split(',').map(dueDelivery));
  return schema.parse(rows[0]?.answer);
}

function dueDelivery(text: string): DueDelivery {
  const [partnerId = '', eventId = '', endpointId = '', priority] = text.split(':');
  return { partnerId, eventId, endpointId, priority: Number(priority) };
}

export const iso = (at: number): string => new Date(at).toISOString();
