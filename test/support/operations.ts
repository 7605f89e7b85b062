/** The API's operations, read from docs/openapi.json, so that a test over all of them finds a new one by itself. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../../scripts/stack.js';

export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly nullable?: boolean;
  readonly format?: string;
  readonly pattern?: string;
  readonly enum?: readonly unknown[];
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly required?: readonly string[];
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema: Schema;
}

interface OperationObject {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<Record<string, unknown>>;
  readonly 'x-scope': string;
}

export interface Operation {
  readonly label: string;
  readonly method: string;
  readonly path: string;
  /** A scope, several of which one is enough (`… or …`), or `every`. */
  readonly scope: string;
  readonly parameters: readonly Parameter[];
  readonly isIdempotent: boolean;
  /** Of a body in JSON. */
  readonly body: Schema | null;
  /** Of a body of another type. */
  readonly streams: readonly string[];
  readonly statuses: readonly string[];
}

const document = JSON.parse(readFileSync(join(repository, 'docs/openapi.json'), 'utf8')) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};

/** A schema itself, where it is only named. */
export function resolved(schema: Schema): Schema {
  const name = schema.$ref?.split('/').at(-1);
  return name === undefined ? schema : (document.components.schemas[name] ?? {});
}

export const operations: readonly Operation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => {
    const content = operation.requestBody?.content ?? {};
    const json = content['application/json'];
    const parameters = operation.parameters ?? [];
    return {
      label: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path,
      scope: operation['x-scope'],
      parameters,
      isIdempotent: parameters.some(({ name }) => name === 'Idempotency-Key'),
      body: json === undefined ? null : resolved(json.schema),
      streams: Object.keys(content).filter((type) => type !== 'application/json'),
      statuses: Object.keys(operation.responses),
    };
  }),
);

export const withLabel = (list: readonly Operation[]): [string, Operation][] =>
  list.map((operation) => [operation.label, operation]);
