/**
 * What a process does while the ledger is a restored copy that nobody has recovered (docs/backup.md): it lives, is not ready,
 * takes no work, and goes on by itself when the recovery has ended.
 */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { createPool } from './database/pool.js';
import { LedgerNotRecovered } from './database/trouble.js';
import { notRecovered, type Readiness } from './health.js';
import type { Log } from './log.js';

const lookEveryMs = 2_000;

/** Before anything else is started. Whatever else is wrong with the database is told by who needs it. */
export async function untilRecovered(
  config: { readonly DATABASE_URL: string; readonly HOST: string },
  port: number,
  log: Log,
): Promise<void> {
  const pool = createPool(config.DATABASE_URL, 1, log);
  let server: Server | null = null;
  try {
    while (await isUnrecovered(pool)) {
      if (server === null) {
        log.error(notRecovered);
        server = createServer(({ url }, response) => {
          answer(url ?? '', response);
        }).listen(port, config.HOST);
        await once(server, 'listening');
      }
      await pause(lookEveryMs);
    }
  } finally {
    await pool.end();
    if (server !== null) {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    }
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

function answer(url: string, response: ServerResponse): void {
  if (url === '/health/live') {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ live: true }));
    return;
  }
  const parts = { postgres: 'ok', migrations: 'not read', ledger: notRecovered, temporal: 'not asked' } as const;
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
