import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { makeMachine, makeTool, type Machine } from './fakes.js';
import { ensureCompose, Looks } from './modules.js';

let machine: Machine;
let looks: Looks;
beforeEach(() => {
  machine = makeMachine();
  looks = new Looks('compose', { quiet: true });
  writeFileSync(join(machine.folder, 'os-release'), 'ID=debian\n');
});
afterEach(() => {
  machine.remove();
});

const ensure = (isRoot = false) =>
  ensureCompose({ env: machine.env, looks, isRoot, osRelease: join(machine.folder, 'os-release') });

test('one that is there is taken, in either form', async () => {
  makeTool(join(machine.bin, 'docker'), '[ "$1" = compose ] && echo "Docker Compose version v2.40.0"');
  await ensure();
  expect(looks.record.at(-1)).toMatch(/docker \(Docker Compose version v2\.40\.0\)/);
});

test('a docker without the plugin is none', async () => {
  makeTool(join(machine.bin, 'docker'), 'echo "docker: unknown command"; exit 1');
  await expect(ensure()).rejects.toThrow(/has no compose \(docker: unknown command\)/);
});

test('it is installed by apt when we are root on Debian', async () => {
  const ready = makeTool(join(machine.folder, 'ready'), 'echo "docker-compose version 1.29.2"');
  makeTool(
    join(machine.bin, 'apt-get'),
    `[ "$1" = update ] || /bin/cp ${ready} ${join(machine.bin, 'docker-compose')}`,
  );
  await ensure(true);
  expect(looks.record).toContain('apt: installed docker-compose');
});

test('where it can be had nowhere, every place is named', async () => {
  makeTool(join(machine.bin, 'apt-get'), 'echo "E: Unable to locate package docker-compose"; exit 100');
  await expect(ensure(true)).rejects.toThrow(
    /PATH: no docker-compose[^]*PATH: no docker[^]*apt: failed: E: Unable[^]*What helps/,
  );
});
