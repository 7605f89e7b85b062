/**
 * `npm run fuzz -- --calls N [--seed S] [--json]`: N calls of every operation of the API, valid and broken, against a Surety
 * of its own. Exit code 1 when an answer was a server's error or not as documented, or an operation never succeeded.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort, repository, startPostgres, startTemporal } from '../../scripts/stack.js';
import { Surety } from '../../scripts/surety.js';
import { KeyRing } from '../../src/keyring.js';
import { drive, isClean } from './driver.js';
import { fuzzEnvironment, fuzzTemporalSetup, makeLivingWorld } from './livingWorld.js';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function readCommand(): { readonly calls: number; readonly seed: number; readonly json: boolean } {
  const { values } = parseArgs({
    options: {
      calls: { type: 'string', default: '1000' },
      seed: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const numbers = {
    calls: Number(values.calls),
    seed: values.seed === undefined ? randomInt(1e6) : Number(values.seed),
  };
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} must be a whole number`);
  }
  return { ...numbers, json: values.json };
}

async function main(): Promise<{ code: number; lastLine: string | null }> {
  const command = readCommand();
  say(`Fuzz run: ${command.calls} calls, seed ${command.seed}`);
  const beganAt = performance.now();
  const seconds = () => `${((performance.now() - beganAt) / 1000).toFixed(0)} s`;
  const folder = join(repository, '.data', `fuzz-${process.pid}`);
  await mkdir(folder, { recursive: true });
  // What has been started, ended the other way round.
  const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    const { surety, keys } = await start(folder, ends);
    const { loyalty } = await surety.applyPartners();
    const api = await surety.startApi();
    const worker = await surety.startWorker();
    ends.push(() => Promise.all([api, worker].map((program) => program.stop(2_000))));
    const world = await makeLivingWorld(surety, loyalty ?? '', new KeyRing(keys));
    say(`The world lives (${seconds()})`);

    const verdict = await drive(world, command, say);
    const clean = isClean(verdict);
    if (!clean) {
      const log = `${folder}.log`;
      await writeFile(log, api.output);
      say(`What the API said last is in ${log}`);
    }
    say(`${clean ? 'Every answer is as documented' : 'Something is wrong'} (${seconds()})`);
    return { code: clean ? 0 : 1, lastLine: command.json ? JSON.stringify(verdict) : null };
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

/** Everything but API and worker. */
async function start(folder: string, ends: (() => Promise<unknown>)[]): Promise<{ surety: Surety; keys: string }> {
  const [postgresPort = 0, temporalPort = 0, uiPort = 0, api = 0, worker = 0, simulator = 0] = await Promise.all(
    Array.from({ length: 6 }, freePort),
  );
  const flags = ['-c', 'fsync=off'];
  const postgres = await startPostgres({ dataFolder: join(folder, 'postgres'), port: postgresPort, flags });
  ends.push(() => postgres.stop());
  const temporal = await startTemporal({ namespace: 'surety', port: temporalPort, uiPort });
  ends.push(() => temporal.stop());
  const keys = `fuzz:${randomBytes(32).toString('base64')}`;
  const surety = new Surety({
    postgres,
    database: 'surety',
    temporalAddress: temporal.address,
    namespace: 'surety',
    keys,
    ports: { api, worker, simulator },
    timings: { pendingGapMs: 100, quietMs: 300, marginMs: 400, waitScale: 0.02 },
    environment: { ...fuzzEnvironment, DATABASE_POOL_SIZE: '10' },
    temporalSetup: fuzzTemporalSetup,
  });
  ends.push(() => surety.close());
  await surety.prepare();
  const twin = await surety.startSimulator();
  ends.push(() => twin.stop(2_000));
  return { surety, keys };
}

try {
  const { code, lastLine } = await main();
  if (lastLine !== null) say(lastLine);
  process.exitCode = code;
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
process.exit();
