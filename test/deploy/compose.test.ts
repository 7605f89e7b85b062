import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

interface Service {
  image: string;
  command?: string[];
  environment?: Record<string, string | number>;
  ports?: string[];
  volumes?: string[];
  profiles?: string[];
  restart?: string;
  stop_grace_period?: string;
  deploy?: { replicas?: number; resources?: { limits?: { cpus: string; memory: string } } };
  pids_limit?: number;
  read_only?: boolean;
  cap_drop?: string[];
  cap_add?: string[];
  security_opt?: string[];
  privileged?: boolean;
  logging?: { driver: string; options: Record<string, string> };
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
  build?: { target: string };
}

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const source = read('docker-compose.yml');
const { services } = parse(source, { merge: true }) as { services: Record<string, Service> };

function service(name: string): Service {
  const found = services[name];
  if (found === undefined) throw new Error(`no service ${name}`);
  return found;
}
const names = Object.keys(services);
const jobs = ['temporal-schema', 'temporal-setup', 'migrate'];
const commands = ['partner', 'recover', 'resolve', 'doctor'];

describe('the production shape', () => {
  test('has the services of the design, two of each process that may have several', () => {
    expect(names.sort()).toEqual(
      [
        ...jobs,
        ...commands,
        'postgres',
        'temporal',
        'temporal-ui',
        'api',
        'worker',
        'proxy',
        'simulator',
        'prometheus',
        'grafana',
      ].sort(),
    );
    expect([service('api').deploy?.replicas, service('worker').deploy?.replicas]).toEqual([2, 2]);
  });

  test('publishes the API, and on the loopback the Temporal UI, the figures and the demo: nothing else', () => {
    const published = names.flatMap((name) => (service(name).ports ?? []).map((port) => `${name} ${port}`));
    expect(published.sort()).toEqual([
      'grafana 127.0.0.1:3010:3000',
      'prometheus 127.0.0.1:9090:9090',
      'proxy ${SURETY_PUBLISH:-127.0.0.1:3000}:3000',
      'simulator 127.0.0.1:4010:4010',
      'temporal-ui 127.0.0.1:8080:8080',
    ]);
    expect(service('simulator').profiles).toEqual(['demo']);
    for (const name of ['prometheus', 'grafana']) expect(service(name).profiles).toEqual(['observability']);
    expect(service('temporal-ui').environment).toMatchObject({ TEMPORAL_DISABLE_WRITE_ACTIONS: 'true' });
  });

  test.each(names)('%s has no more rights and takes no more of the machine than it was given', (name) => {
    const { cap_drop: dropped, cap_add: added, security_opt: options, deploy, privileged } = service(name);
    expect([dropped, options, privileged]).toEqual([['ALL'], ['no-new-privileges:true'], undefined]);
    expect(added ?? []).toEqual(name === 'postgres' ? ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'SETGID', 'SETUID'] : []);
    // What an operator runs by hand ends with him.
    if (commands.includes(name)) return;
    expect(deploy?.resources?.limits).toEqual({
      cpus: expect.stringMatching(/^[\d.]+$/),
      memory: expect.stringMatching(/^\d+[mg]$/),
    });
    // Beside the others: the compose of Debian knows it only there.
    expect(service(name).pids_limit).toBeGreaterThan(0);
    expect(service(name).logging?.options).toEqual({ 'max-size': '20m', 'max-file': '5' });
  });

  test.each(names.filter((name) => service(name).image.startsWith('surety') || name === 'proxy'))(
    '%s cannot write to its own files',
    (name) => {
      expect(service(name).read_only).toBe(true);
    },
  );

  test('the Temporal UI reads encrypted histories through the API, with the cookie of the console', () => {
    expect(service('temporal-ui').environment).toMatchObject({
      TEMPORAL_CODEC_ENDPOINT: expect.stringMatching(/^\$\{SURETY_BASE_URL:\?[^}]+\}\/codec$/),
      TEMPORAL_CODEC_INCLUDE_CREDENTIALS: 'true',
    });
  });

  test.each(names)('%s runs a pinned image', (name) => {
    expect(service(name).image).toMatch(/^[a-z/-]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?$/);
  });

  test('the base image of ours is pinned, and its processes are not root', () => {
    const dockerfile = read('Dockerfile');
    const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
    const stages = ['build', 'production-packages', 'runtime', 'simulator', 'surety'];
    expect(bases.filter((base) => !stages.includes(base ?? ''))).toEqual(
      expect.arrayContaining([expect.stringMatching(/^node:\d+\.\d+\.\d+-bookworm-slim$/)]),
    );
    expect(dockerfile).toMatch(/AS runtime[^]*^USER node$[^]*FROM runtime AS simulator[^]*FROM runtime AS surety/m);
  });

  test.each(names.filter((name) => !jobs.includes(name) && !commands.includes(name)))(
    '%s has a health check',
    (name) => {
      expect(service(name).healthcheck?.test.length).toBeGreaterThan(1);
      expect(service(name).restart).toBe('unless-stopped');
    },
  );

  test.each(names)('%s waits for jobs to end and for services to be healthy', (name) => {
    for (const [other, { condition }] of Object.entries(service(name).depends_on ?? {})) {
      expect(condition).toBe(jobs.includes(other) ? 'service_completed_successfully' : 'service_healthy');
    }
  });

  test('neither API nor worker starts before the schema and the rates are there', () => {
    for (const name of ['api', 'worker']) {
      expect(Object.keys(service(name).depends_on ?? {}).sort()).toEqual(['migrate', 'temporal-setup']);
    }
  });

  test('Prometheus finds each port that a process tells its figures at', () => {
    const config = parse(read('deploy/observability/prometheus.yml')) as {
      scrape_configs: { dns_sd_configs?: { names: string[]; port: number }[] }[];
    };
    const found = config.scrape_configs.flatMap(({ dns_sd_configs = [] }) =>
      dns_sd_configs.map(({ names: [name], port }) => `${name ?? ''} ${port}`),
    );
    expect(found.sort()).toEqual(['api 9464', 'worker 3001', 'worker 9465']);
    expect(service('worker').environment).toMatchObject({ WORKER_HEALTH_PORT: 3001, TEMPORAL_METRICS_PORT: 9465 });
  });

  test('a worker is given the time to finish a confirmation', () => {
    expect(service('worker').stop_grace_period).toBe('90s');
  });

  test('each process has a role of its own in Postgres, and no other password', () => {
    expect(service('api').environment?.['DATABASE_URL']).toContain('//surety_api:${SURETY_API_DB_PASSWORD:?');
    expect(service('worker').environment?.['DATABASE_URL']).toContain('//surety_worker:${SURETY_WORKER_DB_PASSWORD:?');
    for (const name of ['api', 'worker', 'simulator']) {
      expect(JSON.stringify(service(name).environment)).not.toContain('POSTGRES_PASSWORD');
    }
  });

  test('no secret has a default', () => {
    const quotas = ['INVOICEBOX_CALLS_PER_SECOND_ACCOUNT', 'INVOICEBOX_CALLS_PER_SECOND_ADDRESS'];
    // Empty, they are absent: then there is no console.
    const consoles = [
      ...source.matchAll(/\$\{(SURETY_CONSOLE_DB_PASSWORD|OPERATOR_\w+|CONSOLE_TIME_ZONE|TEMPORAL_UI_URL):-\}/g),
    ];
    const withDefault = [...source.matchAll(/\$\{(\w+):?-/g)].map(([, name]) => name);
    const optional = consoles.map(([, name]) => name ?? '');
    const addresses = ['TRUSTED_PROXIES', 'SURETY_ADDRESS_REQUESTS_PER_SECOND'];
    const plain = ['LOG_LEVEL', 'TEMPORAL_LOG_LEVEL', 'SURETY_PUBLISH', 'SURETY_TEST_MODE'];
    const allowed = [...plain, ...quotas, ...addresses, ...optional];
    expect(withDefault.filter((name) => !allowed.includes(name ?? ''))).toEqual([]);
    expect(source).not.toMatch(/\$(\{\w+\}|\w)/);
  });

  test('every file that is mounted exists, and scripts are executable', () => {
    const mounted = names.flatMap((name) => service(name).volumes ?? []).filter((volume) => volume.startsWith('./'));
    expect(mounted.length).toBeGreaterThan(0);
    for (const volume of mounted) {
      const path = volume.split(':')[0] ?? '';
      const { mode } = statSync(join(root, path));
      if (path.endsWith('.sh'))
        expect({ path, executable: (mode & 0o111) === 0o111 }).toEqual({ path, executable: true });
    }
  });

  test.each(['create-databases', 'schema'])('the shell accepts deploy/temporal/%s.sh', (name) => {
    const { status, stderr } = spawnSync('sh', ['-n', join(root, `deploy/temporal/${name}.sh`)], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test("the Temporal server keeps Invoicebox's limits", () => {
    const config = parse(read('deploy/temporal/dynamicconfig.yaml')) as Record<string, unknown>;
    const onInvoicebox = [{ value: 1, constraints: { taskQueueName: 'invoicebox' } }];
    expect(config).toMatchObject({
      'matching.enableFairness': [{ value: true }],
      'matching.useNewMatcher': [{ value: true }],
      'matching.numTaskqueueReadPartitions': onInvoicebox,
      'matching.numTaskqueueWritePartitions': onInvoicebox,
    });
    expect(service('temporal-setup').command).toEqual(['node', 'dist/src/temporalSetup.main.js']);
  });
});

describe('.env.example', () => {
  const values = new Map(
    read('.env.example')
      .split('\n')
      .map((line) => /^(\w+)=(.*)$/.exec(line))
      .flatMap((match) => (match === null ? [] : [[match[1], match[2]] as const])),
  );

  test('names every variable that has no default', () => {
    const required = new Set([...source.matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name));
    expect([...required].filter((name) => !values.get(name))).toEqual([]);
  });

  // Compose itself, in whichever form the machine has it; neither needs a running Docker for this.
  const compose = [['docker-compose'], ['docker', 'compose']].find(
    ([command = '', ...args]) => spawnSync(command, [...args, 'version']).status === 0,
  );
  const check = (envFile: string) => {
    const [command = '', ...args] = compose ?? [];
    const all = [...args, '--env-file', envFile, '--profile', 'demo', '--profile', 'tools', 'config', '-q'];
    // Only what the file says: a developer's own variables and .env would hide a missing one.
    const { status, stderr } = spawnSync(command, all, {
      cwd: root,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
    });
    return { status, stderr };
  };
  // Set-up brings one (scripts/setup/compose.mjs). On a machine where it cannot be had, set-up has said so, and these two are
  // counted as skipped: nothing else can answer for compose. All facts above are checked anyway.
  const withCompose = compose === undefined ? test.skip : test;

  withCompose('is enough for compose on a fresh clone', () => {
    expect(check('.env.example').status).toBe(0);
  });

  withCompose('is needed: compose says which value is missing', () => {
    const { status, stderr } = check('.prettierrc.json');
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/POSTGRES_PASSWORD|TEMPORAL_DB_PASSWORD|SURETY_/);
  });
});
