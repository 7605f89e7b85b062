/** Prepares a Temporal server for Surety: run it before the first start and after each upgrade. */
import { readTemporalSetupConfig } from './config.js';
import { createLog } from './log.js';
import { prepareTemporal } from './temporal.js';

const config = readTemporalSetupConfig();
await prepareTemporal(config);
createLog('temporal-setup', config.LOG_LEVEL).info(
  { address: config.TEMPORAL_ADDRESS, namespace: config.TEMPORAL_NAMESPACE },
  'namespace, search attributes, queue limits and schedules are ready',
);
