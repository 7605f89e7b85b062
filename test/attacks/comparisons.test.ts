/**
 * Secrets and time: what somebody sends is compared with a secret in one place, in constant time, or looked up by its hash.
 * Shown by the sources themselves, since a clock shows nothing on a busy machine: a comparison of a secret anywhere else fails.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { isSameSecret } from '../../src/api/auth/sameSecret.js';

const secret = /secret|token|csrf|signature|nonce|verifier|password|api_?key|hash|digest|hmac|\bmac\b|login\??\.state/i;
/** Whether there is one, of what kind it is, how long: that tells nothing of what it is. */
const harmless = /^(null|undefined|''|""|true|false|-?\d+|'(string|object|function)')$/;
const comparing = new Set([
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
  ts.SyntaxKind.EqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsToken,
]);
const comparingMethods = ['equals', 'compare', 'includes', 'indexOf', 'startsWith', 'endsWith', 'localeCompare', 'has'];

/** Each with why it is none of a secret. */
const known: Readonly<Record<string, string>> = {
  "src/api/approvals/approvals.controller.ts: decidedBy?.kind === 'api_key'": 'a kind of actor',
  "src/api/payments/payments.controller.ts: openedBy.kind === 'api_key'": 'a kind of actor',
  'src/api/credits/importUploads.ts: (await hashOf(request, limit)) !== opened.sha256': 'of a file that its sender has',
  'src/api/fund/statementUploads.ts: (await hashOf(source, limit)) !== opened.sha256': 'of a file that its sender has',
};

interface Comparison {
  readonly file: string;
  readonly text: string;
}

/** Comparisons of what is called like a secret. */
function comparisonsIn(file: string, source: string): Comparison[] {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX);
  const found: Comparison[] = [];
  const isSecret = (node: ts.Node): boolean => secret.test(node.getText()) && !/\.length$/.test(node.getText());
  const visit = (node: ts.Node): void => {
    if (ts.isBinaryExpression(node) && comparing.has(node.operatorToken.kind)) {
      const sides = [node.left, node.right];
      const isTelling = !sides.some((side) => harmless.test(side.getText()) || ts.isTypeOfExpression(side));
      if (isTelling && sides.some(isSecret)) found.push({ file, text: node.getText() });
    }
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      const { name, expression } = node.expression;
      const isTelling = comparingMethods.includes(name.text) && node.arguments.length > 0;
      if (isTelling && [expression, ...node.arguments].some(isSecret)) found.push({ file, text: node.getText() });
    }
    if (ts.isSwitchStatement(node) && isSecret(node.expression)) found.push({ file, text: node.expression.getText() });
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

const sourcesBelow = (folder: string, ending: RegExp): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.includes('node_modules') && !file.includes('/dist/'));

describe('a comparison of a secret', () => {
  const files = [...sourcesBelow('src', /\.tsx?$/), ...sourcesBelow('packages', /\.ts$/)];

  it('is written nowhere but where it takes the same time whatever is right', () => {
    expect(files.length).toBeGreaterThan(150);
    const found = files.flatMap((file) => comparisonsIn(file, readFileSync(file, 'utf8')));
    const unknown = found.map(({ file, text }) => `${file}: ${text}`).filter((line) => known[line] === undefined);
    expect(unknown).toEqual([]);
    for (const line of Object.keys(known)) expect(found.map(({ file, text }) => `${file}: ${text}`)).toContain(line);
  });

  it.each([
    'if (row.login?.state !== state) return null;',
    'return apiKey === given;',
    'return session.csrfSecret == body.csrf;',
    'const is = tokens.includes(token);',
    'return Buffer.from(signature).equals(expected);',
    'switch (token) { case given: return 1; }',
    'return given.startsWith(password);',
  ])('would be found: %s', (source) => {
    expect(comparisonsIn('x.ts', source).length).toBe(1);
  });

  it.each([
    'if (token === null) return;',
    "return typeof secret === 'string';",
    'return token.length === 0;',
    'return a === b;',
  ])('and this is none: %s', (source) => {
    expect(comparisonsIn('x.ts', source)).toEqual([]);
  });

  it('in constant time is imported in that one place', () => {
    const using = files.filter((file) => /timingSafeEqual/.test(readFileSync(file, 'utf8')));
    expect(using).toEqual(['src/api/auth/sameSecret.ts']);
  });

  it('in SQL is a look-up by a hash', () => {
    const compared = [...sourcesBelow('src', /\.(sql|tsx?)$/)].flatMap((file) =>
      [
        ...readFileSync(file, 'utf8').matchAll(
          /\b(?:WHERE|AND|OR|ON)\s+[\w.]*(?:secret|token|password|csrf|sealed)\s*=/gi,
        ),
      ].map(([text]) => `${file}: ${text}`),
    );
    expect(compared).toEqual([]);
  });
});

describe('what is the same', () => {
  it.each([
    ['abc', 'abc', true],
    ['abc', 'abd', false],
    ['ab', 'abc', false],
    ['abcd', 'abc', false],
    ['', 'abc', false],
    [undefined, 'abc', false],
    [['abc'], 'abc', false],
    [{ toString: () => 'abc' }, 'abc', false],
    [null, '', false],
  ])('%j and %j: %j', (given, right, same) => {
    expect(isSameSecret(given, right)).toBe(same);
  });
});
