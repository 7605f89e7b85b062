// The packages in node_modules and the build in dist, each brought up to date only when it is not.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.mjs';
import { SetupError, withProgress } from './say.mjs';

export async function ensurePackages(root) {
  const stamp = join(root, 'node_modules/.surety-install');
  const wanted = `${sha256(readFileSync(join(root, 'package-lock.json')))} ${process.platform}-${process.arch}\n`;
  if (readOrEmpty(stamp) === wanted) return;
  if (!isInstalled(root)) await npmCi(root);
  writeFileSync(stamp, wanted);
}

async function npmCi(root) {
  // Under `npm run`, the same npm; dev packages even where NODE_ENV says production.
  const npmScript = process.env.npm_execpath;
  const [command, ...first] = npmScript?.endsWith('.js') ? [process.execPath, npmScript] : ['npm'];
  await withProgress('packages', 'npm ci', async () => {
    const { code, output } = await run(command, [...first, 'ci', '--include=dev', '--no-audit', '--no-fund'], {
      cwd: root,
      timeoutMs: 1_800_000,
    });
    if (code !== 0) {
      throw new SetupError(`npm ci failed (${code ?? 'killed or not started'}); it said:\n${output}`);
    }
  });
}

/** Whether somebody has already installed exactly what the lock file says (npm keeps its own record of it). */
function isInstalled(root) {
  const installed = lockedPackages(join(root, 'node_modules/.package-lock.json'));
  const wanted = lockedPackages(join(root, 'package-lock.json'));
  if (installed === undefined || wanted === undefined) return false;
  return Object.entries(wanted).every(([path, { version, integrity, optional, peer }]) => {
    if (path === '') return true;
    const present = installed[path];
    // Optional packages of other platforms stay out.
    if (present === undefined) return optional === true || peer === true;
    return present.version === version && present.integrity === integrity && existsSync(join(root, path));
  });
}

function lockedPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

export async function ensureBuild(root) {
  const stamp = join(root, 'dist/.surety-build');
  const wanted = `${sourcesHash(root)}\n`;
  if (readOrEmpty(stamp) === wanted) return;
  // From nothing: what a removed source left in dist would still be found, migrations above all.
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  await withProgress('build', 'tsc, assets, workflow bundle', async () => {
    const { code, output } = await run(process.execPath, ['scripts/build.mjs'], { cwd: root });
    if (code !== 0) throw new SetupError(`the build failed (${code ?? 'killed or not started'}); it said:\n${output}`);
  });
  writeFileSync(stamp, wanted);
}

/** Has packages and a build of its own (bench/rivalEngines.ts). */
const builtApart = join('bench', 'rivals', '/');

function sourcesHash(root) {
  const hash = createHash('sha256');
  for (const path of [
    'package-lock.json',
    'tsconfig.json',
    ...['bench', 'examples', 'packages', 'scripts', 'simulator', 'src', 'test/faults', 'test/fuzz'].flatMap(filesBelow),
  ]) {
    hash.update(`${path}\0${sha256(readFileSync(join(root, path)))}\0`);
  }
  return hash.digest('hex');

  function filesBelow(folder) {
    if (!existsSync(join(root, folder))) return [];
    return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
      .filter((path) => !path.startsWith(builtApart))
      .sort();
  }
}

const sha256 = (content) => createHash('sha256').update(content).digest('hex');

function readOrEmpty(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
