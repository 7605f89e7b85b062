/** Starts a whole Surety on given Postgres and Temporal: database, partners, simulator, API, worker. For demo and tests. */
import { Connection, type Client } from '@temporalio/client';
import pg from 'pg';
import { readTemporalSetupConfig } from '../src/config.js';
import { migrate } from '../src/database/migrate.js';
import { KeyRing } from '../src/keyring.js';
import { Ledger } from '../src/ledger/ledger.js';
import { Points } from '../src/ledger/points.js';
import { Recovery } from '../src/ledger/recovery.js';
import { readViolations } from '../src/ledger/violations.js';
import { createLog } from '../src/log.js';
import { prepareTemporal } from '../src/temporal.js';
import { temporalClient } from '../src/temporalClient.js';
import { demo, loyaltyPartner, organisationPartner, startingPoints } from './demoWorld.js';
import { applyPartner } from './partner.js';
import { node, untilReady, type Program, type RunningPostgres } from './stack.js';
import { Twin } from './twin.js';

export interface SuretyOptions {
  readonly postgres: Omit<RunningPostgres, 'stop'>;
  readonly database: string;
  readonly temporalAddress: string;
  readonly namespace: string;
  readonly temporalUiUrl?: string;
  readonly keys: string;
  /** What Temporal keeps is encrypted with these; absent: it is not. */
  readonly codecKeys?: string;
  readonly ports: { readonly api: number; readonly worker: number; readonly simulator: number };
  /** Where the twin's books are kept; absent: in memory. */
  readonly journal?: string;
  readonly timings?: Parameters<typeof loyaltyPartner>[1];
  readonly environment?: Readonly<Record<string, string>>;
  /** Rates and times of src/temporalSetup.main.ts; absent: production's. */
  readonly temporalSetup?: Readonly<Record<string, string>>;
  /** The compiled files that API and worker run from; absent: this release's. */
  readonly build?: string;
}

/** Of the roles that log in; the demo's server listens on loopback alone. */
export const passwords = { api: 'demo-api', worker: 'demo-worker', monitor: 'demo-monitor', console: 'demo-console' };

/** Creates the database if it is not there, and brings it to this release. */
export async function prepareDatabase(postgres: Omit<RunningPostgres, 'stop'>, database: string): Promise<void> {
  const server = new pg.Client({ connectionString: postgres.url('postgres') });
  await server.connect();
  try {
    const known = await server.query('SELECT FROM pg_database WHERE datname = $1', [database]);
    if (known.rowCount === 0) await server.query(`CREATE DATABASE ${server.escapeIdentifier(database)}`);
  } finally {
    await server.end();
  }
  await migrate(
    {
      DATABASE_ADMIN_URL: postgres.url(database),
      SURETY_API_DB_PASSWORD: passwords.api,
      SURETY_WORKER_DB_PASSWORD: passwords.worker,
      SURETY_MONITOR_DB_PASSWORD: passwords.monitor,
      SURETY_CONSOLE_DB_PASSWORD: passwords.console,
      LOG_LEVEL: 'warn',
    },
    createLog('migrate', 'warn'),
  );
}

export class Surety {
  readonly twin: Twin;
  readonly apiUrl: string;
  readonly admin: pg.Pool;
  readonly #monitor: pg.Pool;

  constructor(readonly options: SuretyOptions) {
    this.twin = new Twin(`http://127.0.0.1:${options.ports.simulator}`);
    this.apiUrl = `http://localhost:${options.ports.api}`;
    const { postgres, database } = options;
    this.admin = new pg.Pool({
      connectionString: postgres.url(database),
      max: 5,
      options: '-c search_path=surety,public',
    });
    this.#monitor = new pg.Pool({
      connectionString: postgres.url(database, 'surety_monitor', passwords.monitor),
      max: 2,
    });
    for (const pool of [this.admin, this.#monitor]) {
      // The server is ended before these pools when a run is interrupted.
      pool.on('error', () => undefined);
    }
  }

  get ledger(): Ledger {
    return new Ledger(this.admin);
  }

  get points(): Points {
    return new Points(this.admin);
  }

  get recovery(): Recovery {
    return new Recovery(this.admin);
  }

  /** Speaks to its workflows; whoever has it closes its connection. */
  temporalClient(): Client {
    const { temporalAddress, namespace, codecKeys = 'plain' } = this.options;
    return temporalClient(Connection.lazy({ address: temporalAddress }), {
      TEMPORAL_NAMESPACE: namespace,
      SURETY_CODEC_KEYS: codecKeys,
    });
  }

  /** Creates the database if it is not there, and brings it and the Temporal server to this release. */
  async prepare(): Promise<void> {
    const { postgres, database, temporalAddress, namespace } = this.options;
    const setup = readTemporalSetupConfig({
      TEMPORAL_ADDRESS: temporalAddress,
      TEMPORAL_NAMESPACE: namespace,
      ...this.options.temporalSetup,
    });
    await Promise.all([prepareDatabase(postgres, database), prepareTemporal(setup)]);
  }

  async startSimulator(): Promise<Program> {
    const simulator = node('simulator', 'simulator/main.js', {
      SIMULATOR_PORT: String(this.options.ports.simulator),
      ...(this.options.journal === undefined ? {} : { SIMULATOR_DATA: this.options.journal }),
      SURETY_URL: this.apiUrl,
      SURETY_PARTNER: demo.loyalty.slug,
      SHOP_ACCOUNT: demo.loyalty.account,
      IDP_CLIENT_SECRET: demo.loginSecret,
    });
    await untilReady(`${this.twin.url}/control/books`, simulator);
    for (const { account, token, slug } of [demo.loyalty, demo.organisation]) {
      await this.twin.applyAccount(account, {
        name: slug,
        token,
        funds: [{ currency: 'RUB', sizeMinor: demo.fundMinor }],
      });
    }
    return simulator;
  }

  /** Both partners, with money in their funds and points for the buyers. @returns API keys where they are new */
  async applyPartners(): Promise<{
    loyalty: string | null;
    organisation: string | null;
    loyaltyId: string;
    organisationId: string;
  }> {
    const keyRing = new KeyRing(this.options.keys);
    const client = await this.admin.connect();
    try {
      const loyalty = await applyPartner(client, loyaltyPartner(this.twin.host, this.options.timings), keyRing, true);
      const organisation = await applyPartner(
        client,
        organisationPartner(this.twin.host, this.options.timings),
        keyRing,
        true,
      );
      for (const [externalId, points] of Object.entries(startingPoints)) {
        await this.creditPoints(loyalty.partnerId, externalId, points, 'welcome');
      }
      return {
        loyalty: loyalty.apiKey,
        organisation: organisation.apiKey,
        loyaltyId: loyalty.partnerId,
        organisationId: organisation.partnerId,
      };
    } finally {
      client.release();
    }
  }

  async creditPoints(partnerId: string, externalId: string, points: number, reference: string): Promise<string> {
    const memberId = await this.points.openMember(partnerId, externalId);
    await this.points.creditUntil({
      partnerId,
      memberId,
      points,
      expiresAt: null,
      reference: `${reference}-${externalId}`,
      actor: { kind: 'operator', id: 'demo' },
      at: Date.now(),
    });
    return memberId;
  }

  /** An API's process, not waited for. */
  launchApi(port: number, environment: Readonly<Record<string, string>> = {}): Program {
    const { postgres, database, temporalUiUrl } = this.options;
    const own = {
      PORT: String(port),
      HOST: '127.0.0.1',
      SURETY_BASE_URL: this.apiUrl,
      DATABASE_CONSOLE_URL: postgres.url(database, 'surety_console', passwords.console),
      OPERATOR_OIDC_ISSUER: `${this.twin.url}/idp`,
      OPERATOR_OIDC_CLIENT_SECRET: demo.loginSecret,
      // Everybody comes from one address here.
      SURETY_ADDRESS_REQUESTS_PER_SECOND: '10000',
      ...(temporalUiUrl === undefined ? {} : { TEMPORAL_UI_URL: temporalUiUrl }),
    };
    const all = { ...this.#environment('surety_api', passwords.api), ...own, ...environment };
    return node('api', 'src/api.main.js', all, this.options.build);
  }

  async startApi(port = this.options.ports.api, environment: Readonly<Record<string, string>> = {}): Promise<Program> {
    const api = this.launchApi(port, environment);
    await untilReady(`http://127.0.0.1:${port}/health/live`, api);
    return api;
  }

  /** A worker's process, not waited for. */
  launchWorker(port: number, environment: Readonly<Record<string, string>> = {}): Program {
    const { postgres, database } = this.options;
    const own = {
      WORKER_HEALTH_PORT: String(port),
      HOST: '127.0.0.1',
      DATABASE_MONITOR_URL: postgres.url(database, 'surety_monitor', passwords.monitor),
    };
    const all = { ...this.#environment('surety_worker', passwords.worker), ...own, ...environment };
    return node('worker', 'src/worker.main.js', all, this.options.build);
  }

  async startWorker(
    port = this.options.ports.worker,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<Program> {
    const worker = this.launchWorker(port, environment);
    await untilReady(`http://127.0.0.1:${port}/health/ready`, worker);
    return worker;
  }

  violations(): ReturnType<typeof readViolations> {
    return readViolations(this.#monitor);
  }

  async close(): Promise<void> {
    await this.admin.end();
    await this.#monitor.end();
  }

  #environment(role: string, password: string): Record<string, string> {
    const { postgres, database, temporalAddress, namespace, keys, codecKeys = 'plain', environment } = this.options;
    return {
      DATABASE_URL: postgres.url(database, role, password),
      TEMPORAL_ADDRESS: temporalAddress,
      TEMPORAL_NAMESPACE: namespace,
      SURETY_KEYS: keys,
      SURETY_CODEC_KEYS: codecKeys,
      SURETY_TEST_MODE: '1',
      LOG_LEVEL: 'info',
      // Nowhere, unless a run asks for it: several of these stand beside each other.
      METRICS_PORT: '0',
      ...environment,
    };
  }
}
