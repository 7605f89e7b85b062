import type pg from 'pg';
import type { z } from 'zod';

/** Calls one SQL function of the ledger and checks what it answers. */
export async function call<T>(pool: pg.Pool, schema: z.ZodType<T>, name: string, args: readonly unknown[]): Promise<T> {
  const places = args.map((_, index) => `$${index + 1}`).join(', ');
  const { rows } = await pool.query<{ answer: unknown }>({
    name,
    text: `SELECT ${name}(${places}) AS answer`,
    values: [...args],
  });
  return schema.parse(rows[0]?.answer);
}

export const iso = (at: number): string => new Date(at).toISOString();
