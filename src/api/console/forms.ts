/** What a form of the console has sent, or a page's address asks for; what cannot be read stops with words. */
import { z } from 'zod';
import { words } from '../validate.js';
import { ConsoleStop } from './consoleStop.js';

/** Throws ConsoleStop invalid, in words of the fields. */
export function formOf<T>(schema: z.ZodType<T>, body: unknown): T {
  return readAs(schema, body, 'The form');
}

/** An empty field of a filter is none. Throws ConsoleStop invalid. */
export function filtersOf<T>(schema: z.ZodType<T>, query: unknown): T {
  const given = Object.entries(typeof query === 'object' && query !== null ? query : {});
  return readAs(schema, Object.fromEntries(given.filter(([, value]) => value !== '')), 'The address');
}

/** An id in an address. Throws ConsoleStop not_found for what is none. */
export function idOf(text: string): string {
  if (!/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(text)) throw new ConsoleStop('not_found');
  return text.toLowerCase();
}

function readAs<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.slice(0, 5).map(({ path, message }) => `${path.map(String).join('.')} ${message}`);
  throw new ConsoleStop('invalid', `${what} cannot be read: ${wrong.join('; ')}.`.slice(0, 500));
}

/** What `Evidence` asks for. */
export const evidence = (reasons: readonly (readonly [string, string])[]) => ({
  reason: z.enum(reasons.map(([key]) => key) as [string, ...string[]], 'is one of the list'),
  // Of several lines: they come with the line ends of browsers.
  comment: z
    .string('is missing')
    .transform((text) => text.replace(/\s+/g, ' ').trim())
    .pipe(words(1_000).min(3, 'is too short')),
  reference: z
    .string('is missing')
    .transform((text) => text.trim())
    .pipe(words(200).min(1, 'is missing')),
});

export interface GivenEvidence {
  readonly reason: string;
  readonly comment: string;
  readonly reference: string;
}

/** In one line, as the ledger keeps it beside what was done. */
export const said = ({ reason, comment, reference }: GivenEvidence): string => `${reason}: ${comment} (${reference})`;

/** A number of a form, as a browser sends it: digits. */
export const versionField = z
  .string()
  .regex(/^\d{1,15}$/, 'is missing')
  .transform(Number);
