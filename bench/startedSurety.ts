/** A whole Surety for a bench: Postgres of its own, Temporal's dev server in memory, the database and partners applied. */
import { randomBytes, randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, repository, startPostgres, startTemporal } from '../scripts/stack.js';
import { Surety } from '../scripts/surety.js';

export const benchKeys = `bench:${randomBytes(32).toString('base64')}`;
const benchNamespace = 'surety';

const unlimited = { INVOICEBOX_CALLS_PER_SECOND_ACCOUNT: '1000', INVOICEBOX_CALLS_PER_SECOND_ADDRESS: '1000' };

export interface StartedSurety {
  readonly surety: Surety;
  readonly databaseUrl: string;
  readonly temporalPid: number;
}

/**
 * @param ends gets what has to be ended, in reverse order, whether or not the start comes to its end
 * @param options.unlimited Invoicebox is called as fast as can be
 * @param options.flags of Postgres, where its own defaults are not meant
 * @param options.temporalSetup rates and times of src/temporalSetup.main.ts; absent: production's
 */
export async function startedSurety(
  ends: (() => Promise<unknown>)[],
  options: {
    readonly codecKeys?: string;
    readonly unlimited?: boolean;
    readonly flags?: readonly string[];
    readonly temporalSetup?: Readonly<Record<string, string>>;
  } = {},
): Promise<StartedSurety> {
  const [postgresPort, temporalPort, uiPort, api, worker, simulator] = await Promise.all(
    Array.from({ length: 6 }, freePort),
  );
  const dataFolder = join(repository, '.data/bench', randomUUID());
  const postgres = await startPostgres({ dataFolder, port: postgresPort ?? 0, flags: options.flags ?? [] });
  ends.push(
    () => rm(dataFolder, { recursive: true, force: true }),
    () => postgres.stop(),
  );
  const temporal = await startTemporal({ namespace: benchNamespace, port: temporalPort ?? 0, uiPort: uiPort ?? 0 });
  ends.push(() => temporal.stop());
  const surety = new Surety({
    postgres,
    database: 'bench',
    temporalAddress: temporal.address,
    namespace: benchNamespace,
    keys: benchKeys,
    ...(options.codecKeys === undefined ? {} : { codecKeys: options.codecKeys }),
    temporalSetup: {
      ...(options.unlimited === true ? unlimited : {}),
      ...options.temporalSetup,
    },
    ports: { api: api ?? 0, worker: worker ?? 0, simulator: simulator ?? 0 },
    environment: { LOG_LEVEL: 'warn' },
  });
  ends.push(() => surety.close());
  await surety.prepare();
  return { surety, databaseUrl: postgres.url('bench'), temporalPid: temporal.pid };
}
