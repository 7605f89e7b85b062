/**
 * What a process does while the ledger is a restored copy that nobody has recovered (docs/backup.md): it lives, is not ready,
 * takes no work, and goes on by itself when the recovery has ended. A copy of the disk is told by what Temporal knows; with
 * Temporal away nobody can say, and the sweep asks again.
 */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import type pg from 'pg';
import { forgottenPayments } from './activities/forgotten.js';
import { createPool } from './database/pool.js';
import { LedgerNotRecovered } from './database/trouble.js';
import { forgetful, notRecovered, type Readiness } from './health.js';
import { Recovery } from './ledger/recovery.js';
import type { Log } from './log.js';
import { temporalClient } from './temporalClient.js';

const lookEveryMs = 2_000;
const answerWithinMs = 2_000;

interface WaitConfig {
  readonly DATABASE_URL: string;
  readonly HOST: string;
  readonly TEMPORAL_ADDRESS: string;
  readonly TEMPORAL_NAMESPACE: string;
  readonly SURETY_CODEC_KEYS: string;
}

/** Before anything else is started. Whatever else is wrong with the database is told by who needs it. */
export async function untilRecovered(config: WaitConfig, port: number, log: Log): Promise<void> {
  const connection = Connection.lazy({ address: config.TEMPORAL_ADDRESS });
  // Connected no longer than it looks: a recovery waits for everybody to be gone.
  const look = async (): Promise<string | null> => {
    const pool = createPool(config.DATABASE_URL, 1, log);
    try {
      return (await isUnrecovered(pool)) ? notRecovered : await isForgetful(pool, connection, config, log);
    } finally {
      await pool.end();
    }
  };
  let server: Server | null = null;
  let told = '';
  try {
    for (let why = await look(); why !== null; why = await look()) {
      if (why !== told) log.error(why);
      told = why;
      if (server === null) {
        server = createServer(({ url }, response) => {
          answer(url ?? '', told, response);
        }).listen(port, config.HOST);
        await once(server, 'listening');
      }
      await pause(lookEveryMs);
    }
  } finally {
    await connection.close();
    if (server !== null) {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    }
  }
}

async function isForgetful(
  pool: pg.Pool,
  connection: Connection,
  config: WaitConfig,
  log: Log,
): Promise<string | null> {
  try {
    const forgotten = await connection.withDeadline(Date.now() + answerWithinMs, () =>
      forgottenPayments(temporalClient(connection, config), new Recovery(pool)),
    );
    if (forgotten.length === 0) return null;
    log.error({ forgotten }, 'payments that Temporal knows, and that these books do not, or only as live');
    return forgetful;
  } catch (error) {
    // Whatever is away is told by the readiness; a process that cannot ask is no worse off than before.
    log.warn({ error }, 'nobody could be asked whether something is missing in the books');
    return null;
  }
}

/** A restore beneath a process that runs: it hears of it at its next connection, which is refused. Called once. */
export function whenRestored(pool: pg.Pool, act: () => void): NodeJS.Timeout {
  const look = setInterval(() => {
    void isUnrecovered(pool).then((unrecovered) => {
      if (!unrecovered) return;
      clearInterval(look);
      act();
    });
  }, lookEveryMs);
  return look.unref();
}

async function isUnrecovered(pool: pg.Pool): Promise<boolean> {
  try {
    await pool.query('SELECT');
    return false;
  } catch (error) {
    return error instanceof LedgerNotRecovered;
  }
}

function answer(url: string, ledger: string, response: ServerResponse): void {
  if (url === '/health/live') {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ live: true }));
    return;
  }
  const parts = { postgres: 'ok', migrations: 'not read', ledger, temporal: 'not asked' } as const;
  const readiness: Readiness = { ready: false, parts };
  const problem = {
    type: '/docs/problems/unavailable',
    title: 'Not available at the moment',
    status: 503,
    code: 'unavailable',
    detail: 'The ledger is being recovered from a backup; nothing was changed by this request.',
  };
  const [type, body] = url === '/health/ready' ? ['json', readiness] : ['problem+json', problem];
  response.writeHead(503, { 'content-type': `application/${type}`, 'retry-after': '30' }).end(JSON.stringify(body));
}
