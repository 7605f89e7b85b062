/**
 * `npm run faults -- --seed S --payments N [--json] [--only K] [--cells id,id]`: pays N invoices of both schemes while
 * everything around them fails, then compares the three books. Exit code 1 when anything is wrong.
 * `--mutants` shows instead that the checks notice when the code is broken.
 */
import { rm, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { repository } from '../../scripts/stack.js';
import { check } from './invariants.js';
import { Machines } from './machines.js';
import { matrix } from './matrix.js';
import { runMutants } from './mutants/run.js';
import { planOf } from './plan.js';
import { findingsInWords, p99Ms, resumptionsOf, rowsOf, tableOf, type Command } from './report.js';
import { Run } from './run.js';
import { scaleInWords } from './scale.js';
import { openTenants } from './tenants.js';
import { Watch } from './watch.js';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const sayEveryMs = process.stdout.isTTY ? 500 : 10_000;

function readCommand(): Command & { readonly json: boolean; readonly only: number | null; readonly mutants: boolean } {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      payments: { type: 'string', default: '60' },
      json: { type: 'boolean', default: false },
      only: { type: 'string' },
      cells: { type: 'string' },
      mutants: { type: 'boolean', default: false },
    },
  });
  return {
    mutants: values.mutants,
    seed: Number(values.seed),
    payments: Number(values.payments),
    json: values.json,
    only: values.only === undefined ? null : Number(values.only),
    cells: values.cells?.split(',') ?? null,
  };
}

async function main(): Promise<number> {
  const command = readCommand();
  if (command.mutants) return runMutants({ json: command.json });
  const cells =
    command.cells === null ? matrix : matrix.filter(({ id }) => command.cells?.some((part) => id.includes(part)));
  if (cells.length === 0) throw new Error('No cell of the matrix has such an id');
  const plan = planOf(command.seed, command.payments, cells).filter(
    ({ number }) => command.only === null || number === command.only,
  );
  const dealt = new Set(plan.map(({ cell }) => cell.id));
  say(`Fault run: seed ${command.seed}, ${plan.length} payments, ${dealt.size} of ${matrix.length} cells`);
  say(`Scale: ${scaleInWords}`);

  const beganAt = performance.now();
  const seconds = () => `${((performance.now() - beganAt) / 1000).toFixed(0)} s`;
  const folder = join(repository, '.data', `faults-${process.pid}`);
  await mkdir(folder, { recursive: true });
  const watch = new Watch();
  const machines = await Machines.start(folder, watch);
  const run = new Run(machines, watch, await openTenants(machines.surety, machines.gate.url));
  await run.creditSharedMembers();
  say(`Everything is up (${seconds()})`);

  const progress = setInterval(() => {
    const exercised = new Set(
      run.purchases.filter((purchase) => purchase.exercised).map(({ planned }) => planned.cell.id),
    );
    const line = `${seconds()}: ${run.done} of ${plan.length} payments, ${exercised.size} of ${dealt.size} cells; under way: ${run.underWay()}`;
    process.stdout.write(
      process.stdout.isTTY ? `\r\u001B[2K${line.slice(0, process.stdout.columns - 1)}` : `${line}\n`,
    );
  }, sayEveryMs);
  await run.payAll(plan);
  clearInterval(progress);
  say(`\nAll callers have finished (${seconds()}); waiting for quiet`);
  const restless = await run.untilQuiet();
  say(restless.length === 0 ? `Quiet (${seconds()})` : `${restless.length} payments are not at an end (${seconds()})`);

  const verdict = await check(machines, run.tenants, run.purchases);
  const rows = rowsOf(run.purchases, verdict);
  const notExercised = rows.filter(({ exercised }) => exercised === 0);
  say(tableOf(rows));
  for (const words of findingsInWords(verdict.findings, command)) say(words);
  for (const { cell } of notExercised) say(`✗ not exercised: ${cell.id}`);
  for (const machine of [...machines.apis, ...machines.workers]) {
    if (machine.unexplainedDeaths.length > 0)
      say(
        `${machine.name} ended by itself ${machine.unexplainedDeaths.length} times (a worker that starts while Temporal is away does)`,
      );
  }
  const resumptions = resumptionsOf(run.purchases, machines.troubles);
  for (const { purchase, ms, next } of resumptions.slice(0, 3)) {
    say(
      `Resumed ${Math.round(ms)} ms after a worker could: payment ${purchase.planned.number}, ${purchase.planned.cell.id}, by ${next}`,
    );
  }
  const red = verdict.findings.length > 0 || notExercised.length > 0;
  if (red) machines.writeLogs();
  await machines.stop();
  if (red) say(`Its data and logs are kept in ${folder}`);
  else await rm(folder, { recursive: true, force: true });
  say(`${red ? 'Something is wrong' : 'Nothing is lost'} (${seconds()})`);
  const count = (kind: string) => verdict.findings.filter((finding) => finding.kind === kind).length;
  if (command.json) {
    say(
      JSON.stringify({
        seed: command.seed,
        payments: plan.length,
        violations: count('violation'),
        unfinished: count('unfinished'),
        unexpectedEnd: count('unexpected_end'),
        cells: dealt.size,
        cellsExercised: rows.length - notExercised.length,
        confirmedAtTwin: verdict.confirmedAtTwin,
        paidHere: verdict.paidHere,
        inReview: verdict.inReview,
        resumeP99Ms: p99Ms(resumptions),
      }),
    );
  }
  return red ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
process.exit();
