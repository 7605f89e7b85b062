/**
 * `npm run faults -- --mutants`: breaks the sources in one known way at a time, in a copy, and runs the checks that should
 * notice. A mutant counts as caught only by a check that passes on the sources as they are.
 */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { repository } from '../../../scripts/stack.js';
import { mutants, type Check, type Mutant } from './mutants.js';

const tree = join(repository, '.data/mutants');
const copied = [
  'src',
  'scripts',
  'simulator',
  'test',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'jest.config.js',
];
const jest = [
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  join(repository, 'node_modules/jest/bin/jest.js'),
];

interface Ran {
  readonly passed: boolean;
  readonly output: string;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** @returns the exit code */
export async function runMutants({ json }: { json: boolean }): Promise<number> {
  copySources();
  await build();
  const sound = await soundChecks();
  let caught = 0;
  for (const [index, mutant] of mutants.entries()) {
    const began = performance.now();
    const catcher = await catcherOf(mutant, sound);
    if (catcher !== null) caught += 1;
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    const verdict = catcher === null ? 'NOT CAUGHT' : `caught by ${nameOf(catcher)}`;
    say(`${String(index + 1).padStart(2)}/${mutants.length}  ${mutant.id.padEnd(38)} ${verdict} (${seconds} s)`);
  }
  if (json) say(JSON.stringify({ mutants: mutants.length, caught }));
  return caught >= mutants.length - 1 ? 0 : 1;
}

function copySources(): void {
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(tree, { recursive: true });
  for (const path of copied) cpSync(join(repository, path), join(tree, path), { recursive: true });
}

/** The checks that pass on the sources as they are; one that does not can catch nothing. */
async function soundChecks(): Promise<ReadonlySet<string>> {
  const sound = new Set<string>();
  const all = new Map(mutants.flatMap(({ checks }) => checks).map((check) => [nameOf(check), check]));
  for (const [name, check] of all) {
    const { passed, output } = await run(check);
    say(`      sources as they are: ${name} … ${passed ? 'passes' : 'FAILS: it can catch nothing'}`);
    if (passed) sound.add(name);
    else say(output.slice(-2_000));
  }
  return sound;
}

async function catcherOf({ id, checks }: Mutant, sound: ReadonlySet<string>): Promise<Check | null> {
  apply(id, []);
  try {
    await build();
    for (const check of checks) {
      if (sound.has(nameOf(check)) && !(await run(check)).passed) return check;
    }
    return null;
  } finally {
    apply(id, ['--reverse']);
  }
}

/** A patch that does not apply any more ends the run: it would prove nothing. */
function apply(id: string, options: readonly string[]): void {
  const patch = join(repository, 'test/faults/mutants', `${id}.patch`);
  if (!existsSync(patch)) throw new Error(`There is no ${patch}`);
  const { status, stderr } = spawnSync('git', ['apply', ...options, patch], {
    cwd: tree,
    encoding: 'utf8',
    // The copy is no repository, whatever stands above it.
    env: { ...process.env, GIT_CEILING_DIRECTORIES: dirname(tree) },
  });
  if (status !== 0) throw new Error(`The patch ${id} does not apply any more; make it anew.\n${stderr}`);
}

async function build(): Promise<void> {
  const { passed, output } = await program(['scripts/build.mjs']);
  if (!passed) throw new Error(`The sources do not compile with this patch:\n${output}`);
}

function run(check: Check): Promise<Ran> {
  switch (check.kind) {
    case 'test':
      return program([...jest, check.file, ...(check.name === undefined ? [] : ['-t', check.name])]);
    case 'faults':
      return program(['dist/test/faults/main.js', '--cells', check.cells, '--payments', String(check.payments)]);
  }
}

function nameOf(check: Check): string {
  switch (check.kind) {
    case 'test':
      return check.name === undefined ? check.file : `${check.file} (${check.name})`;
    case 'faults':
      return `fault cells ${check.cells}`;
  }
}

function program(args: readonly string[]): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: tree, stdio: ['ignore', 'pipe', 'pipe'] });
    const lines: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ passed: code === 0, output: lines.join('') });
    });
  });
}
