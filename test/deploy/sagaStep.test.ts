/** docs/add-a-saga-step.md, done as it says: applied to the sources, compiled, and recorded histories replayed with it. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { repository } from '../../scripts/stack.js';

const guide = readFileSync(join(repository, 'docs/add-a-saga-step.md'), 'utf8');
const place = join(repository, '.data', `saga-step-${process.pid}`);
const logger = new DefaultLogger('ERROR', () => undefined);

beforeAll(() => {
  Runtime.install({ logger });
  mkdirSync(place, { recursive: true });
  cpSync(join(repository, 'src'), join(place, 'src'), { recursive: true });
  for (const name of ['package.json', 'tsconfig.json']) cpSync(join(repository, name), join(place, name));
  symlinkSync(join(repository, 'node_modules'), join(place, 'node_modules'));
});
afterAll(() => {
  rmSync(place, { recursive: true, force: true });
});

it('applies, compiles, and leaves what is under way as it was', async () => {
  const files = [...guide.matchAll(/^```ts (src\/\S+)\n([^]*?)^```$/gm)];
  const changes = [...guide.matchAll(/^```diff\n([^]*?)^```$/gm)];
  expect([files.length, changes.length]).toEqual([3, 2]);
  for (const [, path = '', text = ''] of files) {
    mkdirSync(dirname(join(place, path)), { recursive: true });
    writeFileSync(join(place, path), text);
  }
  for (const [, change] of changes) {
    // Where it stands may move; what it changes may not. Apart from this repository, of which the folder would be a part.
    const options = { cwd: place, input: change, env: { ...process.env, GIT_CEILING_DIRECTORIES: repository } };
    execFileSync('git', ['apply', '--recount', '-'], options);
  }
  const tsc = join(repository, 'node_modules/typescript/bin/tsc');
  writeFileSync(
    join(place, 'tsconfig.json'),
    readFileSync(join(place, 'tsconfig.json'), 'utf8').replace(/"include": \[[^\]]*\]/, '"include": ["src"]'),
  );
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.json'], { cwd: place, stdio: 'pipe' });

  const folder = join(repository, 'test/replay/histories');
  const histories = readdirSync(folder).map((name) => ({
    workflowId: name,
    history: historyFromJSON(JSON.parse(readFileSync(join(folder, name), 'utf8'))),
  }));
  const workflowsPath = join(place, 'dist/src/workflows/index.js');
  const { code } = await bundleWorkflowCode({ workflowsPath, logger });
  expect(await replay(code, histories)).toEqual([]);
  // Without the guard it would not be so.
  const unguarded = code.replace(/\(0,\w+\.patched\)\('members-are-screened'\)/, 'true');
  expect(unguarded).not.toBe(code);
  expect((await replay(unguarded, histories)).join()).toMatch(/loyalty-paid\.json/);
}, 240_000);

async function replay(code: string, histories: { workflowId: string; history: object }[]): Promise<string[]> {
  const codePath = join(place, 'bundle.js');
  writeFileSync(codePath, code);
  const wrong: string[] = [];
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle: { codePath } }, histories)) {
    if (error !== undefined) wrong.push(workflowId);
  }
  return wrong;
}
