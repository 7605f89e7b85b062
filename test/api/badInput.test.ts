/** Every endpoint of docs/openapi.json with bad input: a 4xx with a code that names the field, and nothing was changed. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { everything } from '../support/everything.js';
import { operations, resolved, withLabel, type Operation, type Schema } from '../support/operations.js';
import { problemOf, send, type ProblemAnswer } from '../support/rawHttp.js';
import { World } from '../support/world.js';

/** What nobody may find in an answer or a log. */
const personal = 'Иванов +79001234567';

let world: World;
let id: string;
let before: Record<string, string>;
beforeAll(async () => {
  world = await World.open({ environment: { SURETY_KEY_REQUESTS_PER_SECOND: '10000' } });
  const invoice = await world.invoice();
  ({ id } = (await world.open(invoice.id)).body);
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});
beforeEach(async () => {
  before = await everything(world.surety.admin);
});
afterEach(async () => {
  expect(await everything(world.surety.admin)).toEqual(before);
});

const pathOf = ({ path }: Operation, value = id): string => path.replaceAll(/\{[^}]+\}/g, value);

async function refused(
  operation: Operation,
  body: string | Buffer,
  change: { path?: string; headers?: Record<string, string> } = {},
): Promise<ProblemAnswer> {
  const headers: Record<string, string> = {
    authorization: `Bearer ${world.keys.loyalty}`,
    ...(operation.isIdempotent ? { 'idempotency-key': randomUUID() } : {}),
    ...(operation.body === null ? {} : { 'content-type': 'application/json' }),
    ...change.headers,
  };
  return problemOf(await send(world.surety.apiUrl, operation.method, change.path ?? pathOf(operation), headers, body));
}

/** A batch names up to 100,000 invoices. */
const mostOf = ({ label }: Operation): number => (label === 'POST /v1/payment-batches' ? 5 * 1024 ** 2 : 64 * 1024);

const bodied = withLabel(operations.filter(({ body }) => body !== null));
const bodiless = withLabel(operations.filter(({ body, streams }) => body === null && streams.length === 0));

describe.each(bodied)('%s', (_, operation) => {
  it.each([
    ['null', 'null', 'null'],
    ['a list', '[]', 'a list of 0'],
    ['text', '"x"', 'text of 1 characters'],
    ['a number', '5', 'a number'],
  ])('refuses a body that is %s', async (_kind, body, given) => {
    const { status, code, fields } = await refused(operation, body);
    expect([status, code]).toEqual([422, 'invalid_request']);
    expect(fields).toContainEqual(expect.objectContaining({ field: '(whole)', given }));
  });

  it.each([
    ['an unknown field', '{"surprise":1}', 'surprise'],
    ['constructor', '{"constructor":{"prototype":1}}', 'constructor'],
    ['__proto__', '{"__proto__":{"admin":true}}', '__proto__'],
    ['a key that stands twice', '{"surprise":1,"surprise":1}', 'stands twice'],
    ['a fraction', '{"surprise":1.5}', 'surprise'],
    ['a fraction of zero', '{"surprise":1.0}', 'surprise'],
    ['an exponent', '{"surprise":1e2}', 'surprise'],
    ['minus zero', '{"surprise":-0}', 'surprise'],
    ['a number past 2^53', '{"surprise":9007199254740993}', 'surprise'],
    ['half of a surrogate pair', '{"surprise":"\\ud800"}', 'surprise'],
    ['NUL', '{"surprise":"\\u0000"}', 'surprise'],
    ['NUL in a key', '{"sur\\u0000prise":1}', 'key'],
    ['17 levels', `{"a":${'['.repeat(17)}${']'.repeat(17)}}`, 'deeper'],
    ['30 000 levels', '['.repeat(30_000) + ']'.repeat(30_000), 'deeper'],
  ])('refuses %s by name', async (_kind, body, name) => {
    const answer = await refused(operation, body);
    expect([answer.status, answer.code]).toEqual([422, 'invalid_request']);
    expect(JSON.stringify(answer.fields)).toContain(name);
  });

  it.each([
    ['half a body', '{"a":', {}, [400, 'malformed_json']],
    ['two values', '{} {}', {}, [400, 'malformed_json']],
    ['a comment', '{/* */}', {}, [400, 'malformed_json']],
    ['bytes that are no UTF-8', Buffer.from('7b2261223a22ff227d', 'hex'), {}, [400, 'malformed_json']],
    ['more than it takes', `{"a":"${'x'.repeat(mostOf(operation))}"}`, {}, [413, 'body_too_large']],
    ['a form', 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }, [415, 'unsupported_media_type']],
    ['text', '{}', { 'content-type': 'text/plain' }, [415, 'unsupported_media_type']],
    ['no type', '{}', { 'content-type': '' }, [415, 'unsupported_media_type']],
    ['koi8-r', '{}', { 'content-type': 'application/json; charset=koi8-r' }, [415, 'unsupported_media_type']],
    ['an unknown encoding', '{}', { 'content-encoding': 'zip' }, [415, 'unsupported_media_type']],
  ])('does not read %s', async (_kind, body, headers, expected) => {
    const answer = await refused(operation, body, { headers });
    expect([answer.status, answer.code]).toEqual(expected);
  });

  it('names each field of a wrong kind, and never says what was in it', async () => {
    for (const { path, schema } of fieldsOf(operation.body ?? {})) {
      for (const value of wrongValues(schema)) {
        const answer = await refused(operation, bodyWith(path, value));
        const named = answer.fields.filter(({ field }) => path.join('.').startsWith(field) || field === '(whole)');
        expect([answer.code, path, value, named.length > 0]).toEqual(['invalid_request', path, value, true]);
        expect(answer.text).not.toContain('Иванов');
      }
    }
  });
});

it.each(bodied.filter(([, { body }]) => body?.required !== undefined))(
  '%s needs a body: one of its fields must be there',
  async (_, operation) => {
    expect((await refused(operation, '')).fields).toContainEqual(expect.objectContaining({ given: 'nothing' }));
  },
);

describe.each(bodiless)('%s', (_, operation) => {
  it('refuses a body by the names of its fields', async () => {
    const headers = { 'content-type': 'application/json' };
    expect((await refused(operation, '{"surprise":1}', { headers })).fields).toMatchObject([{ field: 'surprise' }]);
    expect((await refused(operation, '[1]', { headers })).fields).toMatchObject([{ field: '(whole)' }]);
    expect((await refused(operation, 'a=1', { headers: { 'content-type': 'text/plain' } })).status).toBe(415);
  });
});

it.each(withLabel(operations))(
  '%s refuses unknown parameters of the query by name, and what is given twice',
  async (_, operation) => {
    for (const query of ['surprise=1', '__proto__=1', 'constructor=1', 'surprise', '%00=1']) {
      const answer = await refused(operation, '', { path: `${pathOf(operation)}?${query}` });
      expect(answer.code).toBe('invalid_request');
      expect(answer.text).toContain(query === '%00=1' ? '\\u0000' : query.split('=')[0]);
    }
    for (const { name, schema } of operation.parameters.filter((parameter) => parameter.in === 'query')) {
      const twice = resolved(schema).type === 'array' ? 'x' : '1';
      const answer = await refused(operation, '', { path: `${pathOf(operation)}?${name}=${twice}&${name}=2` });
      expect(answer.fields.map(({ field }) => field.split('.')[0])).toContain(name);
    }
  },
);

it.each(withLabel(operations.filter(({ path }) => path.includes('{'))))(
  '[case typeorm#9316] %s finds nothing by an id that is missing, empty or nonsense',
  async (_, operation) => {
    const body = operation.body === null ? '' : '{}';
    const nonsense = ['null', 'undefined', '%00', '%20', '..%2f..', '%E0%A4%A', "'--", 'x'.repeat(5_000), `${id}x`];
    for (const text of nonsense) {
      expect([400, 404, 422]).toContain((await refused(operation, body, { path: pathOf(operation, text) })).status);
    }
    expect((await refused(operation, body, { path: pathOf(operation, '') })).code).toBe('not_found');
  },
);

/** Fields and fields of fields, of objects alone. */
function fieldsOf(schema: Schema, path: readonly string[] = []): { path: readonly string[]; schema: Schema }[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const of = resolved(property);
    return [{ path: [...path, name], schema: of }, ...fieldsOf(of, [...path, name])];
  });
}

/** As text of JSON, so that numbers are written as they are meant. */
function wrongValues(schema: Schema): string[] {
  const never = ['"\\u0000"', '"\\udfff"', '1e3'];
  switch (schema.type) {
    case 'integer':
      return [
        ...never,
        ...['"100"', 'true', '[5]', '""', '1.5', '9007199254740993', `"${personal}"`],
        // Of what may be below zero: below its least.
        String(Math.min(-1, (schema.minimum ?? 0) - 1)),
      ];
    case 'string':
      return [
        ...never,
        ...['5', 'true', '{}', '["x"]'],
        ...(schema.nullable === true ? [] : ['null']),
        ...(schema.maxLength === undefined ? [] : [`"${personal}${'x'.repeat(schema.maxLength)}"`]),
        ...(isFree(schema) ? [`"${personal}\\u200b"`] : [`"${personal}"`]),
      ];
    case 'array':
    case 'object':
      return [...never, `"${personal}"`, '5', 'true'];
    case undefined:
    default:
      return never;
  }
}

/** Whatever a person may have written. */
const isFree = ({ pattern, format, enum: values }: Schema): boolean =>
  pattern === undefined && format === undefined && values === undefined;

const bodyWith = (path: readonly string[], value: string): string =>
  path.reduceRight((inner, name) => `{${JSON.stringify(name)}:${inner}}`, value);
