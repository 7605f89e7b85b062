/** `npm run bench -- <name> [--json] [options]`: measures, tells it as a table and, with --json, as one object on the last line. */
import { parseArgs } from 'node:util';
import { benchApi } from './api.js';
import { benchBatch } from './batch.js';
import { benchCodec } from './codec.js';
import { benchConsole } from './console.js';
import { benchCredits } from './credits.js';
import type { BenchOptions, Report } from './harness.js';
import { benchLedger } from './ledger.js';
import { benchLedgerTypeOrm } from './ledgerTypeOrm.js';
import { benchPage } from './page.js';
import { benchReconcile } from './reconcile.js';
import { benchRivals } from './rivals.js';
import { benchSaga } from './saga.js';
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
  'ledger-typeorm': benchLedgerTypeOrm,
  page: benchPage,
  reconcile: benchReconcile,
  rivals: benchRivals,
  saga: benchSaga,
  scale: benchScale,
  soak: benchSoak,
  webhooks: benchWebhooks,
};

/** What stands us beside others, in one run of less than 25 minutes, and for how long no further pair of it begins. */
const secondsInAll: Readonly<Record<string, number>> = {
  saga: 75,
  'ledger-typeorm': 30,
  page: 60,
  api: 60,
  scale: 120,
};
/** Of those whose ratios are stated as such. */
const pairsOf: Readonly<Record<string, string>> = { saga: '7', 'ledger-typeorm': '7', rivals: '7' };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    lines: { type: 'string', default: '0' },
    minutes: { type: 'string', default: '30' },
    pairs: { type: 'string' },
    rate: { type: 'string', default: '0' },
    seconds: { type: 'string' },
    order: { type: 'string', default: 'grouped' },
  },
});
const [asked = ''] = positionals;
const isAll = asked === 'all';

let figures: Readonly<Record<string, unknown>> = {};
for (const name of isAll ? Object.keys(secondsInAll) : [asked]) {
  const bench = benches[name];
  if (bench === undefined) {
    process.stderr.write(
      `usage: npm run bench -- all|${Object.keys(benches).join('|')} [--json] [--lines n] [--pairs n] [--seconds n] [--minutes n] [--rate n] [--order grouped|shuffled]\n`,
    );
    process.exit(1);
  }
  const report = await bench({
    lines: wholeNumber('lines', values.lines),
    minutes: wholeNumber('minutes', values.minutes),
    pairs: wholeNumber('pairs', values.pairs ?? pairsOf[name] ?? '3'),
    rate: wholeNumber('rate', values.rate),
    seconds: wholeNumber('seconds', values.seconds ?? String((isAll ? secondsInAll[name] : undefined) ?? 240)),
    order: values.order,
  });
  tell(report);
  figures = { ...figures, ...(isAll ? underItsName(name, report) : report.figures) };
}
if (values.json) process.stdout.write(`${JSON.stringify(figures)}\n`);
process.exit(0);

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} must be a whole number`);
  return value;
}

/** In one object with those of others. */
function underItsName(name: string, { figures: own }: Report): Readonly<Record<string, unknown>> {
  return 'bench' in own ? { [name]: own } : own;
}

function tell({ title, rows, notes }: Report): void {
  const widest = Math.max(...rows.map(([name]) => name.length));
  process.stdout.write(`\n${title}\n${rows.map(([name, value]) => `  ${name.padEnd(widest)}  ${value}\n`).join('')}`);
  process.stdout.write(notes.map((note) => `  · ${note}\n`).join(''));
}
