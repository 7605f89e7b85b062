/** The image without a container engine: what its lines make is put together, belongs to somebody else, and runs. */
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { accessSync, chmodSync, constants, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { repository } from '../../scripts/stack.js';
import { passwords } from '../../scripts/surety.js';
import { testKeys } from '../support/books.js';
import { eventually, World } from '../support/world.js';
import { assemble, type Image } from './image.js';

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
}
const { services } = parse(readFileSync(join(repository, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
  services: Record<string, Service>;
};
const ours = Object.entries(services).filter(
  ([name, { image }]) => image.startsWith('surety:') && name !== 'simulator',
);
const argumentsOf = ({ entrypoint = [], command = [] }: Service) => [...entrypoint, ...command];

const isRoot = process.getuid?.() === 0;
/** As root: somebody to whom none of it belongs. Otherwise: ourselves, with nothing that may be written. */
const nobody = 65_534;

let image: Image;
let world: World;
let place: string;
beforeAll(async () => {
  place = join(repository, '.data', `image-${randomUUID()}`);
  image = assemble(place, 'surety');
  if (!isRoot) makeReadOnly(image.folder);
  world = await World.open();
  // From here on the image's own do the work.
  await Promise.all([world.api?.stop(), world.worker?.stop()]);
}, 180_000);
afterAll(async () => {
  for (const { kill } of running) kill();
  await world.assertBooksAgree();
  await world.close();
  if (!isRoot) makeReadOnly(place, 0o755);
  rmSync(place, { recursive: true, force: true });
});

const running: { kill: () => void }[] = [];

function makeReadOnly(folder: string, mode = 0o555): void {
  chmodSync(folder, mode);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) makeReadOnly(join(folder, entry.name), mode);
  }
}

const asNobody = isRoot ? { uid: nobody, gid: nobody } : {};

function environmentFor(name: string): Record<string, string> {
  const { options } = world.surety;
  const { postgres, database, temporalAddress, namespace, ports } = options;
  return {
    PATH: process.env['PATH'] ?? '',
    ...image.environment,
    LOG_LEVEL: 'info',
    HOST: '127.0.0.1',
    PORT: String(ports.api),
    ...(name === 'worker' ? { WORKER_HEALTH_PORT: String(ports.worker) } : {}),
    SURETY_BASE_URL: world.surety.apiUrl,
    SURETY_KEYS: testKeys,
    SURETY_CODEC_KEYS: 'plain',
    SURETY_TEST_MODE: '1',
    TEMPORAL_ADDRESS: temporalAddress,
    TEMPORAL_NAMESPACE: namespace,
    DATABASE_ADMIN_URL: postgres.url(database),
    DATABASE_URL:
      name === 'worker'
        ? postgres.url(database, 'surety_worker', passwords.worker)
        : postgres.url(database, 'surety_api', passwords.api),
    SURETY_API_DB_PASSWORD: passwords.api,
    SURETY_WORKER_DB_PASSWORD: passwords.worker,
    SURETY_MONITOR_DB_PASSWORD: passwords.monitor,
    DATABASE_MONITOR_URL: postgres.url(database, 'surety_monitor', passwords.monitor),
    // A port of their own: the world's own processes have stopped, others' have not.
    METRICS_PORT: '0',
  };
}

function runToEnd(words: readonly string[], name: string) {
  const [program = '', ...args] = words;
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: image.folder,
    env: environmentFor(name),
    encoding: 'utf8',
    ...asNobody,
  });
  return { status, said: `${stdout}${stderr}` };
}

function start(name: string, words: readonly string[]): { output: () => string } {
  const [program = '', ...args] = words;
  const child = spawn(program, args, { cwd: image.folder, env: environmentFor(name), ...asNobody });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)));
  running.push({ kill: () => child.kill('SIGKILL') });
  return { output: () => output };
}

const isReady = async (port: number): Promise<boolean> => {
  try {
    return (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok;
  } catch {
    // Not there yet.
    return false;
  }
};

describe('the image', () => {
  it('has no package that only development needs, and none of its files is the demo’s or a test’s', () => {
    const { devDependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
      devDependencies: Record<string, string>;
    };
    // What others need at run time as well.
    const shared = ['ajv', 'protobufjs', '@types/node', '@swc/core'];
    const present = Object.keys(devDependencies).filter((name) => existsSync(join(image.folder, 'node_modules', name)));
    expect(present.filter((name) => !shared.includes(name))).toEqual([]);
    expect(readdirSync(image.folder).sort()).toEqual(['LICENSE', 'dist', 'node_modules', 'package.json']);
    expect(readdirSync(join(image.folder, 'dist')).sort()).toEqual(['scripts', 'src', 'workflows.bundle.js']);
    expect(readdirSync(join(image.folder, 'dist/scripts')).sort()).toEqual([
      ...['partner.js', 'pausePartner.js', 'recover.js', 'reseal.js', 'resolve.js', 'verify'],
    ]);
  });

  it('is nobody’s to change: it runs as another user, with nothing of it to write', () => {
    expect(image.user).toBe('node');
    expect(image.labels).toMatchObject({ 'org.opencontainers.image.licenses': 'MIT' });
    const probe =
      "try { require('fs').writeFileSync('dist/x', ''); console.log('written') } catch (e) { console.log(e.code) }";
    expect(runToEnd([process.execPath, '-e', probe], 'api').said).toMatch(/^EACCES/);
    expect(() => {
      accessSync(join(image.folder, 'dist/workflows.bundle.js'), constants.R_OK);
    }).not.toThrow();
  });

  it('brings the database and Temporal to its release, again without change', () => {
    for (const name of ['migrate', 'temporal-setup']) {
      const { status, said } = runToEnd(argumentsOf(services[name] ?? { image: '' }), name);
      expect({ name, status, said: status === 0 ? '' : said }).toEqual({ name, status: 0, said: '' });
    }
  });

  it('serves: API and worker are ready, say so to the health check, and pay by both schemes', async () => {
    const { ports } = world.surety.options;
    expect(runToEnd(image.healthcheck, 'api').status).toBe(1);
    const api = start('api', image.command);
    const worker = start('worker', argumentsOf(services['worker'] ?? { image: '' }));
    await eventually(
      async () => (await isReady(ports.api)) && (await isReady(ports.worker)),
      () => `not ready:\n${api.output().slice(-2_000)}\n${worker.output().slice(-2_000)}`,
    );
    for (const name of ['api', 'worker']) expect([name, runToEnd(image.healthcheck, name).status]).toEqual([name, 0]);
    expect(services['api']?.command).toEqual(image.command);

    const opened = await world.open((await world.invoice()).id);
    expect((await world.confirm(opened)).body.state).toBe('paid');
    const organisation = await world.payAsOrganisation((await world.invoice()).id);
    await world.until(organisation.body.id, ['paid'], world.keys.organisation);
    expect((await fetch(`${world.surety.apiUrl}/pay-assets/pay.css`)).status).toBe(200);
  });

  it.each(ours)('has what `%s` of compose needs', (name, service) => {
    const words = argumentsOf(service);
    expect(words[0]).toBe('node');
    expect(existsSync(join(image.folder, words[1] ?? ''))).toBe(true);
    if (['api', 'worker', 'migrate', 'temporal-setup'].includes(name)) return;
    // An operator's command, without anything to do.
    const { said } = runToEnd(words, name);
    expect(said).not.toMatch(/Cannot find (module|package)|ERR_MODULE/);
    expect(said.trim()).not.toBe('');
  });

  it('checks books and passports', () => {
    const { said } = runToEnd(['node', 'dist/scripts/verify/main.js'], 'verify');
    expect(said).toMatch(/passport FILE[^]*ledger/);
  });
});
