/**
 * Where text could become a language: SQL, Temporal's queries, markup, commands. What the sources are made of, so that nobody's
 * text can get there; what happens to such text in a running Surety is in canaries.test.ts.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';

const sources = readdirSync('src', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
  .map((entry) => join(entry.parentPath, entry.name));
const textOf = (file: string): string => readFileSync(file, 'utf8');

const looksLikeSql = /\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|FROM|WHERE|ALTER|CREATE|GRANT|SET LOCAL)\b/;
/** Names of what comes from outside, or has it in it. */
const outside = /request|query|body|params?\b|filters?\b|given|form\b|cookie|header|search|text\b/i;
/** Each with why. */
const known: Readonly<Record<string, string>> = {
  'script.sql': 'a file of ours (migrate.ts)',
  'client.escapeLiteral(password)': 'escaped; of the environment (migrate.ts)',
  'isIn[state]': 'conditions of ours, by a state of the list (approvalReads.ts)',
};

/** Whether an expression is a name of ours, a number more, or a choice between texts of ours. */
function isOurs(node: ts.Expression): boolean {
  if (known[node.getText()] !== undefined) return true;
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node) || ts.isNumericLiteral(node)) return true;
  if (ts.isIdentifier(node)) return !outside.test(node.text);
  if (ts.isBinaryExpression(node)) return isOurs(node.left) && isOurs(node.right);
  if (ts.isConditionalExpression(node)) return isOurs(node.whenTrue) && isOurs(node.whenFalse);
  if (ts.isTemplateExpression(node)) return node.templateSpans.every(({ expression }) => isOurs(expression));
  return false;
}

/** What is put into a text of SQL and is not known to be ours. */
function foreignIn(file: string, source: string): string[] {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isTemplateExpression(node)) {
      const words = [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join(' ');
      if (looksLikeSql.test(words))
        for (const { expression } of node.templateSpans)
          if (!isOurs(expression)) found.push(`${file}: ${expression.getText()}`);
    }
    if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
      const sides = [node.left, node.right];
      if (sides.some((side) => ts.isStringLiteral(side) && looksLikeSql.test(side.text)))
        found.push(`${file}: ${node.getText()}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

describe('SQL', () => {
  it('is made of our own pieces: whatever somebody has sent is a parameter', () => {
    expect(sources.length).toBeGreaterThan(150);
    expect(sources.flatMap((file) => foreignIn(file, textOf(file)))).toEqual([]);
  });

  it.each([
    'pool.query(`SELECT * FROM member WHERE external_id = ${request.query.id}`)',
    'pool.query(`SELECT * FROM member WHERE external_id = ${externalIdOf(caller)}`)',
    'pool.query(`SELECT * FROM member ORDER BY ${query}`)',
    "pool.query('SELECT * FROM member WHERE id = ' + id)",
    "pool.query(`DELETE FROM member ${isAll ? '' : given.where}`)",
  ])('would be found: %s', (source) => {
    expect(foreignIn('x.ts', source).length).toBe(1);
  });

  it.each(['pool.query(`SELECT ${columns} FROM member LIMIT ${most + 1}`)', 'const words = `to ${given.name}`;'])(
    'and this is none: %s',
    (source) => {
      expect(foreignIn('x.ts', source)).toEqual([]);
    },
  );

  it('in the ledger’s functions is run as it stands: none is put together', () => {
    const folder = 'src/ledger/sql';
    const dynamic = readdirSync(folder).filter((file) =>
      /\bEXECUTE\s+(format|'|p_|v_)/i.test(textOf(join(folder, file))),
    );
    expect(dynamic).toEqual([]);
  });
});

describe('other languages', () => {
  it('Temporal’s lists are asked by nobody but a recovery and who sees that one is due, for times of their own', () => {
    const asking = sources.filter((file) => /workflow\.(list|count)\(|ListWorkflowExecutions/i.test(textOf(file)));
    expect(asking.length).toBeGreaterThan(0);
    const mayAsk = (file: string) => file.startsWith('src/recovery/') || file === 'src/activities/forgotten.ts';
    expect(asking.filter((file) => !mayAsk(file))).toEqual([]);
  });

  it('no markup is taken as it is, no text is run, no command is started', () => {
    const found = sources.filter((file) =>
      /dangerouslySetInnerHTML|\beval\(|new Function\(|node:vm|child_process|\.innerHTML\s*=/.test(textOf(file)),
    );
    expect(found).toEqual([]);
    for (const script of [
      'src/api/pay/assets/pay.js',
      'src/api/console/assets/console.js',
      'src/api/console/assets/charts.js',
    ])
      expect([script, /\beval\(|innerHTML\s*=[^=]|document\.write|insertAdjacentHTML/.test(textOf(script))]).toEqual([
        script,
        false,
      ]);
  });
});
