/** A short fault run, as a part of the tests; `npm run faults` runs longer ones. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from '@jest/globals';
import { repository } from '../../scripts/stack.js';

const payments = 60;

it(
  `${payments} payments while everything around them fails: nothing is lost, nothing is left, nothing ends wrongly`,
  async () => {
    const harness = spawn(
      process.execPath,
      ['--enable-source-maps', 'dist/test/faults/main.js', '--seed', '20', '--payments', String(payments), '--json'],
      { cwd: repository, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let output = '';
    harness.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
    const [code] = (await once(harness, 'close')) as [number | null];
    const lines = output.trimEnd().split('\n');
    const last = lines.at(-1) ?? '';
    // A red run tells what was wrong, and how to run it again.
    if (code !== 0) throw new Error(output);
    expect(JSON.parse(last)).toMatchObject({
      payments,
      violations: 0,
      unfinished: 0,
      unexpectedEnd: 0,
      cells: payments,
      cellsExercised: payments,
    });
  },
  15 * 60_000,
);
