/** The mutants themselves are tried by `npm run faults -- --mutants`; that each can be made is seen on every run of the tests. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { repository } from '../../scripts/stack.js';
import { mutants } from './mutants/mutants.js';

const folder = join(repository, 'test/faults/mutants');
const ids = mutants.map(({ id }) => id).sort();

it('each has a patch, and each patch a mutant', () => {
  const patches = readdirSync(folder).filter((name) => name.endsWith('.patch'));
  expect(patches.map((name) => name.replace('.patch', '')).sort()).toEqual(ids);
});

it.each(ids)('%s can be made of the sources as they are', (id) => {
  const { status, stderr } = spawnSync('git', ['apply', '--check', join(folder, `${id}.patch`)], {
    cwd: repository,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});
