// `npm run check`: everything that judges the code without running it.
import { run } from './run.mjs';
import { withProgress } from './say.mjs';

const scripts = {
  tsc: 'node_modules/typescript/bin/tsc',
  eslint: 'node_modules/eslint/bin/eslint.js',
  prettier: 'node_modules/prettier/bin/prettier.cjs',
  depcruise: 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
  knip: 'node_modules/knip/bin/knip.js',
  requirements: 'scripts/setup/requirements.mjs',
  openapi: 'dist/scripts/openapi.js',
};

const checks = [
  ['tsc', '--noEmit', '-p', 'tsconfig.test.json'],
  ['eslint', '.'],
  ['prettier', '--check', '.'],
  ['depcruise', '--config', '.dependency-cruiser.cjs', 'src', 'simulator', 'scripts', 'packages', 'examples'],
  ['knip'],
  ['requirements'],
  ['openapi', '--check'],
];

/** Runs every check, also after a failed one; answers the exit code. */
export async function runChecks(root, args) {
  const chosen = args.length === 0 ? checks : checks.filter(([name]) => args.includes(name));
  let failed = 0;
  for (const [name, ...rest] of chosen) {
    try {
      await withProgress('check', [name, ...rest].join(' '), async () => {
        const { code, output } = await run(process.execPath, [scripts[name], ...rest], { cwd: root });
        if (code !== 0) throw new Error(output);
      });
    } catch (error) {
      failed += 1;
      process.stdout.write(`${error.message}\n`);
    }
  }
  process.stdout.write(`surety: check … ${chosen.length - failed} ok, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}
