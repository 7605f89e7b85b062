import { readConfig } from './config.js';
import { startSimulator } from './server.js';

const simulator = await startSimulator(readConfig(process.env));
console.log(JSON.stringify({ msg: 'simulator listening', url: simulator.url }));

let leaving = false;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (leaving) return;
    leaving = true;
    simulator.close().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
}
