/**
 * `npm run doctor`: looks at a deployment from where it runs, changes nothing, and says of each thing that it is ok, or what is
 * wrong and what to do. `--json` for tools. Ends with 1 where something is wrong.
 */
import { parseArgs } from 'node:util';
import { Connection } from '@temporalio/client';
import { readDoctorConfig, readTemporalSetupConfig } from './config.js';
import { lookedAt, type Finding } from './doctor/finding.js';
import { lookAtPostgres } from './doctor/postgres.js';
import { lookAtSecrets } from './doctor/secrets.js';
import { lookAtTemporal } from './doctor/temporal.js';
import { InvoiceboxClient, userAgent } from './invoicebox/client.js';
import { KeyRing } from './keyring.js';
import { createLog } from './log.js';
import { monitorPool } from './metrics/gauges.js';

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const config = readDoctorConfig();
const setup = readTemporalSetupConfig();
const statementMs = 10_000;

const pool = monitorPool(config.readUrl, statementMs, createLog('doctor', 'silent'));
const connection = Connection.lazy({ address: setup.TEMPORAL_ADDRESS, connectTimeout: '5 s' });
const client = new InvoiceboxClient({ timeouts: { connectMs: 5_000, readMs: 10_000, confirmMs: 10_000 }, userAgent });

const database = await lookedAt('Postgres', 'Check DATABASE_MONITOR_URL, the server and the way to it.', () =>
  lookAtPostgres(pool),
);
const isReadable = database.length > 1;
const findings: readonly Finding[] = [
  ...database,
  ...(isReadable
    ? await lookedAt('secrets', 'Look at the partner it names, and at SURETY_KEYS.', () =>
        lookAtSecrets(pool, new KeyRing(config.SURETY_KEYS), client),
      )
    : []),
  ...(await lookedAt('Temporal', 'Check TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, the server and the way to it.', () =>
    lookAtTemporal(connection, isReadable ? pool : null, setup),
  )),
];
await Promise.all([client.close(), pool.end()]);
await connection.close();

process.stdout.write(
  values.json
    ? `${JSON.stringify({ ok: findings.every(({ ok }) => ok), findings })}\n`
    : findings
        .map(
          ({ about, ok, words, remedy }) =>
            `${ok ? 'ok   ' : 'WRONG'} ${about}: ${words}${ok ? '' : `\n        → ${remedy ?? ''}`}\n`,
        )
        .join(''),
);
process.exitCode = findings.every(({ ok }) => ok) ? 0 : 1;
