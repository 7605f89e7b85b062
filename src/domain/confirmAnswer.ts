/**
 * What an answer to the pivot call means: the table of design.md, section 2, in its order, one test a row.
 * `ambiguousBefore` says that an earlier attempt of the same operation may have reached Invoicebox:
 * from then on a refusal proves nothing, because the contract is silent about repeats (section 3).
 */

export interface RefusalField {
  readonly name: string;
  readonly code: string;
  readonly message: string;
}

/** What came back from Invoicebox, as facts; `requestId` is its X-Request-Id where one was received. */
export type ConfirmAnswer = { readonly requestId?: string | undefined } & (
  | { readonly kind: 'not_sent'; readonly detail: string }
  | { readonly kind: 'no_answer'; readonly detail: string }
  | { readonly kind: 'redirect'; readonly httpStatus: number }
  | {
      readonly kind: 'unreadable';
      readonly httpStatus: number;
      readonly detail: string;
      readonly retryAfterMs?: number | undefined;
    }
  | {
      readonly kind: 'answer';
      readonly httpStatus: number;
      readonly retryAfterMs?: number | undefined;
      readonly body:
        | {
            readonly kind: 'success';
            readonly partnerOperationId: string | null;
            readonly transactionId: string | null;
          }
        | {
            readonly kind: 'refusal';
            readonly code: string;
            readonly message: string;
            readonly fields: readonly RefusalField[];
          }
        | { readonly kind: 'other' };
    }
);

export type ConfirmMeaning =
  | { readonly kind: 'paid'; readonly transactionId: string; readonly code: 'paid' }
  | {
      readonly kind: 'not_executed';
      readonly pace: 'soon' | 'over_a_day';
      readonly retryAfterMs: number | null;
      readonly code: string;
    }
  | { readonly kind: 'credentials'; readonly code: string }
  | { readonly kind: 'paid_elsewhere'; readonly code: string }
  | { readonly kind: 'status_says_why'; readonly code: string }
  | { readonly kind: 'refused'; readonly code: string; readonly wantOfMoney: boolean }
  | { readonly kind: 'unknown'; readonly code: string }
  /** Already paid, after an attempt that may have paid it: a person has to look. */
  | { readonly kind: 'maybe_ours'; readonly code: string }
  /** Any other refusal after an ambiguous attempt. */
  | { readonly kind: 'proves_nothing'; readonly code: string };

/** How the ledger remembers an attempt. Only `not_executed` and `refused` allow a release. */
export type AttemptClass = 'paid' | 'not_executed' | 'refused' | 'unknown';

const unknownStatuses = new Set([408, 409, 423, 424]);
const alreadyPaidCodes = new Set(['invoice_already_paid', 'alreadyPaid', 'order_already_paid']);
const credentialsCodes = new Set(['unauthorized', 'forbidden', 'signature_error']);
export const wantOfMoneyCodes: readonly string[] = ['notEnoughMoney', 'not_enough_money', 'limitReached'];

export function meaningOf(answer: ConfirmAnswer, ourOperationId: string, ambiguousBefore: boolean): ConfirmMeaning {
  switch (answer.kind) {
    case 'not_sent':
      return { kind: 'not_executed', pace: 'soon', retryAfterMs: null, code: answer.detail };
    case 'no_answer':
      return { kind: 'unknown', code: answer.detail };
    case 'redirect':
      return { kind: 'unknown', code: `http_${answer.httpStatus}` };
    case 'unreadable':
      // The body of a 429 is silent in the contract (section 1) and usually a proxy's page: the status alone decides.
      return isTurnedAway(answer.httpStatus)
        ? {
            kind: 'not_executed',
            pace: 'soon',
            retryAfterMs: answer.retryAfterMs ?? null,
            code: `http_${answer.httpStatus}`,
          }
        : { kind: 'unknown', code: answer.detail };
    case 'answer':
      return meaningOfHttpAnswer(answer, ourOperationId, ambiguousBefore);
  }
}

function meaningOfHttpAnswer(
  answer: ConfirmAnswer & { kind: 'answer' },
  ourOperationId: string,
  ambiguousBefore: boolean,
): ConfirmMeaning {
  const { httpStatus, body } = answer;
  const retryAfterMs = answer.retryAfterMs ?? null;
  const httpCode = `http_${httpStatus}`;

  if (unknownStatuses.has(httpStatus) || httpStatus >= 500) return { kind: 'unknown', code: httpCode };
  if (isTurnedAway(httpStatus)) return { kind: 'not_executed', pace: 'soon', retryAfterMs, code: httpCode };
  const is2xx = httpStatus >= 200 && httpStatus < 300;
  const is4xx = httpStatus >= 400;
  if (!is2xx && !is4xx) return { kind: 'unknown', code: httpCode };

  switch (body.kind) {
    case 'other':
      return { kind: 'unknown', code: httpCode };
    case 'success':
      return is2xx && body.partnerOperationId === ourOperationId && body.transactionId !== null
        ? { kind: 'paid', transactionId: body.transactionId, code: 'paid' }
        : { kind: 'unknown', code: 'unproven_success' };
    case 'refusal':
      if (body.code === 'out_of_service') {
        return { kind: 'not_executed', pace: 'over_a_day', retryAfterMs, code: body.code };
      }
      return ambiguousBefore ? meaningOfRefusalAfterAmbiguity(body.code) : meaningOfRefusal(body.code, httpStatus);
  }
}

function meaningOfRefusal(code: string, httpStatus: number): ConfirmMeaning {
  if (httpStatus === 401 || httpStatus === 403) return { kind: 'credentials', code };
  return meaningOfRefusalCode(code);
}

/** A definite refusal by its code alone, as the ledger keeps it; `refused` where its HTTP status said more. */
export function meaningOfRefusalCode(
  code: string,
): ConfirmMeaning & { kind: 'credentials' | 'paid_elsewhere' | 'status_says_why' | 'refused' } {
  if (credentialsCodes.has(code)) return { kind: 'credentials', code };
  if (alreadyPaidCodes.has(code)) return { kind: 'paid_elsewhere', code };
  if (code === 'wrong_order_status') return { kind: 'status_says_why', code };
  return { kind: 'refused', code, wantOfMoney: wantOfMoneyCodes.includes(code) };
}

function meaningOfRefusalAfterAmbiguity(code: string): ConfirmMeaning {
  return alreadyPaidCodes.has(code) ? { kind: 'maybe_ours', code } : { kind: 'proves_nothing', code };
}

function isTurnedAway(httpStatus: number): boolean {
  return httpStatus === 429 || httpStatus === 425;
}

export function attemptClassOf(meaning: ConfirmMeaning): AttemptClass {
  switch (meaning.kind) {
    case 'paid':
      return 'paid';
    case 'not_executed':
      return 'not_executed';
    case 'credentials':
    case 'paid_elsewhere':
    case 'status_says_why':
    case 'refused':
      return 'refused';
    case 'unknown':
    case 'maybe_ours':
    case 'proves_nothing':
      return 'unknown';
  }
}
