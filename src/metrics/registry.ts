import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { release } from '../release.js';

/** What a process tells of itself, whichever it is: its release, memory, event loop. One registry a process. */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'surety_build_info',
    help: 'Always 1; the labels say which release runs, on which Node',
    labelNames: ['version', 'node_version'],
    registers: [registry],
  }).set({ version: release, node_version: process.versions.node }, 1);
  return registry;
}
