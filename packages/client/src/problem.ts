/** What goes wrong, in two kinds: Surety has said so, or nobody has said anything. */
import type { components } from './schema.js';

type Schemas = components['schemas'];

/** The codes of this release. Others may come: what is unknown is to be judged by its status. */
export type ProblemCode = Schemas['Problem']['code'];

export interface InvalidField {
  readonly field: string;
  readonly problem: string;
  /** The kind of what was given, never its content. */
  readonly given: string;
}

type Body = Readonly<Record<string, unknown>>;

/** Surety's answer that it did not do it: RFC 9457. The page of each code is at `/docs/problems/<code>`. */
export class SuretyProblem extends Error {
  override readonly name = 'SuretyProblem';
  /** `no_problem`: the answer was none of Surety's, some proxy's for example. */
  readonly code: ProblemCode | 'no_problem' | (string & {});
  /** What was left untouched, in words. */
  readonly detail: string | null;
  /** Finds the request in Surety's logs. */
  readonly requestId: string | null;
  /** Of `invalid_request`: each field with the rule that it breaks. */
  readonly fields: readonly InvalidField[];
  /** Of `conflict`: why, as a code. */
  readonly refusal: string | null;
  /** Of a `conflict` about a payment: its true state. */
  readonly payment: Schemas['Payment'] | null;
  /** Everything that the answer says. */
  readonly body: Body;

  constructor(
    readonly status: number,
    answer: unknown,
    /** The key of the call, null where it had none. */
    readonly idempotencyKey: string | null,
    /** What Retry-After asks for; null where it does not. */
    readonly retryAfterMs: number | null,
  ) {
    const body: Body = isObject(answer) ? { ...answer } : {};
    const code = textOr(body['code'], 'no_problem');
    const detail = textOr(body['detail'], null);
    super(`${status} ${code}: ${detail ?? textOr(body['title'], 'the answer is no problem+json')}`);
    this.code = code;
    this.detail = detail;
    this.requestId = textOr(body['requestId'], null);
    this.fields = Array.isArray(body['fields']) ? (body['fields'] as InvalidField[]) : [];
    this.refusal = textOr(body['refusal'], null);
    this.payment = isObject(body['payment']) ? (body['payment'] as Schemas['Payment']) : null;
    this.body = body;
  }
}

/**
 * No answer came in the time and number of attempts allowed. Whether it was done is not known: never tell a buyer "failed".
 * Repeating it with `idempotencyKey` is safe.
 */
export class SuretyUnreachable extends Error {
  override readonly name = 'SuretyUnreachable';

  constructor(
    readonly attempts: number,
    readonly idempotencyKey: string | null,
    cause: unknown,
  ) {
    super(`No answer of Surety's in ${attempts} attempt${attempts === 1 ? '' : 's'}: ${wordsOf(cause)}`, { cause });
  }
}

/** Whether it is Surety's own "no", with this code where one is named. */
export const isProblem = (error: unknown, code?: ProblemCode): error is SuretyProblem =>
  error instanceof SuretyProblem && (code === undefined || error.code === code);

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const textOr = <Otherwise>(value: unknown, otherwise: Otherwise): string | Otherwise =>
  typeof value === 'string' ? value : otherwise;

/** undici says "fetch failed" and keeps the reason in the cause. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
