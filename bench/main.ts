/** `npm run bench -- <name> [--json] [options]`: measures, tells it as a table and, with --json, as one object on the last line. */
import { parseArgs } from 'node:util';
import { benchBatch } from './batch.js';
import { benchCodec } from './codec.js';
import { benchConsole } from './console.js';
import { benchCredits } from './credits.js';
import type { BenchOptions, Report } from './harness.js';
import { benchLedger } from './ledger.js';
import { benchLedgerTypeOrm } from './ledgerTypeOrm.js';
import { benchReconcile } from './reconcile.js';
import { benchSaga } from './saga.js';
import { benchWebhooks } from './webhooks.js';

const benches: Readonly<Record<string, (options: BenchOptions) => Promise<Report>>> = {
  batch: benchBatch,
  codec: benchCodec,
  console: benchConsole,
  credits: benchCredits,
  ledger: benchLedger,
  'ledger-typeorm': benchLedgerTypeOrm,
  reconcile: benchReconcile,
  saga: benchSaga,
  webhooks: benchWebhooks,
};

/** What stands us beside others, in one run of less than 25 minutes: each is given a share of them, and what it needs to start. */
const inAll = ['saga', 'ledger-typeorm'];
const secondsOfOneInAll = 60;
/** Of those whose ratios are stated as such. */
const pairsOf: Readonly<Record<string, string>> = { saga: '7', 'ledger-typeorm': '7' };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    lines: { type: 'string', default: '0' },
    pairs: { type: 'string' },
    seconds: { type: 'string' },
    order: { type: 'string', default: 'grouped' },
  },
});
const [asked = ''] = positionals;
const names = asked === 'all' ? inAll : [asked];

let figures: Record<string, unknown> = {};
for (const name of names) {
  const bench = benches[name];
  if (bench === undefined) {
    process.stderr.write(
      `usage: npm run bench -- all|${Object.keys(benches).join('|')} [--json] [--lines n] [--pairs n] [--seconds n]\n`,
    );
    process.exit(1);
  }
  const report = await bench({
    lines: wholeNumber('lines', values.lines),
    pairs: wholeNumber('pairs', values.pairs ?? pairsOf[name] ?? '3'),
    seconds: wholeNumber('seconds', values.seconds ?? (asked === 'all' ? String(secondsOfOneInAll) : '240')),
    order: values.order,
  });
  tell(report);
  figures = { ...figures, ...report.figures };
}
if (values.json) process.stdout.write(`${JSON.stringify(figures)}\n`);
process.exit(0);

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} must be a whole number`);
  return value;
}

function tell({ title, rows, notes }: Report): void {
  const widest = Math.max(...rows.map(([name]) => name.length));
  process.stdout.write(`\n${title}\n${rows.map(([name, value]) => `  ${name.padEnd(widest)}  ${value}\n`).join('')}`);
  process.stdout.write(notes.map((note) => `  · ${note}\n`).join(''));
}
