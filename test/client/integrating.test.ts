/** docs/integrating.md says what the code says: its codes, operations, events and scopes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { repository } from '../../scripts/stack.js';
import { scopes } from '../../src/api/auth/apiKeys.js';
import { listenableTypes } from '../../src/api/events/eventSchemas.js';
import { problems } from '../../src/api/problem.js';
import { paymentStates } from '../../src/domain/payment.js';

const read = (name: string): string => readFileSync(join(repository, name), 'utf8');
const guide = read('docs/integrating.md');

/** The lines of a Markdown table by its first words, without its head. */
const rowsOf = (head: string): string[] => {
  const [, after = ''] = guide.split(`\n${head}`);
  return (after.split('\n\n')[0] ?? '').split('\n').slice(2);
};

describe('docs/integrating.md', () => {
  it('has each code of an error with its status and title, and no other', () => {
    const rows = Object.entries(problems).map(([code, { status, title }]) => `| \`${code}\` | ${status} | ${title} |`);
    expect(rowsOf('| code | status |')).toEqual(rows);
  });

  it('names no operation that there is not', () => {
    const { paths } = JSON.parse(read('docs/openapi.json')) as { paths: Record<string, Record<string, unknown>> };
    const known = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const named = [...guide.matchAll(/`((?:GET|POST|PUT|PATCH|DELETE) \/v1\/[\w/{}-]+)/g)].map(
      ([, operation]) => operation,
    );
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((operation) => !known.includes(operation ?? ''))).toEqual([]);
  });

  it.each([
    ['event', '| type | when |', listenableTypes],
    ['state', '| state | means |', paymentStates],
  ])('explains each %s', (_, head, words) => {
    const explained = rowsOf(head).flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([\w.]+)`/g)]);
    expect(explained.map(([, word]) => word).sort()).toEqual([...words].sort());
  });

  it('names each scope', () => {
    for (const scope of scopes) expect(guide).toContain(`\`${scope}\``);
  });
});
