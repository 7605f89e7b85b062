// Each requirement of the buyer's page has a test whose title carries its `[buyer N]`; fails and names those that have none.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const requirements = 18;

const titles = readdirSync('test', { recursive: true })
  .filter((file) => file.endsWith('.test.ts'))
  .flatMap(
    (file) =>
      readFileSync(join('test', file), 'utf8').match(
        /\b(?:it|test|describe)(?:\.each\([\s\S]*?\))?\(\s*(['"`]).*?\1/g,
      ) ?? [],
  );

const missing = Array.from({ length: requirements }, (_, index) => `[buyer ${index + 1}]`).filter(
  (requirement) => !titles.some((title) => title.includes(requirement)),
);

if (missing.length > 0) {
  console.error(`No test's title carries ${missing.join(', ')}`);
  process.exitCode = 1;
}
