/** A restored copy of the books is closed to whoever would write in it, until somebody has said what was lost. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createLog } from '../../src/log.js';
import { createPool } from '../../src/database/pool.js';
import { databaseTroubleOf, LedgerNotRecovered } from '../../src/database/trouble.js';
import { readReadiness } from '../../src/health.js';
import { Incarnation } from '../../src/ledger/incarnation.js';
import { passwords, prepareDatabase } from '../../scripts/surety.js';
import { Connection } from '@temporalio/client';
import { postgres } from '../support/books.js';
import { eventually } from '../support/world.js';

let server: pg.Pool;
beforeAll(() => {
  server = new pg.Pool({ connectionString: postgres.url('postgres'), max: 2 });
});
afterAll(async () => {
  await server.end();
});

const adminOf = (database: string) =>
  new pg.Pool({ connectionString: postgres.url(database), max: 2, options: '-c search_path=surety' });

/** Books, and what a restore makes of them: the same in every row, in another place. */
async function restoredCopy(): Promise<{ original: string; copy: string }> {
  const original = `restored_${randomUUID().replaceAll('-', '')}`;
  const copy = `${original.slice(0, 40)}_copy`;
  await prepareDatabase(postgres, original);
  await server.query(`CREATE DATABASE ${copy} TEMPLATE ${original}`);
  return { original, copy };
}

/** @returns what a process of this role meets when it connects */
async function connectAs(role: 'surety_api' | 'surety_worker', database: string): Promise<'open' | 'refused'> {
  const password = role === 'surety_api' ? passwords.api : passwords.worker;
  const pool = createPool(postgres.url(database, role, password), 1, createLog('test', 'silent'));
  try {
    await pool.query('SELECT');
    return 'open';
  } catch (error) {
    if (error instanceof LedgerNotRecovered) return 'refused';
    throw error;
  } finally {
    await pool.end();
  }
}

const epochOf = async (admin: pg.Pool) =>
  (await admin.query<{ epoch: number }>('SELECT epoch FROM ledger_epoch')).rows[0]?.epoch ?? 0;

describe('a restored copy', () => {
  it.each(['surety_api', 'surety_worker'] as const)(
    'is closed to %s, and the books it was taken of are not',
    async (role) => {
      const { original, copy } = await restoredCopy();
      expect([await connectAs(role, original), await connectAs(role, copy)]).toEqual(['open', 'refused']);
    },
  );

  it('is opened by who answers for it that nothing was lost, which is recorded; cursors stay good', async () => {
    const { copy } = await restoredCopy();
    const admin = adminOf(copy);
    const incarnation = new Incarnation(admin);
    expect(await incarnation.isOpen()).toBe(false);
    const before = await epochOf(admin);
    await incarnation.reopenWithNothingLost('a replica that had everything was promoted', 'olga');
    expect(await connectAs('surety_worker', copy)).toBe('open');
    expect(await epochOf(admin)).toBe(before);
    const { rows } = await admin.query(
      'SELECT kind, reason, actor, identity_before <> identity_after AS moved FROM recovery',
    );
    expect(rows).toEqual([
      { kind: 'nothing_lost', reason: 'a replica that had everything was promoted', actor: 'olga', moved: true },
    ]);
    await admin.end();
  });

  it('gets an epoch of its own by each recovery, also by a second one of an older backup', async () => {
    const { original, copy } = await restoredCopy();
    const epochs: number[] = [];
    for (const database of [copy, original]) {
      const admin = adminOf(database);
      const incarnation = new Incarnation(admin);
      await incarnation.close();
      epochs.push((await incarnation.reopenRecovered(Date.now(), 'olga', {})).epoch);
      epochs.push((await incarnation.reopenRecovered(Date.now(), 'olga', {})).epoch);
      await admin.end();
    }
    const [first = 0, again = 0] = epochs;
    // Minutes since 1970: whoever restores to before the first recovery counts on from there, not from 1.
    expect(first).toBeGreaterThan(Date.parse('2020-01-01') / 60_000);
    expect(again).toBe(first + 1);
  });

  it('is why a process is not ready, and a reason to come again later', async () => {
    const { copy } = await restoredCopy();
    const pool = createPool(postgres.url(copy, 'surety_api', passwords.api), 1, createLog('test', 'silent'));
    const connection = Connection.lazy({ address: '127.0.0.1:1' });
    const { ready, parts } = await readReadiness(pool, connection, 'none');
    expect([ready, parts.postgres]).toEqual([false, 'ok']);
    expect(parts.ledger).toContain('npm run recover');
    expect(databaseTroubleOf(new LedgerNotRecovered())).toBe('away');
    await Promise.all([pool.end(), connection.close()]);
  });
});

describe('closed by hand, where no restore can be seen', () => {
  it('the ledger takes nobody new, and names who is connected from before, as often as it is asked', async () => {
    const { original } = await restoredCopy();
    const admin = adminOf(original);
    const worker = createPool(
      postgres.url(original, 'surety_worker', passwords.worker),
      1,
      createLog('test', 'silent'),
    );
    await worker.query('SELECT');
    const incarnation = new Incarnation(admin);
    for (let time = 1; time <= 2; time++) expect(await incarnation.close()).toEqual({ connected: ['surety_worker'] });
    expect(await connectAs('surety_worker', original)).toBe('refused');
    await worker.end();
    // A connection that was ended is gone a moment later.
    await eventually(
      async () => (await incarnation.close()).connected.length === 0,
      () => 'somebody is connected still',
    );
    await admin.end();
  });

  it('whoever waits for a restored copy is not taken for one who writes', async () => {
    const { copy } = await restoredCopy();
    const [admin, waits] = [adminOf(copy), new pg.Client(postgres.url(copy, 'surety_api', passwords.api))];
    await waits.connect();
    expect(await new Incarnation(admin).close()).toEqual({ connected: [] });
    await Promise.all([waits.end(), admin.end()]);
  });
});

it('a database of the release before, which knows of no restore, lets its processes in', async () => {
  const { original } = await restoredCopy();
  const admin = adminOf(original);
  await admin.query('DROP FUNCTION ledger_is_open()');
  await admin.end();
  expect(await connectAs('surety_api', original)).toBe('open');
});
