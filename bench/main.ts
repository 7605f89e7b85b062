/** `npm run bench -- <name> [--json] [options]`: measures, tells it as a table and, with --json, as one object on the last line. */
import { parseArgs } from 'node:util';
import { benchApi } from './api.js';
import { benchBatch } from './batch.js';
import { benchCodec } from './codec.js';
import { benchConsole } from './console.js';
import { benchCredits } from './credits.js';
import type { BenchOptions, Report } from './harness.js';
import { benchLedger } from './ledger.js';
import { benchPage } from './page.js';
import { benchReconcile } from './reconcile.js';
import { benchScale } from './scale.js';
import { benchSoak } from './soak.js';
import { benchWebhooks } from './webhooks.js';

const benches: Readonly<Record<string, (options: BenchOptions) => Promise<Report>>> = {
  api: benchApi,
  batch: benchBatch,
  codec: benchCodec,
  console: benchConsole,
  credits: benchCredits,
  ledger: benchLedger,
  page: benchPage,
  reconcile: benchReconcile,
  scale: benchScale,
  soak: benchSoak,
  webhooks: benchWebhooks,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    lines: { type: 'string', default: '0' },
    minutes: { type: 'string', default: '30' },
    pairs: { type: 'string', default: '3' },
    rate: { type: 'string', default: '0' },
    seconds: { type: 'string', default: '240' },
    order: { type: 'string', default: 'grouped' },
  },
});
const bench = benches[positionals[0] ?? ''];
if (bench === undefined) {
  process.stderr.write(
    `usage: npm run bench -- ${Object.keys(benches).join('|')} [--json] [--lines n] [--pairs n] [--seconds n] [--minutes n] [--rate n] [--order grouped|shuffled]\n`,
  );
  process.exit(1);
}
const number = (name: 'lines' | 'minutes' | 'pairs' | 'rate' | 'seconds'): number => {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} must be a whole number`);
  return value;
};

const report = await bench({
  lines: number('lines'),
  minutes: number('minutes'),
  pairs: number('pairs'),
  rate: number('rate'),
  seconds: number('seconds'),
  order: values.order,
});
const widest = Math.max(...report.rows.map(([name]) => name.length));
process.stdout.write(
  `\n${report.title}\n${report.rows.map(([name, value]) => `  ${name.padEnd(widest)}  ${value}\n`).join('')}`,
);
process.stdout.write(report.notes.map((note) => `  · ${note}\n`).join(''));
if (values.json) process.stdout.write(`${JSON.stringify(report.figures)}\n`);
process.exit(0);
