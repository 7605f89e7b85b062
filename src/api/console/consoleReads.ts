/** What the console reads: by a role that can write nothing, and sees of the partners' books those of this operator alone. */
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type pg from 'pg';
import type { z } from 'zod';
import type { Operator } from './operator.js';

/** A pool of its own, under role surety_console. */
export class ConsolePool {
  constructor(readonly pool: pg.Pool) {}
}

/** The reads of one page: they see the same moment. */
export interface PageReads {
  /** @param schema of a row */
  rows<T>(schema: z.ZodType<T>, text: string, values?: readonly unknown[]): Promise<T[]>;
  first<T>(schema: z.ZodType<T>, text: string, values?: readonly unknown[]): Promise<T | null>;
}

@Injectable()
export class ConsoleReads implements OnApplicationShutdown {
  constructor(private readonly console: ConsolePool) {}

  /** @returns what `work` returns; row-level security shows it this operator's partners alone */
  for<T>(operator: Operator, work: (reads: PageReads) => Promise<T>): Promise<T> {
    return this.#within(operator.partners === '*' ? '*' : operator.partners.join(','), work);
  }

  /** Whose a row is that an operator has asked for and cannot see. Tells nothing else. */
  async partnerOf(
    table: 'payment' | 'member' | 'payment_batch' | 'approval' | 'fund_difference' | 'webhook_endpoint',
    id: string,
  ): Promise<string | null> {
    return this.#within('*', async ({ client }) => {
      const found = await client.query<{ partner_id: string }>(`SELECT partner_id FROM ${table} WHERE id = $1`, [id]);
      return found.rows[0]?.partner_id ?? null;
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.console.pool.end();
  }

  async #within<T>(partners: string, work: (reads: PageReads & { client: pg.PoolClient }) => Promise<T>): Promise<T> {
    const client = await this.console.pool.connect();
    try {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await client.query("SELECT set_config('surety.operator_partners', $1, true)", [partners]);
      const rows: PageReads['rows'] = async (schema, text, values = []) => {
        const { rows: found } = await client.query(text, [...values]);
        return found.map((row) => schema.parse(row));
      };
      const result = await work({
        client,
        rows,
        first: async (schema, text, values) => (await rows(schema, text, values))[0] ?? null,
      });
      await client.query('COMMIT');
      client.release();
      return result;
    } catch (error) {
      // Whatever state it is in: the next page gets another.
      client.release(true);
      throw error;
    }
  }
}
