/** Keys and secrets are replaced while payments go on, as docs/keys.md says it. */
import { randomBytes, randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { demo, loyaltyPartner } from '../../scripts/demoWorld.js';
import { HttpBuyer } from '../../scripts/httpBuyer.js';
import { applyPartner } from '../../scripts/partner.js';
import { reseal } from '../../scripts/reseal.js';
import { freePort, repository, startPostgres, type OwnPostgres } from '../../scripts/stack.js';
import { passwords, prepareDatabase } from '../../scripts/surety.js';
import { migrate } from '../../src/database/migrate.js';
import { KeyRing } from '../../src/keyring.js';
import { createLog } from '../../src/log.js';
import { entryLink } from '../support/browser.js';
import { testKeys } from '../support/books.js';
import { World } from '../support/world.js';

const next = `next:${randomBytes(32).toString('base64')}`;

describe('in a running deployment', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open();
  });
  afterAll(async () => {
    await world.assertBooksAgree();
    await world.close();
  });

  async function restartWith(keys: string): Promise<void> {
    await Promise.all([world.api?.stop(), world.worker?.stop()]);
    [world.api] = await Promise.all([
      world.surety.startApi(undefined, { SURETY_KEYS: keys }),
      world.startWorker({ SURETY_KEYS: keys }),
    ]);
  }

  /** The token is opened by the worker, the login's secret by the API. */
  async function expectAllOpens(): Promise<void> {
    const { id } = await world.invoice();
    const buyer = new HttpBuyer();
    const page = await buyer.press(await buyer.open(entryLink(world, id)), 'anna');
    await buyer.press(page, 'Списать');
    await world.until(/payments\/([0-9a-f-]{36})/.exec(page.url)?.[1] ?? '', ['paid']);
  }

  async function apply(change: object, keys: string): Promise<void> {
    const client = await world.surety.admin.connect();
    const partner = { ...loyaltyPartner(world.twin.host, world.surety.options.timings), ...change };
    try {
      await applyPartner(client, partner, new KeyRing(keys), true);
    } finally {
      client.release();
    }
  }

  it('SURETY_KEYS: a payment that waits is paid with the new key alone', async () => {
    const waits = await world.open((await world.invoice()).id);
    await restartWith(`${next},${testKeys}`);
    await expectAllOpens();
    const client = await world.surety.admin.connect();
    expect(await reseal(client, new KeyRing(`${next},${testKeys}`))).toMatchObject({ lost: [] });
    client.release();
    await restartWith(next);
    await world.confirm(waits);
    await world.until(waits.body.id, ['paid']);
    await expectAllOpens();
  });

  it('a login’s client secret and Invoicebox’s token: what was applied last counts, without a restart', async () => {
    await apply({ loginSecret: 'not-the-secret' }, next);
    await expect(expectAllOpens()).rejects.toThrow(/has no button/);
    await apply({}, next);
    await expectAllOpens();

    const token = `another-token-${randomUUID()}`;
    await world.twin.applyAccount(demo.loyalty.account, {
      name: demo.loyalty.slug,
      token,
      funds: [{ currency: 'RUB', sizeMinor: demo.fundMinor }],
    });
    await apply({ invoiceboxToken: token }, next);
    await restartWith(next);
    await expectAllOpens();
  });
});

describe('passwords of roles', () => {
  let server: OwnPostgres;
  const dataFolder = join(repository, '.data', `rotation-${randomUUID()}`);
  beforeAll(async () => {
    // Roles are the server's, not a database's: so none that others use.
    server = await startPostgres({ dataFolder, port: await freePort() });
    await prepareDatabase(server, 'surety');
  });
  afterAll(async () => {
    await server.stop();
    await rm(dataFolder, { recursive: true, force: true });
  });

  const connect = async (role: string, password: string): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: server.url('surety', role, password) });
    await client.connect();
    return client;
  };

  it('are what the migration job was told last; who is connected stays so', async () => {
    const before = await connect('surety_worker', passwords.worker);
    await migrate(
      {
        DATABASE_ADMIN_URL: server.url('surety'),
        SURETY_API_DB_PASSWORD: 'new-api',
        SURETY_WORKER_DB_PASSWORD: 'new-worker',
        SURETY_MONITOR_DB_PASSWORD: 'new-monitor',
        LOG_LEVEL: 'warn',
      },
      createLog('migrate', 'warn'),
    );
    expect((await before.query('SELECT 1')).rowCount).toBe(1);
    await before.end();
    for (const role of ['api', 'worker', 'monitor'] as const) {
      await expect(connect(`surety_${role}`, passwords[role])).rejects.toThrow(/password authentication failed/);
      await (await connect(`surety_${role}`, `new-${role}`)).end();
    }
  });
});
