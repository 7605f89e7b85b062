// Finds promtool, which checks the alert rules, or takes it out of Debian's package of Prometheus into the user's cache. Nothing
// is installed and nothing is started.
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isDebian } from './apt.mjs';
import { isExecutable, onPath, run } from './run.mjs';
import { Looks } from './say.mjs';

const tool = 'promtool';
const bringMs = 300_000;

const advice =
  'What helps: install Prometheus (Debian: apt-get install prometheus), or set PROMTOOL_PATH to a promtool.';

/** `{ path }` of a promtool that has said its version. Throws a SetupError that names every place. */
export async function findPromtool({
  env = process.env,
  looks = new Looks(tool),
  isRoot = process.getuid?.() === 0,
  osRelease = '/etc/os-release',
} = {}) {
  if (!env.PROMTOOL_PATH) looks.add('PROMTOOL_PATH', 'not set');
  else if (await starts('PROMTOOL_PATH', env.PROMTOOL_PATH, env, looks)) return { path: env.PROMTOOL_PATH };

  const installed = onPath(['promtool'], env);
  if (installed === undefined) looks.add('PATH', 'no promtool');
  else if (await starts('PATH', installed, env, looks)) return { path: installed };

  const folder = join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'surety/promtool');
  const cached = join(folder, 'promtool');
  if (!isExecutable(cached)) looks.add('cache', `nothing in ${folder}`);
  else if (await starts('cache', cached, env, looks)) return { path: cached };

  if (
    (await download({ env, looks, isRoot, osRelease, folder, cached })) &&
    (await starts('cache', cached, env, looks))
  )
    return { path: cached };
  throw looks.error(advice);
}

async function starts(place, path, env, looks) {
  const { code, output } = await run(path, ['--version'], { env, timeoutMs: 30_000 });
  const version = /promtool, version (\S+)/.exec(output)?.[1];
  const works = code === 0 && version !== undefined;
  looks.add(
    place,
    works ? `${path} (${version})` : `${path} does not start (${output.split('\n')[0] || `exit ${code}`})`,
  );
  return works;
}

async function download({ env, looks, isRoot, osRelease, folder, cached }) {
  const place = 'Debian package';
  const [aptGet, dpkg] = [onPath(['apt-get'], env), onPath(['dpkg-deb'], env)];
  if (aptGet === undefined || dpkg === undefined || !isDebian(osRelease)) {
    looks.add(place, 'neither Debian nor Ubuntu');
    return false;
  }
  mkdirSync(folder, { recursive: true });
  const temporary = mkdtempSync(join(folder, '.bringing-'));
  try {
    const fetched = await looks.during('apt-get download prometheus (20 MB)', async () => {
      const get = () => run(aptGet, ['download', '-q', 'prometheus'], { cwd: temporary, env, timeoutMs: bringMs });
      const first = await get();
      if (first.code === 0 || !isRoot) return first;
      // A bare container has no lists yet.
      const update = await run(aptGet, ['update', '-q'], { env, timeoutMs: bringMs });
      return update.code === 0 ? get() : update;
    });
    const file = readdirSync(temporary).find((name) => name.endsWith('.deb'));
    if (fetched.code !== 0 || file === undefined) {
      looks.add(place, `failed: ${fetched.output.split('\n').at(-1) || 'it said nothing'}`);
      return false;
    }
    const unpacked = await run(dpkg, ['-x', join(temporary, file), join(temporary, 'x')], { env, timeoutMs: bringMs });
    if (unpacked.code !== 0) {
      looks.add(place, `${file} cannot be unpacked: ${unpacked.output.split('\n').at(-1)}`);
      return false;
    }
    // In place only when it is whole.
    copyFileSync(join(temporary, 'x/usr/bin/promtool'), join(temporary, 'promtool'));
    chmodSync(join(temporary, 'promtool'), 0o755);
    renameSync(join(temporary, 'promtool'), cached);
    return true;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
