import { z } from 'zod';
import { Problem } from './problem.js';

/** Validates input at the border; the problem names the field and the rule, never the value, which may be personal. */
export function validate<T>(schema: z.ZodType<T>, value: unknown, where = 'The request'): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map((issue) => ({
    field: issue.path.join('.') || '(whole)',
    problem:
      issue.code === 'unrecognized_keys'
        ? `unknown field: ${issue.keys.slice(0, 5).join(', ').slice(0, 200)}`
        : issue.message,
  }));
  throw new Problem('invalid_request', `${where} is not valid; nothing was called and nothing was changed.`, {
    fields,
  });
}

/** A partner's name for a member: NFC, trimmed, no invisible characters. */
export const externalId = z
  .string()
  .min(1)
  .max(200)
  .refine((text) => text.isWellFormed() && !/\p{C}/u.test(text), 'has invisible characters')
  .transform((text) => text.normalize('NFC').trim());
