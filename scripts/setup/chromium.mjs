// Finds the Chromium that the tests of the pages drive, or brings one.
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { aptInstall, failure } from './apt.mjs';
import { isExecutable, onPath, run } from './run.mjs';
import { Looks } from './say.mjs';

const tool = 'chromium';
const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const installMs = 900_000;
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

const advice =
  'What helps: install Chromium or Chrome, or set CHROMIUM_PATH to one that starts; ' +
  '`npx playwright-core install --with-deps chromium` brings one where the network allows.';

/** `{ path }` of a browser that was started once to see its version. Throws a SetupError that names every place. */
export async function findChromium({
  env = process.env,
  looks = new Looks(tool),
  isRoot = process.getuid?.() === 0,
  osRelease = '/etc/os-release',
  playwrightCli = join(root, 'node_modules/playwright-core/cli.js'),
} = {}) {
  if (!env.CHROMIUM_PATH) looks.add('CHROMIUM_PATH', 'not set');
  else if (await starts('CHROMIUM_PATH', env.CHROMIUM_PATH, env, looks)) return { path: env.CHROMIUM_PATH };

  const found = await lookAround(env, looks);
  if (found !== undefined) return { path: found };
  for (const bring of [apt, playwright]) {
    if (!(await bring({ env, looks, isRoot, osRelease, playwrightCli }))) continue;
    const brought = await lookAround(env, looks);
    if (brought !== undefined) return { path: brought };
  }
  throw looks.error(advice);
}

/** The PATH and Playwright's cache: the places where an installation ends up. */
async function lookAround(env, looks) {
  const installed = names.map((name) => onPath([name], env)).filter((path) => path !== undefined);
  if (installed.length === 0) looks.add('PATH', `no ${names.join(', ')}`);
  for (const path of installed) if (await starts('PATH', path, env, looks)) return path;

  const cache = playwrightCache(env);
  const cached = playwrightBrowsers(cache);
  if (cached.length === 0) looks.add("Playwright's cache", `nothing in ${cache}`);
  for (const path of cached) if (await starts("Playwright's cache", path, env, looks)) return path;
  return undefined;
}

async function starts(place, path, env, looks) {
  if (!isExecutable(path)) {
    looks.add(place, `${path} is not an executable file`);
    return false;
  }
  const { code, output } = await run(path, ['--version'], { env, timeoutMs: 30_000 });
  // Ubuntu's chromium-browser is a stub that exits 0 and asks for snap: the version decides.
  const version = /(?:Chromium|Chrome)\D* (\d[\d.]*)/.exec(output);
  const works = code === 0 && version !== null;
  looks.add(
    place,
    works ? `${path} (${version[1]})` : `${path} does not start (${output.split('\n')[0] || `exit ${code}`})`,
  );
  return works;
}

function playwrightCache(env) {
  if (env.PLAYWRIGHT_BROWSERS_PATH) return env.PLAYWRIGHT_BROWSERS_PATH;
  const home = env.HOME || homedir();
  return process.platform === 'darwin'
    ? join(home, 'Library/Caches/ms-playwright')
    : join(env.XDG_CACHE_HOME || join(home, '.cache'), 'ms-playwright');
}

/** Playwright names the folders inside differently by platform and release, so the executable's name decides. */
function playwrightBrowsers(cache) {
  if (!existsSync(cache)) return [];
  return readdirSync(cache)
    .filter((folder) => folder.startsWith('chromium'))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .flatMap((folder) =>
      readdirSync(join(cache, folder), { recursive: true, withFileTypes: true })
        .filter(
          (entry) =>
            entry.isFile() &&
            /^(chrome|chrome-headless-shell|headless_shell|Chromium|Google Chrome for Testing)$/.test(entry.name),
        )
        .map((entry) => join(entry.parentPath, entry.name)),
    );
}

function apt(how) {
  // A font with Cyrillic: our pages are Russian, and a bare container has no font at all.
  return aptInstall(['chromium', 'fonts-dejavu-core'], how);
}

async function playwright({ env, looks, playwrightCli }) {
  const place = 'playwright-core install chromium';
  const { code, output, timedOut } = await looks.during(place, () =>
    run(process.execPath, [playwrightCli, 'install', 'chromium'], { cwd: root, env, timeoutMs: installMs }),
  );
  looks.add(place, code === 0 ? 'done' : `failed: ${failure(output, timedOut, installMs)}`);
  return code === 0;
}
