// One set-up at a time in a folder. A directory is the lock (mkdir is atomic); its file names the holder.
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { say } from './say.mjs';

const beatMs = 5_000;
const staleMs = 60_000;
const pollMs = 250;

/** Runs `work` while holding the lock; a lock whose holder is gone is taken over. */
export async function withLock(path, work) {
  await acquire(path);
  const beat = setInterval(() => touch(path), beatMs);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    process.off('exit', release);
    release();
  }

  async function acquire() {
    let said = false;
    while (!take(path)) {
      const holder = staleHolder(path);
      if (holder !== undefined) {
        removeOf(path, holder);
        continue;
      }
      if (!said) say('set-up', `waiting for another one in this folder (${path})`);
      said = true;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    process.once('exit', release);
  }

  function release() {
    if (readHolder(path) === me()) rmSync(path, { recursive: true, force: true });
  }
}

const me = () => `${process.pid} ${hostname()}`;

function take(path) {
  mkdirSync(dirname(path), { recursive: true });
  try {
    mkdirSync(path);
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
  writeFileSync(join(path, 'holder'), me());
  return true;
}

function readHolder(path) {
  try {
    return readFileSync(join(path, 'holder'), 'utf8');
  } catch {
    return '';
  }
}

/** The holder's name when he is dead or has not been heard of for a minute; undefined while he lives. */
function staleHolder(path) {
  const holder = readHolder(path);
  let silentMs;
  try {
    silentMs = Date.now() - statSync(path).mtimeMs;
  } catch {
    return undefined;
  }
  if (silentMs > staleMs) return holder;
  const [pid, host] = holder.split(' ');
  // A pid says something only on the machine (or in the container) that gave it.
  return host === hostname() && !isAlive(Number(pid)) ? holder : undefined;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Of several processes that see the same stale lock, the one whose rename succeeds removes it. */
function removeOf(path, holder) {
  if (readHolder(path) !== holder) return;
  const aside = `${path}.stale-${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  rmSync(aside, { recursive: true, force: true });
}

function touch(path) {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // The folder is gone: somebody removed it by hand, and the work goes on.
  }
}
