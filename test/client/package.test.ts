/** The package as a partner gets it: packed, installed elsewhere, imported by its name. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { repository } from '../../scripts/stack.js';

const folder = mkdtempSync(join(tmpdir(), 'surety-client-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const run = (command: string, args: readonly string[], cwd = folder): string =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

it('npm pack gives a package that runs, and whose types are found', () => {
  run('npm', ['pack', '--silent', '--pack-destination', folder], join(repository, 'packages/client'));
  const [tarball] = readdirSync(folder);
  const modules = join(folder, 'node_modules');
  const installed = join(modules, '@surety/client');
  mkdirSync(installed, { recursive: true });
  run('tar', ['xzf', join(folder, tarball ?? ''), '-C', installed, '--strip-components=1']);
  // What npm would install beside it.
  for (const name of ['openapi-fetch', 'openapi-typescript-helpers', 'standardwebhooks', '@types']) {
    symlinkSync(join(repository, 'node_modules', name), join(modules, name));
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(
    join(folder, 'main.ts'),
    `import { createClient } from '@surety/client';
    const surety = createClient({ baseUrl: 'http://127.0.0.1:1', apiKey: 'sk_test_x', attempts: 1 });
    try {
      const payment = await surety.get('/v1/payments/{id}', { path: { id: 'x' } });
      const state: 'paid' | 'unknown' | number = payment.invoice.id.length;
      console.log(state);
    } catch (error) {
      console.log((error as Error).name);
    }`,
  );
  const tsc = join(repository, 'node_modules/typescript/bin/tsc');
  run(process.execPath, [tsc, '--strict', '--module', 'nodenext', '--target', 'es2022', '--types', 'node', 'main.ts']);
  expect(run(process.execPath, ['main.js']).trim()).toBe('SuretyUnreachable');
  expect(readdirSync(installed).sort()).toEqual(['README.md', 'dist', 'package.json']);
}, 180_000);
