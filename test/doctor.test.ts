/** `npm run doctor` in a whole Surety: nothing wrong where nothing is, and each trouble named, with what to do. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { demo } from '../scripts/demoWorld.js';
import { repository } from '../scripts/stack.js';
import { passwords } from '../scripts/surety.js';
import { skew } from '../src/doctor/postgres.js';
import { Pauses } from '../src/ledger/pauses.js';
import { postgres, testKeys } from './support/books.js';
import { eventually, World } from './support/world.js';

interface Report {
  readonly code: number;
  readonly output: string;
  readonly findings: readonly {
    readonly about: string;
    readonly ok: boolean;
    readonly words: string;
    readonly remedy?: string;
  }[];
}

let world: World;
beforeAll(async () => {
  world = await World.open();
  for (const scheduleId of ['check-ledger', 'start-reconciliations', 'sweep-payments']) {
    await world.client.schedule.getHandle(scheduleId).trigger();
  }
  await eventually(
    async () => {
      const { rows } = await world.surety.admin.query('SELECT FROM ledger_check, temporal_namespace');
      let reconciling = 0;
      for await (const { scheduleId } of world.client.schedule.list())
        if (scheduleId.startsWith('reconcile-')) reconciling += 1;
      return rows.length > 0 && reconciling === 2;
    },
    () => 'the first runs of the Schedules have not come to their end',
  );
});
afterAll(async () => {
  await world.close();
});

async function doctor(environment: Record<string, string | undefined> = {}, json = true): Promise<Report> {
  const { database } = world.surety.options;
  const env = {
    ...process.env,
    DATABASE_MONITOR_URL: postgres.url(database, 'surety_monitor', passwords.monitor),
    TEMPORAL_ADDRESS: world.temporal.address,
    TEMPORAL_NAMESPACE: world.namespace,
    SURETY_KEYS: testKeys,
    ...environment,
  };
  const args = [join(repository, 'dist/src/doctor.main.js'), ...(json ? ['--json'] : [])];
  const { code, stdout } = await promisify(execFile)(process.execPath, args, { env }).then(
    ({ stdout: said }) => ({ code: 0, stdout: said }),
    (error: unknown) => error as { code: number; stdout: string },
  );
  return {
    code,
    output: stdout,
    findings: json ? (JSON.parse(stdout) as { findings: Report['findings'] }).findings : [],
  };
}

const wrongOf = ({ findings }: Report) =>
  findings.filter(({ ok }) => !ok).map(({ about, words }) => `${about}: ${words}`);

describe('the doctor', () => {
  it('finds nothing wrong with a deployment that is well, spends one request a partner, and ends with 0', async () => {
    const asked = async () => (await world.twin.allRequests()).filter(({ operation }) => operation === 'auth').length;
    const before = await asked();
    const report = await doctor();
    expect(wrongOf(report)).toEqual([]);
    expect(report.code).toBe(0);
    expect(await asked()).toBe(before + 2);
    const looked = report.findings.map(({ about }) => about);
    expect(looked).toEqual(
      expect.arrayContaining([
        'monitor role',
        'migrations',
        'clock of Postgres',
        'clock of Temporal',
        'books',
        'key ring',
        `token of ${demo.loyalty.slug}`,
        'namespace',
        'search attributes',
        "Invoicebox's quota",
        'queue payments',
        'Schedule sweep-payments',
        'Schedules of reconciliation',
      ]),
    );
    expect(report.output).not.toContain(demo.loyalty.token);
  });

  it('names what is wrong with partners, books, namespace and Schedules, says what to do, and ends with 1', async () => {
    const { admin } = world.surety;
    const operator = { kind: 'operator', id: 'eve' } as const;
    await admin.query(`UPDATE partner SET credentials_failed_at = now() WHERE slug = $1`, [demo.loyalty.slug]);
    await admin.query(`UPDATE partner SET fund_doubted_at = now() WHERE slug = $1`, [demo.organisation.slug]);
    await new Pauses(admin).pause(null, 'the fund moves', operator, Date.now());
    await admin.query(`SELECT ledger_check_store(2, '{"transfer_between_assets": 2}', 1, now())`);
    await admin.query(`UPDATE temporal_namespace SET id = 'another'`);
    await admin.query(`DELETE FROM public.surety_migration WHERE name = '0016_observe.sql'`);
    await world.twin.applyAccount(demo.organisation.account, {
      name: demo.organisation.slug,
      token: 'another-token-0123456789',
      funds: [{ currency: 'RUB', sizeMinor: demo.fundMinor }],
    });
    await world.client.schedule.getHandle('seal-ledger').pause('who paused it says why');
    await world.client.schedule.getHandle('expire-points').delete();

    const report = await doctor({ INVOICEBOX_CALLS_PER_SECOND_ACCOUNT: '6.3' });
    expect(report.code).toBe(1);
    expect(wrongOf(report)).toEqual([
      'migrations: not applied: 0016_observe.sql',
      'books: 2 violations: {"transfer_between_assets":2}',
      'partner kafeteriy: Invoicebox has refused its credentials: new payments are refused',
      'partner romashka: its fund is doubted: new payments are refused',
      'all partners: new payments are paused by an operator',
      expect.stringMatching(/^token of romashka: Invoicebox refuses it/),
      expect.stringMatching(/^namespace: surety has the id .*, but the workflows of these payments live in another$/),
      expect.stringMatching(/^Invoicebox's quota: 3\.16\d* calls a second of an account, not 6\.3$/),
      'Schedule expire-points: is not there',
      'Schedule seal-ledger: paused: who paused it says why',
    ]);
    for (const { ok, remedy } of report.findings) if (!ok) expect(remedy?.length).toBeGreaterThan(10);
  });

  it('says of keys that are missing what they would open', async () => {
    const report = await doctor({ SURETY_KEYS: `other:${randomBytes(32).toString('base64')}` });
    expect(wrongOf(report)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(
          /^key ring: does not open kafeteriy's Invoicebox token, kafeteriy's login secret, .*; in use: test \(3\)$/,
        ),
        'token of kafeteriy: cannot be opened',
      ]),
    );
  });

  it('goes on where Postgres or Temporal cannot be reached, in words for a person', async () => {
    const report = await doctor(
      { DATABASE_MONITOR_URL: postgres.url('no_such_database'), TEMPORAL_ADDRESS: '127.0.0.1:1' },
      false,
    );
    expect(report.code).toBe(1);
    expect(report.output).toMatch(/^WRONG Postgres: .*\n\s+→ Check DATABASE_MONITOR_URL/m);
    expect(report.output).toMatch(/^WRONG Temporal: .*\n\s+→ Check TEMPORAL_ADDRESS/m);
  });

  it('says that it looks without the monitor’s role', async () => {
    const { database } = world.surety.options;
    const report = await doctor({ DATABASE_MONITOR_URL: undefined, DATABASE_ADMIN_URL: postgres.url(database) });
    expect(wrongOf(report)[0]).toBe('monitor role: this looks as postgres, since DATABASE_MONITOR_URL is not set');
  });
});

it.each([
  ['within the question', 1_000, true],
  ['a second behind', -500, true],
  ['three seconds behind', -3_000, false],
  ['three seconds ahead', 5_000, false],
])('a clock that is %s of ours', (_, theirMs, ok) => {
  expect(skew('clock', theirMs, 0, 2_000).ok).toBe(ok);
});
