/** Whatever a test has made partners be told is what docs/events says that they are told. */
import type pg from 'pg';
import { eventSchemas, type EventType } from '../../src/api/events/eventSchemas.js';

/** Throws for the first event whose body is not of its type's schema, or whose type has none. */
export async function assertEventsFit(admin: pg.Pool): Promise<void> {
  const { rows } = await admin.query<{ type: string; body: unknown }>('SELECT type, body FROM surety.event');
  for (const { type, body } of rows) {
    if (!(type in eventSchemas)) throw new Error(`No schema tells of ${type}`);
    const parsed = eventSchemas[type as EventType].safeParse(body);
    if (!parsed.success) throw new Error(`${type} is not as it is documented: ${JSON.stringify(parsed.error.issues)}`);
  }
}
