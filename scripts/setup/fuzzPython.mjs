// Finds the Python that `npm run fuzz` drives its calls with, or makes one: a virtual environment under .data/ with
// schemathesis from PyPI, of the versions in test/fuzz/requirements.txt.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isExecutable, onPath, run } from './run.mjs';
import { Looks } from './say.mjs';

const tool = 'schemathesis';
const pipMs = 600_000;

const advice =
  'What helps: install Python 3.10 or newer with venv and pip (Debian: apt-get install python3-venv) where PyPI can be ' +
  'reached, or set FUZZ_PYTHON to a Python that has schemathesis 4 (pip install -r test/fuzz/requirements.txt).';

/** `{ path }` of a Python that has imported schemathesis once. Throws a SetupError that names every place. */
export async function findFuzzPython({ root, env = process.env, looks = new Looks(tool) }) {
  if (!env.FUZZ_PYTHON) looks.add('FUZZ_PYTHON', 'not set');
  else if (await isUsable('FUZZ_PYTHON', env.FUZZ_PYTHON, env, looks)) return { path: env.FUZZ_PYTHON };

  const requirements = join(root, 'test/fuzz/requirements.txt');
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const folder = join(root, '.data', `fuzz-python-${hash}`);
  const path = join(folder, 'bin/python');
  if (!isExecutable(path)) looks.add('.data', `no ${folder}`);
  else if (await isUsable('.data', path, env, looks)) return { path };

  const python = onPath(['python3', 'python'], env);
  if (python === undefined) {
    looks.add('PATH', 'no python3, python');
    throw looks.error(advice);
  }
  if ((await make({ root, env, looks, python, requirements, folder })) && (await isUsable('made', path, env, looks)))
    return { path };
  throw looks.error(advice);
}

async function isUsable(place, path, env, looks) {
  const { code, output } = await run(path, ['-c', 'import schemathesis; print(schemathesis.__version__)'], {
    env,
    timeoutMs: 60_000,
  });
  const version = /^4\.\d+\.\d+$/m.exec(output)?.[0];
  const works = code === 0 && version !== undefined;
  looks.add(place, `${path} ${works ? `has schemathesis ${version}` : `does not work: ${lastLine(output)}`}`);
  return works;
}

/** In place only when it is whole. Its programs name the folder that they were installed into; its Python does not. */
async function make({ root, env, looks, python, requirements, folder }) {
  mkdirSync(join(root, '.data'), { recursive: true });
  const temporary = mkdtempSync(join(root, '.data/.bringing-'));
  const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '--requirement', requirements];
  for (const [what, command, args] of [
    ['a virtual environment', python, ['-m', 'venv', temporary]],
    ['pip install -r test/fuzz/requirements.txt', join(temporary, 'bin/python'), pip],
  ]) {
    const { code, output, timedOut } = await looks.during(`${what} (${python})`, () =>
      run(command, args, { env, timeoutMs: pipMs }),
    );
    if (code === 0) continue;
    looks.add(what, `failed: ${timedOut ? `not done after ${pipMs / 1_000} s` : lastLine(output)}`);
    rmSync(temporary, { recursive: true, force: true });
    return false;
  }
  rmSync(folder, { recursive: true, force: true });
  renameSync(temporary, folder);
  return true;
}

const lastLine = (output) => output.split('\n').at(-1) || 'it said nothing';
