/** Temporal's runtime beneath a worker: its log becomes ours, its figures are told where a port is given. */
import { DefaultLogger, Runtime, type LogEntry } from '@temporalio/worker';
import type { WorkerConfig } from './config.js';
import type { Log } from './log.js';

/** Before anything else of the SDK is made. Signals are the process's own matter. */
export function installRuntime({ HOST: host, TEMPORAL_METRICS_PORT: port }: WorkerConfig, log: Log): void {
  const prometheus = {
    bindAddress: `${host}:${port ?? ''}`,
    countersTotalSuffix: true,
    unitSuffix: true,
    useSecondsForDurations: true,
  };
  Runtime.install({
    shutdownSignals: [],
    ...(port === undefined ? {} : { telemetryOptions: { metrics: { prometheus } } }),
    logger: new DefaultLogger('INFO', (entry) => {
      forward(log, entry);
    }),
  });
}

function forward(to: Log, entry: LogEntry): void {
  const level = ({ TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const)[entry.level];
  to[level](
    { ...entry.meta, error: entry.meta?.['error'] instanceof Error ? entry.meta['error'].message : undefined },
    entry.message,
  );
}
