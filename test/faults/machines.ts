/**
 * The real processes of a run: Postgres, Temporal with its database on disk, the twin with its journal, two APIs and two
 * workers, each behind a Postgres proxy of its own. A process that dies is started again at once, as an orchestrator does.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import {
  freePort,
  repository,
  startPostgres,
  startTemporal,
  type OwnPostgres,
  type Program,
  type RunningTemporal,
} from '../../scripts/stack.js';
import { passwords, Surety } from '../../scripts/surety.js';
import { PostgresProxy } from './postgresProxy.js';
import { scale } from './scale.js';
import { TwinGate } from './twinGate.js';
import type { ProcessKind, Watch } from './watch.js';

const database = 'surety';
const namespace = 'surety';

/** How long a strike waits for others to share it, and then for the answers that some of them strike after. */
const gatherMs = 2_500;
const answeredWithinMs = 1_000;

export type StrikeKind = 'kill' | 'freeze';

/** One strike, shared by the payments that wait for it. */
interface Joint {
  readonly how: StrikeKind;
  /** Nobody can join any more; it comes as soon as `before` has happened. */
  readonly ripe: Promise<unknown>;
  readonly before: Promise<unknown>[];
  /** The process is dead, or goes on. */
  readonly done: Promise<void>;
  readonly go: AbortController;
}

/** One process of Surety's, that is there again whenever it has ended. */
export class Machine {
  #program: Program;
  #leaving = false;
  /** Of the process that runs now, `performance.now()`; Infinity until it is ready. */
  readyAt = Infinity;
  /** Deaths that no fault of ours has brought about. */
  readonly unexplainedDeaths: string[] = [];
  starts = 0;
  #expectedDeath = false;
  #joint: Joint | null = null;

  constructor(
    readonly name: string,
    readonly kind: ProcessKind,
    readonly url: string,
    readonly proxy: PostgresProxy,
    private readonly launch: (starts: number) => Program,
    private readonly onStrike: () => void = () => undefined,
  ) {
    this.#program = this.#start();
    void this.#keepAlive();
  }

  get program(): Program {
    return this.#program;
  }

  get isReady(): boolean {
    return this.readyAt !== Infinity;
  }

  async untilReady(): Promise<void> {
    while (!this.isReady) await pause(20);
  }

  /**
   * Strikes that wait at their statements share one: a run that stopped the process for each of them would measure nothing
   * but waiting. One that has to come now takes those along that wait.
   */
  async join(how: StrikeKind, when: 'soon' | 'now'): Promise<Joint> {
    while (this.#joint !== null && this.#joint.how !== how) await this.#joint.done;
    const joint = (this.#joint ??= this.#planStrike(how));
    if (when === 'now') joint.go.abort();
    return joint;
  }

  #planStrike(how: StrikeKind): Joint {
    const go = new AbortController();
    // Ended early by one that has to come now.
    const ripe = pause(gatherMs, undefined, { signal: go.signal }).catch(() => undefined);
    const before: Promise<unknown>[] = [];
    const done = (async () => {
      await ripe;
      // Its time to gather is over: whoever comes now waits for the next one.
      this.#joint = null;
      await Promise.race([Promise.all(before), pause(answeredWithinMs)]);
      if (how === 'kill') await this.kill();
      else await this.freeze(scale.freezeMs);
    })();
    return { how, ripe, before, done, go };
  }

  async kill(): Promise<void> {
    this.#expectedDeath = true;
    this.readyAt = Infinity;
    this.onStrike();
    await this.#program.kill();
  }

  /** Stands still for so long: neither dead nor alive. */
  async freeze(forMs: number): Promise<void> {
    const program = this.#program;
    this.onStrike();
    program.signal('SIGSTOP');
    await pause(forMs);
    program.signal('SIGCONT');
  }

  /** As a deploy does. Does not wait for the end: what runs may finish first. */
  terminate(): void {
    this.#expectedDeath = true;
    this.#program.signal('SIGTERM');
  }

  async leave(): Promise<void> {
    this.#leaving = true;
    await this.#program.kill();
    this.proxy.close();
  }

  #start(): Program {
    this.starts += 1;
    return this.launch(this.starts);
  }

  async #keepAlive(): Promise<void> {
    for (;;) {
      await this.#untilReadyOrDead();
      while (this.#program.isRunning) await pause(20);
      this.readyAt = Infinity;
      if (this.#isLeaving()) return;
      if (!this.#expectedDeath) {
        this.unexplainedDeaths.push(this.#program.output.slice(-2_000));
        await pause(100);
      }
      this.#expectedDeath = false;
      this.#program = this.#start();
    }
  }

  #isLeaving(): boolean {
    return this.#leaving;
  }

  async #untilReadyOrDead(): Promise<void> {
    const program = this.#program;
    while (program.isRunning && !(await answersOk(this.url))) await pause(50);
    if (program.isRunning) this.readyAt = performance.now();
  }
}

async function answersOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(3_000) })).ok;
  } catch {
    // Not there yet, or no more: the caller asks again.
    return false;
  }
}

/** Something that kept payments from going on; `performance.now()`. */
export interface Trouble {
  readonly from: number;
  /** From when they could; Infinity until then. */
  to: number;
}

export class Machines {
  readonly troubles: Trouble[] = [];
  readonly apis: Machine[] = [];
  readonly workers: Machine[] = [];
  #temporal: RunningTemporal;
  #simulator: Program | null = null;
  /** Troubles that strike everybody come one at a time. */
  #trouble: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly folder: string,
    readonly postgres: OwnPostgres,
    private readonly startTemporalAgain: () => Promise<RunningTemporal>,
    readonly surety: Surety,
    readonly client: Client,
    /** The way of those partners to the twin who give up soon. */
    readonly gate: TwinGate,
    temporal: RunningTemporal,
  ) {
    this.#temporal = temporal;
  }

  static async start(folder: string, watch: Watch): Promise<Machines> {
    const [port = 0, uiPort = 0, postgresPort = 0, ...ports] = await Promise.all(Array.from({ length: 8 }, freePort));
    const [simulator = 0, ...processPorts] = ports;
    const postgres = await startPostgres({
      dataFolder: join(folder, 'postgres'),
      port: postgresPort,
      // Our crashes are the server's, never the machine's, so what it wrote is there again without waiting for the disk.
      flags: ['-c', 'fsync=off'],
    });
    const startTemporalAgain = () =>
      startTemporal({
        namespace,
        port,
        uiPort,
        databaseFile: join(folder, 'temporal.db'),
        flags: ['--sqlite-pragma', 'synchronous=OFF'],
      });
    const address = `127.0.0.1:${port}`;
    const surety = new Surety({
      postgres,
      database,
      temporalAddress: address,
      namespace,
      keys: `faults:${Buffer.alloc(32, 7).toString('base64')}`,
      codecKeys: `faults:${Buffer.alloc(32, 8).toString('base64')}`,
      ports: { api: processPorts[0] ?? 0, worker: processPorts[2] ?? 0, simulator },
      journal: join(folder, 'twin.jsonl'),
      environment: { DATABASE_POOL_SIZE: '20', ...scale.workerEnvironment },
      temporalSetup: scale.temporalSetup,
    });
    const client = surety.temporalClient();
    const [gate, temporal] = await Promise.all([TwinGate.open(simulator), startTemporalAgain()]);
    const machines = new Machines(folder, postgres, startTemporalAgain, surety, client, gate, temporal);
    await machines.untilTemporalAnswers();
    await surety.prepare();
    machines.#simulator = await surety.startSimulator();
    await machines.#startProcesses(watch, processPorts);
    return machines;
  }

  async #startProcesses(watch: Watch, ports: readonly number[]): Promise<void> {
    const { surety, postgres } = this;
    const behind = async (
      name: string,
      kind: ProcessKind,
      launch: (proxy: PostgresProxy, starts: number) => Program,
      url: string,
    ) => {
      const proxy = await PostgresProxy.start(name, postgres.port, watch);
      return new Machine(
        name,
        kind,
        url,
        proxy,
        (starts) => launch(proxy, starts),
        kind === 'worker' ? () => void this.#noteWorkerTrouble() : undefined,
      );
    };
    const databaseUrl = (proxy: PostgresProxy, role: string, password: string) => {
      const url = new URL(postgres.url(database, role, password));
      url.port = String(proxy.port);
      return { DATABASE_URL: url.href };
    };
    for (const [index, port] of ports.slice(0, 2).entries()) {
      this.apis.push(
        await behind(
          `api-${index + 1}`,
          'api',
          (proxy) => surety.launchApi(port, databaseUrl(proxy, 'surety_api', passwords.api)),
          `http://127.0.0.1:${port}/health/live`,
        ),
      );
    }
    for (const [index, port] of ports.slice(2, 4).entries()) {
      this.workers.push(
        await behind(
          `worker-${index + 1}`,
          'worker',
          (proxy, starts) =>
            surety.launchWorker(port, {
              ...databaseUrl(proxy, 'surety_worker', passwords.worker),
              ...(index === 1 ? shiftedClock(starts) : {}),
            }),
          `http://127.0.0.1:${port}/health/ready`,
        ),
      );
    }
    await Promise.all([...this.apis, ...this.workers].map((machine) => machine.untilReady()));
  }

  /** Where an API answers. */
  apiUrl(index: number): string {
    return new URL(this.apis[index % this.apis.length]?.url ?? '').origin;
  }

  /** The machine that sent a statement. */
  named(name: string): Machine {
    const machine = [...this.apis, ...this.workers].find((candidate) => candidate.name === name);
    if (machine === undefined) throw new Error(`There is no machine ${name}`);
    return machine;
  }

  /** The shift of worker 2's clock while it runs now. */
  get clockShiftMs(): number {
    return shiftMs(this.workers[1]?.starts ?? 1);
  }

  crashPostgres(): Promise<void> {
    return this.#alone(() => this.postgres.crashAndRestart());
  }

  stopTemporal(forMs: number): Promise<void> {
    return this.#alone(async () => {
      await this.#temporal.stop();
      await pause(forMs);
      this.#temporal = await this.startTemporalAgain();
      await this.untilTemporalAnswers();
    });
  }

  async untilTemporalAnswers(): Promise<void> {
    for (;;) {
      try {
        await this.client.withDeadline(Date.now() + 1_000, () => this.client.workflowService.getSystemInfo({}));
        return;
      } catch {
        // Still starting.
        await pause(50);
      }
    }
  }

  /** Postgres takes no writes for so long, from anybody. */
  readOnly(forMs: number): Promise<void> {
    const say = (value: string) => this.surety.admin.query(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
    return this.#alone(async () => {
      await say('on');
      await this.surety.admin.query('SELECT pg_reload_conf()');
      await pause(forMs);
      const undo = await this.surety.admin.connect();
      try {
        await undo.query('SET default_transaction_read_only = off');
        await undo.query('ALTER SYSTEM SET default_transaction_read_only = off');
        await undo.query('SELECT pg_reload_conf()');
        await undo.query('RESET default_transaction_read_only');
      } finally {
        undo.release();
      }
    });
  }

  async terminateConnections(): Promise<void> {
    await this.surety.admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'surety' AND usename IN ('surety_api', 'surety_worker')`,
    );
  }

  /** Invoicebox destroys every connection that brings a call, or each that idles, for so long. @returns when it does */
  troubleTwin(how: 'cuts' | 'closes_idle', forMs: number): Promise<void> {
    const { twin } = this.surety;
    return new Promise((isTroubled, fail) => {
      this.#alone(async () => {
        await twin.setServer(how === 'cuts' ? { down: true } : { keepAliveMs: scale.shortKeepAliveMs });
        isTroubled();
        await pause(forMs);
        await twin.setServer({ down: false, keepAliveMs: null });
      }).catch(fail);
    });
  }

  /** Gives worker 2 a clock that is an hour fast, or slow, if it has another. */
  async shiftWorkerClock(fast: boolean): Promise<void> {
    const [, worker] = this.workers;
    if (worker !== undefined && this.clockShiftMs > 0 !== fast) {
      await worker.kill();
      await worker.untilReady();
    }
  }

  async untilSomeWorkerIsReady(): Promise<void> {
    while (!this.workers.some(({ isReady }) => isReady)) await pause(20);
  }

  /** Again and again while Temporal or Postgres is away: the run's own questions must survive its faults. */
  async persistently<T>(work: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        return await work();
      } catch (error) {
        if (tries === 40) throw error;
        await pause(250);
      }
    }
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#trouble.then(async () => {
      const trouble = this.noteTrouble();
      try {
        return await work();
      } finally {
        trouble.to = performance.now();
      }
    });
    this.#trouble = done.catch(() => undefined);
    return done;
  }

  noteTrouble(): Trouble {
    const trouble = { from: performance.now(), to: Infinity };
    this.troubles.push(trouble);
    return trouble;
  }

  /** A worker is dead or frozen: what it held goes on elsewhere, as soon as there is another. */
  async #noteWorkerTrouble(): Promise<void> {
    const trouble = this.noteTrouble();
    await this.untilSomeWorkerIsReady();
    trouble.to = performance.now();
  }

  /** What every process said last, beside the data, for whoever looks into a red run. */
  writeLogs(): void {
    for (const machine of [...this.apis, ...this.workers]) {
      const deaths = machine.unexplainedDeaths.map((output) => `--- died by itself:\n${output}\n`).join('');
      writeFileSync(join(this.folder, `${machine.name}.log`), `${machine.program.output}\n${deaths}`);
    }
    writeFileSync(join(this.folder, 'simulator.log'), this.#simulator?.output ?? '');
  }

  async stop(): Promise<void> {
    await Promise.all([...this.apis, ...this.workers].map((machine) => machine.leave()));
    await this.client.connection.close();
    await this.surety.close();
    await this.gate.close();
    await this.#simulator?.kill();
    await this.#temporal.stop();
    await this.postgres.stop();
  }
}

/** An hour fast, then an hour slow, changing at each start. */
const shiftMs = (starts: number) => (starts % 2 === 1 ? scale.clockShiftMs : -scale.clockShiftMs);

function shiftedClock(starts: number): Record<string, string> {
  return {
    NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import ${join(repository, 'test/faults/shiftClock.mjs')}`,
    FAULTS_CLOCK_SHIFT_MS: String(shiftMs(starts)),
  };
}
