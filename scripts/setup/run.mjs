// Children of set-up: tools that are run quietly, and the target that gets the terminal.
import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const outputLimit = 1_000_000;
const killDelayMs = 5_000;
const sameKeypressMs = 1_000;

/** Groups of children that still run: they die with set-up. */
const groups = new Set();

function killGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs a tool and keeps what it prints. Never throws: `{ code, output, timedOut }`, code null when it could not start
 * or was killed.
 */
export function run(command, args, { cwd, env = process.env, timeoutMs = 600_000 } = {}) {
  return new Promise((resolve) => {
    // A group of its own, so that a time-out ends the tool's children too.
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    let timedOut = false;
    const keep = (chunk) => {
      output = (output + chunk).slice(-outputLimit);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    if (child.pid !== undefined) groups.add(child.pid);
    const timer = setTimeout(() => {
      timedOut = true;
      if (child.pid !== undefined) killGroup(child.pid, 'SIGKILL');
    }, timeoutMs);
    const finish = (code) => {
      clearTimeout(timer);
      groups.delete(child.pid);
      resolve({ code, output: output.trim(), timedOut });
    };
    child.once('error', (error) => {
      output += error.message;
      finish(null);
    });
    child.once('close', finish);
  });
}

/** The first executable of one of these names on the PATH of `env`. */
export function onPath(names, env) {
  for (const name of names) {
    for (const folder of (env.PATH ?? '').split(delimiter).filter(Boolean)) {
      const path = join(folder, name);
      if (isExecutable(path)) return path;
    }
  }
  return undefined;
}

export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Ctrl-C while tools are still being brought: nothing of ours stays behind. */
export function dieWithChildren() {
  const stop = (signal, code) => () => {
    for (const pid of groups) killGroup(pid, signal);
    process.exit(code);
  };
  const handlers = { SIGINT: stop('SIGINT', 130), SIGTERM: stop('SIGTERM', 143), SIGHUP: stop('SIGHUP', 129) };
  for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of Object.entries(handlers)) process.off(signal, handler);
  };
}

/**
 * Runs the target with our terminal and answers its exit code (128 + n when a signal ended it).
 *
 * The target leads a process group of its own. So it hears each Ctrl-C once, from us, although the terminal and npm
 * both tell us; and whatever it leaves running is ended with it.
 */
export function runTarget(command, args, { cwd, env }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio: 'inherit', detached: true });
    const heardAtMs = new Map();
    const forward = (signal) => {
      const previousMs = heardAtMs.get(signal);
      const nowMs = performance.now();
      if (previousMs !== undefined && nowMs - previousMs < sameKeypressMs) return;
      heardAtMs.set(signal, nowMs);
      killGroup(child.pid, previousMs === undefined ? signal : 'SIGKILL');
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, forward);
    child.once('error', (error) => {
      process.stderr.write(`surety: ${command} could not be started: ${error.message}\n`);
      resolve(1);
    });
    child.once('exit', async (code, signal) => {
      await endGroup(child.pid);
      resolve(code ?? 128 + (signalNumber[signal] ?? 0));
    });
  });
}

const signalNumber = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGABRT: 6, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 };

async function endGroup(pid) {
  const deadlineMs = performance.now() + killDelayMs;
  let stillThere = killGroup(pid, 'SIGTERM');
  while (stillThere && performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    stillThere = killGroup(pid, 0);
  }
  if (stillThere) killGroup(pid, 'SIGKILL');
}
