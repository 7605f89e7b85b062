/**
 * DBOS and Restate, as their packages bring them (bench/rivals: a folder with packages of its own, brought when they are first
 * wanted), each started beside a Surety whose ledger and twin they use.
 */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { Pool } from 'undici';
import { v7 as uuidv7 } from 'uuid';
import { demo } from '../scripts/demoWorld.js';
import { freePort, Program, repository, untilReady } from '../scripts/stack.js';
import { passwords, type Surety } from '../scripts/surety.js';
import { createPool } from '../src/database/pool.js';
import { Ledger } from '../src/ledger/ledger.js';
import { createLog } from '../src/log.js';
import { confirmationOf, inCircles, type Contender, type Payers } from './contender.js';
import { benchPolicy } from './policy.js';

const folder = join(repository, 'bench/rivals');
const poolSize = 20;
const connections = 128;
const patienceMs = 60_000;

export interface Rival extends Pick<Contender, 'name' | 'pay'> {
  /** Pids by name. */
  readonly processes: Readonly<Record<string, number>>;
}

/** How an engine is spoken to. */
interface Engine {
  readonly name: string;
  readonly processes: Rival['processes'];
  /** Starts it; answers once it knows the price. */
  open(order: { readonly key: PaymentKey; readonly invoiceId: string }): Promise<void>;
  /** Answers once it is paid. */
  confirm(paymentId: string, confirmation: ReturnType<typeof confirmationOf>): Promise<void>;
}

interface PaymentKey {
  readonly partnerId: string;
  readonly paymentId: string;
  readonly epoch: number;
}

export async function startRivals(
  surety: Surety,
  payers: Payers,
  ends: (() => Promise<unknown>)[],
): Promise<readonly Rival[]> {
  await bring();
  const { postgres, database } = surety.options;
  const pool = createPool(postgres.url(database, 'surety_api', passwords.api), poolSize, createLog('bench', 'warn'));
  ends.push(() => pool.end());
  const ledger = new Ledger(pool);
  const environment = {
    DATABASE_URL: postgres.url(database, 'surety_worker', passwords.worker),
    TWIN_URL: surety.twin.url,
    TWIN_TOKEN: demo.loyalty.token,
  };
  return [
    racing(await startDbos(surety, environment, ends), ledger, payers),
    racing(await startRestate(environment, ends), ledger, payers),
  ];
}

/** Packages by their lock file, without their install scripts; then compiled by their own tsconfig. */
async function bring(): Promise<void> {
  const lock = await readFile(join(folder, 'package-lock.json'), 'utf8');
  const stamp = join(folder, 'node_modules/.lock');
  if (!existsSync(stamp) || (await readFile(stamp, 'utf8')) !== lock) {
    process.stderr.write('bench … npm ci in bench/rivals\n');
    run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
    await writeFile(stamp, lock);
  }
  run(process.execPath, [join(repository, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json']);
}

function run(command: string, args: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')} in bench/rivals:\n${stdout}${stderr}`, { cause: error });
}

/** The row of the payment is opened by the caller, as our API does; then the engine has it. */
function racing(engine: Engine, ledger: Ledger, { partnerId, memberIds }: Payers): Rival {
  const member = inCircles(memberIds);
  return {
    name: engine.name,
    processes: engine.processes,
    async pay(invoiceId) {
      const opened = await ledger.openPayment({
        ...{ partnerId, paymentId: uuidv7(), scheme: 'loyalty', invoiceId, memberId: null },
        ...{ openedBy: { kind: 'api_key', id: 'bench' }, policy: benchPolicy, links: {}, at: Date.now() },
      });
      if (opened.outcome !== 'opened') throw new Error(`A payment of ${engine.name} was ${opened.outcome}`);
      const { paymentId, epoch } = opened;
      await engine.open({ key: { partnerId, paymentId, epoch }, invoiceId });
      const clicked = performance.now();
      await engine.confirm(paymentId, confirmationOf(member()));
      return { workflowId: paymentId, clickMs: performance.now() - clicked };
    },
  };
}

async function startDbos(
  { options: { postgres } }: Surety,
  environment: Readonly<Record<string, string>>,
  ends: (() => Promise<unknown>)[],
): Promise<Engine> {
  const admin = new pg.Client({ connectionString: postgres.url('postgres') });
  await admin.connect();
  await admin.query('CREATE DATABASE dbos');
  await admin.end();
  const port = await freePort();
  const own = { PORT: String(port), DBOS_DATABASE_URL: postgres.url('dbos') };
  const app = await started('dbos', { ...environment, ...own }, ends);
  const post = poster(`http://127.0.0.1:${port}`, ends);
  return {
    ...{ name: 'dbos', processes: { dbos: app.pid } },
    open: async (order) => {
      await post('/open', order);
    },
    confirm: async (paymentId, confirmation) => {
      await post('/confirm', { paymentId, confirmation });
    },
  };
}

async function startRestate(
  environment: Readonly<Record<string, string>>,
  ends: (() => Promise<unknown>)[],
): Promise<Engine> {
  const [servicePort = 0, ingress = 0, admin = 0, node = 0] = await Promise.all(Array.from({ length: 4 }, freePort));
  const service = await started(
    'restate',
    { ...environment, PORT: String(servicePort), RESTATE_LOGGING: 'WARN' },
    ends,
  );
  const data = join(repository, '.data/bench', randomUUID());
  const binary = `node_modules/@restatedev/restate-server-${process.platform}-${process.arch}/bin/restate-server`;
  const server = new Program(
    'restate-server',
    join(folder, binary),
    ['--no-logo', '--listen-mode', 'tcp', '--node-name', 'bench', '--base-dir', data],
    {
      RESTATE_DISABLE_TELEMETRY: 'true',
      RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
    },
  );
  ends.push(
    () => rm(data, { recursive: true, force: true }),
    () => server.stop(),
  );
  await untilReady(`http://127.0.0.1:${admin}/health`, server);
  const registered = await fetch(`http://127.0.0.1:${admin}/deployments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uri: `http://127.0.0.1:${servicePort}` }),
  });
  if (!registered.ok) throw new Error(`Restate does not take the service: ${await registered.text()}`);
  const post = poster(`http://127.0.0.1:${ingress}`, ends);
  return {
    ...{ name: 'restate', processes: { restate: service.pid, 'restate-server': server.pid } },
    open: async (order) => {
      await post(`/payment/${order.key.paymentId}/run/send`, order);
      await post(`/payment/${order.key.paymentId}/price`);
    },
    confirm: async (paymentId, confirmation) => {
      await post(`/payment/${paymentId}/confirm`, confirmation);
    },
  };
}

/** A program of bench/rivals, once it says `ready`. */
async function started(
  name: string,
  environment: Readonly<Record<string, string>>,
  ends: (() => Promise<unknown>)[],
): Promise<Program> {
  let isReady = false;
  const script = join(folder, 'dist/bench/rivals', `${name}.main.js`);
  const program = new Program(name, process.execPath, ['--enable-source-maps', script], environment, (line) => {
    if (line === 'ready') isReady = true;
  });
  ends.push(() => program.stop());
  const deadline = performance.now() + patienceMs;
  while (!isReady as boolean) {
    if (!program.isRunning || performance.now() > deadline) throw new Error(`${name} is not ready:\n${program.output}`);
    await pause(50);
  }
  return program;
}

function poster(origin: string, ends: (() => Promise<unknown>)[]) {
  const pool = new Pool(origin, { connections, headersTimeout: patienceMs });
  ends.push(() => pool.close());
  return async (path: string, body?: object): Promise<void> => {
    const response = await pool.request({
      ...{ method: 'POST', path },
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new Error(`${response.statusCode} to ${origin}${path}: ${text}`);
  };
}
