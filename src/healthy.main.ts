/** The image's health check: asks the API or worker in this container whether it is ready, and ends with 0 if it is. */
import { readHealthyConfig } from './config.js';

const withinMs = 4_000;
const { WORKER_HEALTH_PORT: workerPort, PORT: apiPort } = readHealthyConfig();
try {
  const url = `http://127.0.0.1:${workerPort ?? apiPort}/health/ready`;
  const response = await fetch(url, { signal: AbortSignal.timeout(withinMs) });
  process.exitCode = response.ok ? 0 : 1;
} catch {
  // Nobody answers there, or not in time.
  process.exitCode = 1;
}
