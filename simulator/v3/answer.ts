import type { Effect } from '../requestLog.js';

/** What the API says, before it is put on the wire. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly effect: Effect;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FieldError {
  readonly name: string;
  readonly code: string;
  readonly message: string;
}

/** The documented shape of a failure (contract, section 1). */
export function errorBody(code: string | undefined, message: string, fields: readonly FieldError[] = []): unknown {
  return { error: { message, code, fields } };
}

export function refusal(status: number, code: string, message: string, fields: readonly FieldError[] = []): Answer {
  return { status, body: errorBody(code, message, fields), effect: 'refused' };
}

export const unauthorized = refusal(401, 'unauthorized', 'Не авторизован');
export const invoiceNotFound = refusal(404, 'not_found', 'Счёт не найден');
/** The contract is silent about the body of a 429 (section 1): usually there is no code. */
export function tooManyRequests(retryAfter: string | undefined): Answer {
  return {
    status: 429,
    body: errorBody(undefined, 'Слишком много запросов'),
    effect: 'none',
    ...(retryAfter !== undefined && { headers: { 'Retry-After': retryAfter } }),
  };
}
export const malformedId = refusal(422, 'validation', 'Неверный идентификатор счёта', [
  { name: 'id', code: 'wrong_value', message: 'Ожидается идентификатор вида 8-4-4-4-12' },
]);
export const malformedOperationId = refusal(422, 'validation', 'Неверный идентификатор операции', [
  { name: 'partnerOperationId', code: 'wrong_value', message: 'Обязательная строка до 36 символов' },
]);
