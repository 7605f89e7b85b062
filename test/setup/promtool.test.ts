import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { makeMachine, makeTool, type Machine } from './fakes.js';
import { findPromtool, Looks } from './modules.js';

const says = 'echo "promtool, version 2.42.0 (branch: debian)"';
let machine: Machine;
beforeEach(() => {
  machine = makeMachine();
  writeFileSync(join(machine.folder, 'os-release'), 'ID=debian\n');
});
afterEach(() => {
  machine.remove();
});

const find = (env: Record<string, string> = {}, isRoot = false) =>
  findPromtool({
    env: { ...machine.env, ...env },
    looks: new Looks('promtool', { quiet: true }),
    isRoot,
    osRelease: join(machine.folder, 'os-release'),
  });

/** apt-get that downloads a package, and dpkg-deb that unpacks a promtool from it. */
function makeDebian(): void {
  makeTool(join(machine.bin, 'apt-get'), 'echo x > prometheus_2.42.0_amd64.deb');
  makeTool(
    join(machine.bin, 'dpkg-deb'),
    `/bin/mkdir -p "$3/usr/bin" && printf '#!/bin/sh\\n${says}\\n' > "$3/usr/bin/promtool"`,
  );
}

test('one that is named is used when it starts, and passed over when it does not', async () => {
  const good = makeTool(join(machine.folder, 'good'), says);
  expect(await find({ PROMTOOL_PATH: good })).toEqual({ path: good });
  const bad = makeTool(join(machine.folder, 'bad'), 'echo "not this"; exit 1');
  await expect(find({ PROMTOOL_PATH: bad })).rejects.toThrow(/PROMTOOL_PATH: .*bad does not start \(not this\)/);
});

test('it is taken out of the package into the cache, and found there again', async () => {
  makeDebian();
  const brought = await find();
  expect(brought.path).toBe(join(machine.home, '.cache/surety/promtool/promtool'));
  expect(readdirSync(join(machine.home, '.cache/surety/promtool'))).toEqual(['promtool']);
  expect(await find({ PATH: '' })).toEqual(brought);
});

test('where it cannot be downloaded, every place is named and nothing is left behind', async () => {
  makeDebian();
  makeTool(join(machine.bin, 'apt-get'), 'echo "E: Unable to locate package prometheus"; exit 100');
  await expect(find()).rejects.toThrow(
    /PROMTOOL_PATH: not set[\s\S]*PATH: no promtool[\s\S]*cache: nothing[\s\S]*Debian package: failed: E: Unable to locate[\s\S]*What helps/,
  );
  expect(existsSync(join(machine.home, '.cache/surety/promtool/promtool'))).toBe(false);
});
