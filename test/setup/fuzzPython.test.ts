import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { makeMachine, makeTool, type Machine } from './fakes.js';
import { findFuzzPython, Looks } from './modules.js';

let machine: Machine;
const find = (env: Record<string, string> = {}) =>
  findFuzzPython({
    root: machine.folder,
    env: { ...machine.env, ...env },
    looks: new Looks('schemathesis', { quiet: true }),
  });

beforeEach(() => {
  machine = makeMachine();
  mkdirSync(join(machine.folder, 'test/fuzz'), { recursive: true });
  writeFileSync(join(machine.folder, 'test/fuzz/requirements.txt'), 'schemathesis==4.0.0\n');
});
afterEach(() => {
  machine.remove();
});

test('a Python that is named is used when it has schemathesis, and passed over when it has not', async () => {
  const good = makeTool(join(machine.folder, 'good'), 'echo 4.32.5');
  expect(await find({ FUZZ_PYTHON: good })).toEqual({ path: good });
  const bad = makeTool(join(machine.folder, 'bad'), 'echo "No module named schemathesis"; exit 1');
  await expect(find({ FUZZ_PYTHON: bad })).rejects.toThrow(
    /FUZZ_PYTHON: .*bad does not work: No module named schemathesis[\s\S]*PATH: no python3, python[\s\S]*What helps/,
  );
});

test('where pip brings nothing, what it said last is told', async () => {
  makeTool(join(machine.bin, 'python3'), '/bin/mkdir -p "$3/bin"; /bin/cp "$0.venv" "$3/bin/python"');
  makeTool(join(machine.bin, 'python3.venv'), 'echo "ERROR: No matching distribution"; exit 1');
  await expect(find()).rejects.toThrow(/pip install -r test\/fuzz\/requirements.txt: failed: ERROR: No matching/);
});

test('what was made once is found again', async () => {
  makeTool(join(machine.bin, 'python3'), '/bin/mkdir -p "$3/bin"; /bin/cp "$0.venv" "$3/bin/python"');
  makeTool(join(machine.bin, 'python3.venv'), 'echo 4.32.5');
  const made = await find();
  expect(made.path).toMatch(/\.data\/fuzz-python-[0-9a-f]{12}\/bin\/python$/);
  expect(await find({ PATH: '' })).toEqual(made);
});
