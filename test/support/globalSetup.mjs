/** One Postgres server for the whole run; each world makes a database of its own in it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, repository, startPostgres } from '../../dist/scripts/stack.js';

export default async function globalSetup() {
  const dataFolder = join(repository, '.data', `test-postgres-${process.pid}`);
  const port = await freePort();
  const postgres = await startPostgres({
    dataFolder,
    port,
    // A test's server need not survive a power cut; it must count calls.
    flags: ['-c', 'fsync=off', '-c', 'track_functions=pl'],
  });
  process.env['TEST_POSTGRES_PORT'] = String(port);
  Object.assign(globalThis, {
    endTestPostgres: async () => {
      await postgres.stop();
      rmSync(dataFolder, { recursive: true, force: true });
    },
  });
}
