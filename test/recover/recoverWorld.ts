/** `npm run recover` on the books of a world. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repository } from '../../scripts/stack.js';
import type { RecoveryReport } from '../../src/recovery/report.js';
import { testKeys } from '../support/books.js';
import type { World } from '../support/world.js';

/** So fast that nobody waits for the twin's quota. */
export const rates = { INVOICEBOX_CALLS_PER_SECOND_ACCOUNT: '50', INVOICEBOX_CALLS_PER_SECOND_ADDRESS: '100' };

/** @returns what it printed; the report where `--json` is among its arguments */
export async function recoverWorld(
  world: World,
  ...args: string[]
): Promise<{ output: string; report: RecoveryReport | null }> {
  const { postgres, database, codecKeys = 'plain' } = world.surety.options;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(repository, 'dist/scripts/recover.js'), ...args],
    {
      env: {
        ...process.env,
        ...rates,
        DATABASE_ADMIN_URL: postgres.url(database),
        TEMPORAL_ADDRESS: world.temporal.address,
        TEMPORAL_NAMESPACE: world.namespace,
        SURETY_KEYS: testKeys,
        SURETY_CODEC_KEYS: codecKeys,
        SURETY_TEST_MODE: '1',
      },
      maxBuffer: 10_000_000,
    },
  );
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  return { output: stdout, report: last.startsWith('{') ? (JSON.parse(last) as RecoveryReport) : null };
}
