// Compiles to dist/, copies what is not TypeScript, and bundles the workflows once, so that workers start without webpack.
import { spawnSync } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);

const tsc = spawnSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'tsconfig.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (tsc.status !== 0) process.exit(tsc.status ?? 1);

const isAsset = (path) => !/\.tsx?$/.test(path);
for (const folder of ['src', 'simulator']) {
  cpSync(join(root, folder), join(root, 'dist', folder), { recursive: true, filter: isAsset });
}

const { bundleWorkflowCode } = await import('@temporalio/worker');
const { bundlePath, failureConverterPath } = await import(join(root, 'dist/src/workflows/bundlePath.js'));
const nothing = () => {};
const workflow = (name) => join(root, 'dist/src/workflows', name);
const { code } = await bundleWorkflowCode({
  workflowsPath: workflow('index.js'),
  failureConverterPath,
  workflowInterceptorModules: [workflow('interceptors.js')],
  // Evaluated once a worker, and frozen, instead of once a payment: none keeps anything (test/workflows/modules.test.ts).
  preloadModules: ['stackTraces.js', 'failureConverter.js', 'interceptors.js', 'index.js'].map(workflow),
  logger: { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing, error: console.error },
});
writeFileSync(bundlePath, code);
