import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../../scripts/stack.js';

/** Of a module's own level: what stands in no function and no class. */
const variables = /^(?:export )?(?:let|var) .*$/gm;
const collections = /^(?:export )?const (\w+)[^=]*= new (?:Map|Set|WeakMap|WeakSet)\b/gm;
const statics = /^\s+static (?!readonly )[\w#]+(?::[^=]*)? =.*$/gm;

/** What would go over from one workflow to another, were the module evaluated once for all of them. */
function keptBy(source: string): string[] {
  const changed = [...source.matchAll(collections)]
    .map(([, name = '']) => name)
    .filter((name) => new RegExp(`\\b${name}\\.(?:set|add|delete|clear)\\(`).test(source));
  return [...(source.match(variables) ?? []), ...(source.match(statics) ?? []), ...changed];
}

describe('modules that workflows are made of', () => {
  const files = ['src/workflows', 'src/domain'].flatMap((folder) =>
    readdirSync(join(repository, folder)).map((name) => join(folder, name)),
  );

  it.each(files)('%s keeps nothing of its own: a worker evaluates it once for all payments', (file) => {
    expect(keptBy(readFileSync(join(repository, file), 'utf8'))).toEqual([]);
  });

  it.each([
    ['a variable', 'let last: string;', 'let last: string;'],
    [
      'a collection that grows',
      'const seen = new Set<string>();\nexport const see = (id: string) => seen.add(id);',
      'seen',
    ],
    ['a counter of a class', 'class Inbox {\n  static count = 0;\n}', '  static count = 0;'],
  ])('would find %s', (_, source, found) => {
    expect(keptBy(source)).toEqual([found]);
  });

  it('lets constants be', () => {
    expect(
      keptBy("const codes = new Set(['paid']);\nexport const isPaid = (code: string) => codes.has(code);"),
    ).toEqual([]);
  });
});
