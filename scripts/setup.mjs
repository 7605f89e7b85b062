// Brings what a fresh clone lacks, says where it looked, and then runs the demo, the tests, the checks or an operator's command.
// Plain Node without packages: it is what installs them. Usage: node scripts/setup.mjs demo|example|test|check|faults|fuzz|bench|openapi|partner|doctor|recover|resolve|verify|migrate [...args]
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChecks } from './setup/check.mjs';
import { findChromium } from './setup/chromium.mjs';
import { ensureCompose } from './setup/compose.mjs';
import { findFuzzPython } from './setup/fuzzPython.mjs';
import { withLock } from './setup/lock.mjs';
import { ensureBuild, ensurePackages } from './setup/packages.mjs';
import { findPromtool } from './setup/promtool.mjs';
import { dieWithChildren, runTarget } from './setup/run.mjs';
import { say, SetupError } from './setup/say.mjs';
import { findTemporalCli } from './setup/temporalCli.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const leastNode = [20, 19];

const targets = {
  demo: { temporal: true, chromium: false, command: ['dist/scripts/demo.js'] },
  // A partner's backend, against the demo that runs.
  example: { temporal: false, chromium: false, command: ['dist/examples/partner-backend/main.js'] },
  test: {
    temporal: true,
    chromium: true,
    fuzzPython: true,
    promtool: true,
    compose: true,
    command: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'],
  },
  check: { temporal: false, chromium: false },
  faults: { temporal: true, chromium: false, command: ['--enable-source-maps', 'dist/test/faults/main.js'] },
  fuzz: {
    temporal: true,
    chromium: false,
    fuzzPython: true,
    command: ['--enable-source-maps', 'dist/test/fuzz/main.js'],
  },
  bench: { temporal: true, chromium: false, command: ['--enable-source-maps', 'dist/bench/main.js'] },
  // An operator's commands, with the values of .env where there is one.
  partner: { temporal: false, chromium: false, dotenv: true, command: ['dist/scripts/partner.js'] },
  doctor: { temporal: false, chromium: false, dotenv: true, command: ['dist/src/doctor.main.js'] },
  recover: { temporal: false, chromium: false, dotenv: true, command: ['dist/scripts/recover.js'] },
  resolve: { temporal: false, chromium: false, dotenv: true, command: ['dist/scripts/resolve.js'] },
  verify: { temporal: false, chromium: false, dotenv: true, command: ['dist/scripts/verify/main.js'] },
  openapi: { temporal: false, chromium: false, command: ['dist/scripts/openapi.js'] },
  migrate: { temporal: false, chromium: false, dotenv: true, command: ['dist/src/database/migrate.main.js'] },
};

async function main([name, ...args]) {
  checkNode();
  const target = targets[name];
  if (target === undefined)
    throw new SetupError(`usage: node scripts/setup.mjs ${Object.keys(targets).join('|')} [...args]`);

  const leaveSignals = dieWithChildren();
  await withLock(join(root, '.data/setup.lock'), async () => {
    await ensurePackages(root);
    await ensureBuild(root);
  });
  if (target.dotenv && existsSync(join(root, '.env'))) process.loadEnvFile(join(root, '.env'));
  const env = { ...process.env };
  if (target.temporal) {
    const { path } = await findTemporalCli();
    if (path !== undefined) env.TEMPORAL_CLI_PATH = path;
  }
  if (target.chromium) env.CHROMIUM_PATH = (await findChromium()).path;
  if (target.fuzzPython) {
    const find = () => findFuzzPython({ root });
    env.FUZZ_PYTHON = name === 'test' ? await unlessMissing('schemathesis', find) : (await find()).path;
  }
  if (target.promtool) env.PROMTOOL_PATH = await unlessMissing('promtool', () => findPromtool());
  if (target.compose) await unlessMissing('compose', () => ensureCompose());
  if (target.command === undefined) return runChecks(root, args);
  leaveSignals();
  return runTarget(process.execPath, [...target.command, ...args], { cwd: root, env });
}

/** What a few of all tests need: where there is none that is said, they are counted as skipped, and the others are run. */
async function unlessMissing(tool, find) {
  try {
    return (await find())?.path ?? '';
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(tool, `${error.message}\nThe tests go on without it`);
    return '';
  }
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > leastNode[0] || (major === leastNode[0] && minor >= leastNode[1])) return;
  throw new SetupError(`Node ${leastNode.join('.')} or newer is needed; this is ${process.versions.node}.`);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`surety: ${error.message}\n`);
  process.exitCode = 1;
}
