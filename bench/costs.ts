/** What a stretch of time has cost: processor time by process, bytes of Postgres's log, statements by database. */
import { readdir, readFile } from 'node:fs/promises';
import pg from 'pg';

/** Of /proc/<pid>/stat: Linux counts in hundredths of a second, whatever the kernel's own tick is. */
const tickMs = 10;

/** For Postgres, so that statements are counted. */
export const countingFlags = [
  '-c',
  'shared_preload_libraries=pg_stat_statements',
  '-c',
  'pg_stat_statements.track=top',
];

export interface Cost {
  readonly cpuMs: Readonly<Record<string, number>>;
  readonly walBytes: number;
  /** Of each database; a statement is a round trip. */
  readonly statements: Readonly<Record<string, number>>;
}

export class Costs {
  private constructor(
    private readonly client: pg.Client,
    private readonly postmaster: number,
    private readonly processes: Readonly<Record<string, number>>,
  ) {}

  /** @param url of the server's database `postgres`, as the superuser @param processes pids by name; Postgres's are found */
  static async open(url: string, processes: Readonly<Record<string, number>>): Promise<Costs> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const postmaster = (await readStat(rows[0]?.pid ?? 0))?.parent ?? 0;
    return new Costs(client, postmaster, processes);
  }

  /** All of it since the start. */
  async read(): Promise<Cost> {
    const { rows: wal } = await this.client.query<{ bytes: string }>(
      `SELECT pg_current_wal_insert_lsn() - '0/0' AS bytes`,
    );
    const { rows: counts } = await this.client.query<{ name: string; calls: string }>(
      `SELECT datname AS name, sum(calls) AS calls FROM pg_stat_statements JOIN pg_database AS d ON d.oid = dbid GROUP BY 1`,
    );
    const cpuMs: Record<string, number> = { postgres: await this.#postgresMs(), bench: ownMs() };
    for (const [name, pid] of Object.entries(this.processes)) cpuMs[name] = (await readStat(pid))?.ownMs ?? 0;
    return {
      cpuMs,
      walBytes: Number(wal[0]?.bytes ?? 0),
      statements: Object.fromEntries(counts.map(({ name, calls }) => [name, Number(calls)])),
    };
  }

  close(): Promise<void> {
    return this.client.end();
  }

  /** The postmaster, its processes, and those that it has seen end. */
  async #postgresMs(): Promise<number> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
    const stats = await Promise.all(pids.map((pid) => readStat(pid)));
    return stats
      .filter((stat) => stat !== null)
      .reduce((sum, { pid, parent, ownMs, endedMs }) => {
        if (pid === this.postmaster) return sum + ownMs + endedMs;
        return parent === this.postmaster ? sum + ownMs : sum;
      }, 0);
  }
}

export function costBetween(before: Cost, after: Cost): Cost {
  const less = (of: Readonly<Record<string, number>>, by: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(of).map(([name, value]) => [name, value - (by[name] ?? 0)]));
  return {
    cpuMs: less(after.cpuMs, before.cpuMs),
    walBytes: after.walBytes - before.walBytes,
    statements: less(after.statements, before.statements),
  };
}

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly ownMs: number;
  /** Of children that have ended. */
  readonly endedMs: number;
}

/** null: there is no such process any more. */
async function readStat(pid: number): Promise<Stat | null> {
  try {
    return statOf(pid, await readFile(`/proc/${pid}/stat`, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return null;
    throw error;
  }
}

/** The program's name, in brackets, may hold anything; what follows is numbers (proc(5)). */
export function statOf(pid: number, line: string): Stat {
  const [, parent = 0, ...rest] = line
    .slice(line.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = rest.slice(9, 13);
  return { pid, parent, ownMs: (user + system) * tickMs, endedMs: (endedUser + endedSystem) * tickMs };
}

function ownMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
