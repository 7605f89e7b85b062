/** A Postgres whose log is archived, so that it can be restored to any moment since a base backup: docs/backup.md, with plain commands. */
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort, startPostgres, type OwnPostgres } from '../../scripts/stack.js';
import { eventually } from '../support/world.js';

export class RestorablePostgres {
  private constructor(
    private readonly folder: string,
    private readonly flags: readonly string[],
    public server: OwnPostgres,
  ) {}

  static async start(): Promise<RestorablePostgres> {
    const folder = mkdtempSync(join(tmpdir(), 'surety-restore-'));
    chmodSync(folder, 0o755);
    const archive = join(folder, 'archive');
    mkdirSync(archive);
    // Postgres runs as a user of its own where we are root.
    chmodSync(archive, 0o777);
    const flags = [
      ...['-c', 'archive_mode=on', '-c', `archive_command=test ! -f ${archive}/%f && cp %p ${archive}/%f`],
      ...['-c', 'fsync=off', '-c', 'wal_level=replica'],
    ];
    const server = await startPostgres({ dataFolder: join(folder, 'data'), port: await freePort(), flags });
    return new RestorablePostgres(folder, flags, server);
  }

  /** While it runs: what pg_basebackup does, which is not among the embedded server's programs. */
  async backUp(): Promise<void> {
    const client = await this.#connect();
    await client.query("SELECT pg_backup_start('story', true)");
    const [data, backup] = [join(this.folder, 'data'), join(this.folder, 'backup')];
    run('cp', '-a', data, backup);
    const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop()');
    writeOwned(backup, 'backup_label', rows[0]?.labelfile ?? '');
    rmSync(join(backup, 'postmaster.pid'), { force: true });
    for (const name of readdirSync(join(backup, 'pg_wal'))) {
      if (/^[0-9A-F]{24}/.test(name)) rmSync(join(backup, 'pg_wal', name), { recursive: true });
    }
    await client.end();
  }

  /** The moment to come back to: all that is committed before it is in it. */
  async now(): Promise<Date> {
    const client = await this.#connect();
    const { rows } = await client.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    await client.end();
    return rows[0]?.now ?? new Date();
  }

  /** Loses the server with its disk, and brings it back as it was then, at the same address. */
  async restoreTo(moment: Date): Promise<void> {
    const client = await this.#connect();
    const { rows } = await client.query<{ segment: string }>('SELECT pg_walfile_name(pg_switch_wal()) AS segment');
    await client.end();
    const last = join(this.folder, 'archive', rows[0]?.segment ?? '');
    await eventually(
      () => Promise.resolve(existsSync(last)),
      () => `${last} was not archived`,
    );
    await this.server.stop();
    const data = join(this.folder, 'data');
    rmSync(data, { recursive: true });
    renameSync(join(this.folder, 'backup'), data);
    writeOwned(data, 'recovery.signal', '');
    appendFileSync(
      join(data, 'postgresql.auto.conf'),
      `restore_command = 'cp ${this.folder}/archive/%f %p'
recovery_target_time = '${moment.toISOString().replace('Z', '+00')}'
recovery_target_action = 'promote'
`,
    );
    await this.#startAgain();
  }

  /** As a machine's disk is copied: with nothing running on it. */
  async copyDisk(): Promise<void> {
    await this.server.stop();
    run('cp', '-a', join(this.folder, 'data'), join(this.folder, 'copy'));
    await this.#startAgain();
  }

  /** The copy takes the disk's place: nothing in it tells that there was anything after it. */
  async putCopyBack(): Promise<void> {
    await this.server.stop();
    const data = join(this.folder, 'data');
    rmSync(data, { recursive: true });
    renameSync(join(this.folder, 'copy'), data);
    await this.#startAgain();
  }

  async close(): Promise<void> {
    await this.server.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #startAgain(): Promise<void> {
    const { port } = this.server;
    this.server = await startPostgres({ dataFolder: join(this.folder, 'data'), port, flags: this.flags });
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.server.url('postgres') });
    await client.connect();
    return client;
  }
}

/** Where we are root, Postgres is not. */
function writeOwned(folder: string, name: string, text: string): void {
  writeFileSync(join(folder, name), text);
  const { uid, gid } = statSync(folder);
  chownSync(join(folder, name), uid, gid);
}

function run(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}
