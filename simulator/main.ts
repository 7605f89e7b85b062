import { readConfig } from './config.js';
import { startSimulator } from './server.js';

const simulator = await startSimulator(readConfig(process.env));
console.log(JSON.stringify({ msg: 'simulator listening', url: simulator.url }));

const stop = (): void => {
  void simulator.close().then(() => process.exit(0));
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
