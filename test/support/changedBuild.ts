/** This release with other workflows: its compiled files, with a change in the bundle that its workers run. */
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../../scripts/stack.js';

/** @returns the compiled files */
export function changedBuild(name: string, change: (code: string) => string): string {
  const place = join(repository, '.data/releases', name);
  rmSync(place, { recursive: true, force: true });
  mkdirSync(join(place, 'dist'), { recursive: true });
  writeFileSync(join(place, 'package.json'), '{"type":"module"}');
  cpSync(join(repository, 'dist/src'), join(place, 'dist/src'), { recursive: true });
  symlinkSync(join(repository, 'node_modules'), join(place, 'node_modules'));
  const code = readFileSync(join(repository, 'dist/workflows.bundle.js'), 'utf8');
  const changed = change(code);
  if (changed === code) throw new Error(`nothing is changed in the build ${name}`);
  writeFileSync(join(place, 'dist/workflows.bundle.js'), changed);
  return join(place, 'dist');
}
