/** Validation at the border: what is wrong is told by field, rule and kind of what was given, never by its content. */
import { Injectable, type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import { z } from 'zod';
import { Problem } from './problem.js';

export interface InvalidField {
  readonly field: string;
  readonly problem: string;
  /** The kind of what was given: its content may be personal. */
  readonly given: string;
}

export const invalidFields = (where: string, fields: readonly InvalidField[]): Problem =>
  new Problem('invalid_request', `${where} is not valid; nothing was called and nothing was changed.`, { fields });

export const invalidField = (field: string, problem: string, given: string): Problem =>
  invalidFields('The request', [{ field, problem, given }]);

const mostFieldsTold = 20;

/** Throws Problem invalid_request. */
export function validate<T>(schema: z.ZodType<T>, value: unknown, where = 'The request'): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalidFields(
    where,
    parsed.error.issues.slice(0, mostFieldsTold).map((issue) => ({
      field: issue.path.map(String).join('.').slice(0, 200) || '(whole)',
      problem:
        issue.code === 'unrecognized_keys'
          ? `unknown field: ${issue.keys.slice(0, 5).join(', ').slice(0, 200)}`
          : issue.message,
      given: kindOf(valueAt(value, issue.path)),
    })),
  );
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined),
    value,
  );
}

export function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'string') return `text of ${value.length} characters`;
  if (typeof value === 'number') return 'a number';
  return typeof value === 'boolean' ? 'true or false' : 'an object';
}

/** Applies the schema that stands at a handler's parameter: `@Body({ schema })`, `@Query({ schema })`, `@Param('id', { schema })`. */
@Injectable()
export class BorderPipe implements PipeTransform {
  transform(value: unknown, { schema, type, data }: ArgumentMetadata): unknown {
    if (!(schema instanceof z.ZodType)) return value;
    switch (type) {
      case 'body':
        return validate(schema, value, 'The body');
      case 'query':
        return validate(schema, value ?? {}, 'The query');
      case 'param':
      case 'custom':
        // By its name, as the fields of a body are.
        return data === undefined
          ? validate(schema, value)
          : validate(z.object({ [data]: schema }), { [data]: value }, 'The address')[data];
    }
  }
}

/** A whole number in a query: digits alone, once. */
export const queryInteger = (least: number, most: number) =>
  z.preprocess(
    (text) => (typeof text === 'string' && /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : text),
    z.int().min(least).max(most),
  );

export const queryFlag = z.enum(['true', 'false']).transform((text) => text === 'true');

/** One value or several, `?state=paid&state=declined`. */
export const queryList = <T extends z.ZodType>(item: T, most: number) =>
  z.preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(item).min(1).max(most));

/** Text that a person may have written: no control or invisible characters. */
export const words = (longest: number) =>
  z
    .string()
    .max(longest)
    .refine((text) => text.isWellFormed() && !/\p{C}/u.test(text), 'has invisible characters');

/** A partner's name for a member: NFC, trimmed, no invisible characters. */
export const externalId = words(200)
  .min(1)
  .transform((text) => text.normalize('NFC').trim())
  .refine((text) => text.length > 0 && text.length <= 200, 'must have 1 to 200 characters')
  .meta({ description: 'The programme’s own name for the member; compared after NFC and trimming' });

export const anyUuid = z
  .string()
  .regex(/^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$/, 'is not an id (8-4-4-4-12 hex)')
  .meta({ format: 'uuid' })
  .transform((id) => id.toLowerCase());

/** A partner's name for one of its own acts: booked once. */
export const reference = z
  .string()
  .regex(/^[\x21-\x7e]{1,100}$/, 'must be 1 to 100 visible ASCII characters without spaces');

/** Three letters, as banks write it. */
export const currency = z.string().regex(/^[A-Z]{3}$/, 'must be a currency of three capital letters');

/** Of one credit: so few that no sum of them leaves the safe integers. */
export const points = z.int().min(1).max(1e9);

/** A day of the calendar, in the programme's zone. Postgres has no year 0. */
export const day = z.iso.date().refine((text) => !text.startsWith('0000'), 'must be of the years 1 to 9999');
export const instant = z.iso.datetime({ offset: true });

/**
 * A moment that somebody gives, in UTC: Postgres knows no offset past ±15:59, which ISO 8601 can write, and beyond these
 * years neither it nor ISO 8601 writes four digits.
 */
export const moment = instant
  .refine((text) => {
    const year = new Date(text).getUTCFullYear();
    return year >= 1 && year <= 9999;
  }, 'must be of the years 1 to 9999')
  .transform((text) => new Date(text).toISOString());
