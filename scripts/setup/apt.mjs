// Debian's and Ubuntu's packages: installed where we are root, and left alone elsewhere.
import { existsSync, readFileSync } from 'node:fs';
import { onPath, run } from './run.mjs';

const installMs = 900_000;

export const isDebian = (osRelease) =>
  /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(existsSync(osRelease) ? readFileSync(osRelease, 'utf8') : '');

/** Installs packages by apt-get, or says why not. @returns whether they were installed */
export async function aptInstall(packages, { env, looks, isRoot, osRelease }) {
  const place = 'apt';
  const aptGet = onPath(['apt-get'], env);
  const obstacle = obstacleOf(aptGet, isRoot, osRelease);
  if (obstacle !== undefined) {
    looks.add(place, obstacle);
    return false;
  }
  const quiet = { env: { ...env, DEBIAN_FRONTEND: 'noninteractive' }, timeoutMs: installMs };
  const { code, output, timedOut } = await looks.during(`apt-get install ${packages.join(' ')}`, async () => {
    const update = await run(aptGet, ['update', '-q'], quiet);
    if (update.code !== 0) return update;
    return run(aptGet, ['install', '-y', '-q', '--no-install-recommends', ...packages], quiet);
  });
  const installed = code === 0;
  looks.add(place, installed ? `installed ${packages.join(', ')}` : `failed: ${failure(output, timedOut, installMs)}`);
  return installed;
}

function obstacleOf(aptGet, isRoot, osRelease) {
  if (aptGet === undefined) return 'no apt-get here';
  if (!isRoot) return 'not root, so apt-get is left alone';
  return isDebian(osRelease) ? undefined : 'neither Debian nor Ubuntu';
}

/** The line that says why a tool has failed. */
export function failure(output, timedOut, afterMs) {
  if (timedOut) return `not done after ${afterMs / 1_000} s`;
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return lines.find((line) => /error|^E:/i.test(line)) ?? lines.at(-1) ?? 'it said nothing';
}
