/**
 * Long input and regular expressions. The check refuses every one that could take more than linear time, by its structure; here
 * stands that it does, that none is made of somebody's text, and what its two finds meant.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Linter } from 'eslint';
import regexp from 'eslint-plugin-regexp';
import { mappingSchema } from '../../src/api/fund/statementMapping.js';
import { readRow, shapeOf } from '../../src/domain/statement.js';
import { createLog } from '../../src/log.js';

/** As they stand in the configuration. */
const rules: Readonly<Record<string, string>> = {
  'regexp/no-super-linear-backtracking': "{ report: 'potential' }",
  'regexp/no-super-linear-move': "{ report: 'potential' }",
  'regexp/no-dupe-disjunctions': "{ report: 'trivial', reportExponentialBacktracking: 'potential' }",
};

function findsIn(source: string): number {
  const on: Linter.RulesRecord = {};
  for (const [name, options] of Object.entries(rules)) on[name] = ['error', optionsOf(options)];
  return new Linter().verify(source, [{ plugins: { regexp }, rules: on }]).length;
}

const optionsOf = (text: string): unknown => JSON.parse(text.replaceAll(/(\w+):/g, '"$1":').replaceAll("'", '"'));

const sources = ['src', 'packages/client/src'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name)),
);

describe('the check', () => {
  it('has its rules on, for all that meets text from outside', () => {
    const configuration = readFileSync('eslint.config.js', 'utf8');
    expect(configuration).toContain("files: ['src/**/*.ts', 'src/**/*.tsx', 'packages/**/*.ts']");
    for (const [name, options] of Object.entries(rules))
      expect(configuration).toContain(`'${name}': ['error', ${options}]`);
    // Nor does a comment in a file switch them off.
    expect(configuration).toContain('linterOptions: { noInlineConfig: true }');
  });

  it.each([
    ['backtracking without end', 'const is = /^(a+)+$/.test(text);'],
    ['two ways to read the same', 'const is = /^(?:\\w|\\d)*$/.test(text);'],
    ['neighbours that share', 'const is = /^\\s*\\w*\\s*\\w*x$/.test(text);'],
    ['a beginning that is tried everywhere', "const cut = text.replace(/\\s+$/, '');"],
    ['addresses, as the log once looked for them', "const cut = text.replace(/[\\w.+-]+@[\\w-]+/g, '');"],
  ])('would find %s', (_, source) => {
    expect(findsIn(source)).toBeGreaterThan(0);
  });

  it.each(["const cut = text.replace(/(?<!\\s)\\s+$/, '');", 'const is = /^[\\w-]{1,200}$/.test(text);'])(
    'lets pass: %s',
    (source) => {
      expect(findsIn(source)).toBe(0);
    },
  );

  it('no expression is made of somebody’s text', () => {
    const made = sources.flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/(?:new )?\bRegExp\(([^)]*)\)/g)].map(([text]) => `${file}: ${text}`),
    );
    expect(made).toEqual(['src/api/console/webhooks/webhooks.controller.tsx: new RegExp(`^${uuid}_${uuid}$`)']);
  });
});

/** Long enough that what is not linear does not come to its end. */
const long = 2_000_000;

describe('two million characters', () => {
  it.each([
    ['that could all begin an address', 'a.'.repeat(long / 2)],
    ['that could all begin a phone', '+7 '.repeat(long / 3)],
    ['of digits', '7'.repeat(long)],
    ['of a bearer without end', `Bearer ${'x'.repeat(long)}`],
    ['of beginnings of keys', 'sk_live_'.repeat(long / 8)],
    ['of white space', ' '.repeat(long)],
  ])('%s are logged', (_, text) => {
    let line = '';
    const log = createLog('test', 'info', { write: (told) => void (line = told) });
    log.info({ what: text }, text);
    expect(line.length).toBeGreaterThan(10);
  });

  it.each([
    ['a blank', ' '],
    ['a blank that does not break', '\u00a0'],
    ['a digit', '7'],
    ['an apostrophe', "'"],
  ])('of %s in the cell of a statement are read', (_, one) => {
    const mapping = mappingSchema.parse({
      currency: 'RUB',
      direction: 'sign',
      columns: { date: 'date', amount: 'amount' },
    });
    const shape = shapeOf(['date', 'amount'], mapping);
    if ('problem' in shape) throw new Error(shape.problem);
    const cell = `x${one.repeat(long)}x`;
    for (const fields of [
      [cell, '1,00'],
      ['01.11.2026', cell],
      [cell, cell],
    ])
      expect(readRow(fields, shape, mapping).kind).toBe('refused');
  });
});
