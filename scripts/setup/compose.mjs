// Finds docker-compose, which checks the compose file (no Docker runs for that), or brings Debian's.
import { aptInstall } from './apt.mjs';
import { onPath, run } from './run.mjs';
import { Looks } from './say.mjs';

const commands = [
  ['docker-compose', 'version'],
  ['docker', 'compose', 'version'],
];

const advice = 'What helps: install docker-compose, or Docker with its compose plugin.';

/** Throws a SetupError that names every place when there is none in the end. */
export async function ensureCompose({
  env = process.env,
  looks = new Looks('compose'),
  isRoot = process.getuid?.() === 0,
  osRelease = '/etc/os-release',
} = {}) {
  if (await isThere(env, looks)) return;
  if ((await aptInstall(['docker-compose'], { env, looks, isRoot, osRelease })) && (await isThere(env, looks))) return;
  throw looks.error(advice);
}

async function isThere(env, looks) {
  for (const [name, ...args] of commands) {
    const path = onPath([name], env);
    if (path === undefined) looks.add('PATH', `no ${name}`);
    else {
      const { code, output } = await run(path, args, { env, timeoutMs: 30_000 });
      const said = output.split('\n')[0] || `exit ${code}`;
      looks.add('PATH', code === 0 ? `${path} (${said})` : `${path} has no compose (${said})`);
      if (code === 0) return true;
    }
  }
  return false;
}
