// Each requirement of the buyer's page has a test whose title carries its `[buyer N]`, and each test that a document names
// exists, with the title that it quotes. Fails and names those that have none.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const requirements = 18;
const documents = [
  'README.md',
  'README.ru.md',
  'SECURITY.md',
  ...readdirSync('docs').map((name) => join('docs', name)),
].filter((path) => path.endsWith('.md'));

const titlesIn = (file) =>
  (readFileSync(file, 'utf8').match(/\b(?:it|test|describe)(?:\.each\([\s\S]*?\))?\(\s*(['"`]).*?\1/g) ?? []).join(
    '\n',
  );

const titles = readdirSync('test', { recursive: true })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => titlesIn(join('test', file)))
  .join('\n');

const problems = Array.from({ length: requirements }, (_, index) => `[buyer ${index + 1}]`)
  .filter((requirement) => !titles.includes(requirement))
  .map((requirement) => `No test's title carries ${requirement}`);

for (const document of documents) {
  // [`test/x.test.ts`](../test/x.test.ts) "part of a title"
  for (const [, file, title] of readFileSync(document, 'utf8').matchAll(
    /\[`(test\/[^`]+)`\]\([^)]*\)(?: "([^"]+)")?/g,
  )) {
    if (!existsSync(file)) problems.push(`${document} names ${file}, which does not exist`);
    else if (title !== undefined && !titlesIn(file).includes(title))
      problems.push(`${document} quotes "${title}", which is no title in ${file}`);
  }
}

// Each line that SECURITY.md draws is held by a test.
for (const line of readFileSync('SECURITY.md', 'utf8').split('## The lines')[1].split('\n## ')[0].split('\n')) {
  if (/^\| (?!line \|)/.test(line) && !/\[`test\/[^`]+`\]/.test(line))
    problems.push(`SECURITY.md names no test in: ${line}`);
}

if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exitCode = 1;
}
