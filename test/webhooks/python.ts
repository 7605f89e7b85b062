/** A Python of the tests' own, with the library that verifies; brought once, by the pip that set-up finds. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../../scripts/stack.js';

const version = '1.1.0';

/** @returns a folder with the library and what it needs, for PYTHONPATH */
function library(): string {
  const folder = join(repository, '.data', `python-standardwebhooks-${version}`);
  if (existsSync(folder)) return folder;
  const making = `${folder}.${process.pid}`;
  mkdirSync(making, { recursive: true });
  try {
    bring(making);
    renameSync(making, folder);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return folder;
}

/** Into a folder, which needs neither a virtual environment nor anybody's leave. */
function bring(folder: string): void {
  const said: string[] = [];
  for (const [command, ...first] of [['python3', '-m', 'pip'], ['pip3'], ['pip']] as const) {
    const args = [...first, 'install', '--quiet', '--disable-pip-version-check', '--target', folder];
    const { status, stderr, error } = spawnSync(command, [...args, `standardwebhooks==${version}`], {
      encoding: 'utf8',
      timeout: 120_000,
    });
    if (status === 0) return;
    said.push(`${command}: ${error?.message ?? stderr}`);
  }
  throw new Error(`No pip could bring standardwebhooks ${version}:\n${said.join('\n')}`);
}

/** @returns what the script prints; throws what it fails with */
export function python(script: string, input: unknown): string {
  const { status, stdout, stderr } = spawnSync('python3', [join(import.meta.dirname, script)], {
    input: JSON.stringify(input),
    encoding: 'utf8',
    env: { ...process.env, PYTHONPATH: library() },
  });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}
