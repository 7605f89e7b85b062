/** Runs fuzz.py, which makes the calls, and reads its verdict. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { repository } from '../../scripts/stack.js';
import type { LivingWorld } from './livingWorld.js';

const verdictSchema = z.strictObject({
  calls: z.int(),
  operations: z.int(),
  operationsWith2xx: z.int(),
  serverErrors: z.int(),
  undocumentedResponses: z.int(),
});

export type Verdict = z.infer<typeof verdictSchema>;

/** @param say gets what it finds, line by line, and its progress */
export async function drive(
  world: LivingWorld,
  { calls, seed }: { readonly calls: number; readonly seed: number },
  say: (line: string) => void,
): Promise<Verdict> {
  const python = process.env['FUZZ_PYTHON'];
  if (python === undefined || python === '')
    throw new Error('FUZZ_PYTHON is not set: start by `npm run fuzz` or `npm test`');
  const script = join(repository, 'test/fuzz/fuzz.py');
  const child = spawn(python, ['-B', script, '--calls', String(calls), '--seed', String(seed)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      ...process.env,
      PYTHONUTF8: '1',
      NO_PROXY: 'localhost,127.0.0.1',
      HYPOTHESIS_STORAGE_DIRECTORY: join(repository, '.data/hypothesis'),
    },
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  createInterface({ input: child.stderr }).on('line', say);
  child.stdin.end(JSON.stringify(world));
  const [code] = (await once(child, 'close')) as [number | null];
  const last = lines.pop();
  for (const line of lines) say(line);
  if (code !== 0 || last === undefined) throw new Error(`fuzz.py ended with ${code ?? 'a signal'}: ${last ?? ''}`);
  return verdictSchema.parse(JSON.parse(last));
}

export const isClean = (verdict: Verdict): boolean =>
  verdict.serverErrors === 0 && verdict.undocumentedResponses === 0 && verdict.operationsWith2xx === verdict.operations;
