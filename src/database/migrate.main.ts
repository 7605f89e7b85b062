import { readMigrateConfig } from '../config.js';
import { createLog } from '../log.js';
import { migrate } from './migrate.js';

const config = readMigrateConfig();
const log = createLog('migrate', config.LOG_LEVEL);
await migrate(config, log);
log.info('the database is at this release');
