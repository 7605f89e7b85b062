/** Prepares a Temporal server for Surety: run it before the first start and after each upgrade. */
import { readTemporalSetupConfig } from './config.js';
import { createLog } from './log.js';
import { prepareTemporal } from './temporal.js';

const { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, LOG_LEVEL: level } = readTemporalSetupConfig();
await prepareTemporal(address, namespace);
createLog('temporal-setup', level).info(
  { address, namespace },
  'namespace, search attributes and queue limits are ready',
);
