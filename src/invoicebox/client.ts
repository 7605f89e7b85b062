/** The only place that speaks to Invoicebox (contract, sections 1-3). Answers are data; nothing is decided here. */
import { createHmac } from 'node:crypto';
import { Agent } from 'undici';
import type { ConfirmAnswer } from '../domain/confirmAnswer.js';
import { release } from '../release.js';
import { exchange, type Exchange, type HttpRequest } from './exchange.js';
import { documentedPaging, listPath, type InvoicePage, type ListPaging, type ListQuery } from './lists.js';
import { observed, type OnCall, type Operation } from './observe.js';
import {
  invoiceIdPattern,
  readConfirmBody,
  readInvoiceBody,
  readListBody,
  readRefusalBody,
  readTokenBody,
  type Invoice,
} from './schemas.js';
import { SendWatch } from './sendWatch.js';

export type { Invoice } from './schemas.js';

/** How a partner is reached at Invoicebox. The token and the key are secrets: they appear in no answer. */
export interface InvoiceboxAccount {
  readonly baseUrl: string;
  /** '/v3', or '/l3' for shops of the business cabinet. */
  readonly prefix: string;
  readonly token: string;
  /** Where signing was agreed: the key and the HMAC's algorithm ('sha1' at Invoicebox). */
  readonly signature?: { readonly key: string; readonly algorithm: string } | undefined;
  /** Absent: as documented. */
  readonly paging?: ListPaging | undefined;
}

/** A call takes at most the time to connect plus its own. */
export interface InvoiceboxTimeouts {
  readonly connectMs: number;
  readonly readMs: number;
  readonly confirmMs: number;
}

type Unread =
  | { readonly kind: 'not_found' }
  /** Any other 4xx of the contract's shape. `message` may hold personal data: never for a history or a log. */
  | { readonly kind: 'refused'; readonly httpStatus: number; readonly code: string; readonly message: string }
  | { readonly kind: 'rate_limited'; readonly retryAfterMs?: number | undefined }
  /** Nothing was learned. */
  | { readonly kind: 'unavailable'; readonly detail: string };

interface WithRequestId {
  readonly requestId?: string | undefined;
}

export type ReadAnswer = WithRequestId & (Unread | { readonly kind: 'invoice'; readonly invoice: Invoice });
export type ListAnswer = WithRequestId & (Unread | { readonly kind: 'page'; readonly page: InvoicePage });

export type TokenAnswer =
  | { readonly kind: 'valid'; readonly userId: string }
  | { readonly kind: 'invalid'; readonly code: string }
  | { readonly kind: 'unavailable'; readonly detail: string };

const maxOperationIdLength = 36;

const maxHeaderBytes = 16_384;

/** How we name ourselves (contract, section 1): `<app>/<version> (<module> <version>)`. */
export const userAgent = `Surety/${release} (saga ${release})`;

export class InvoiceboxClient {
  readonly #timeouts: InvoiceboxTimeouts;
  readonly #userAgent: string;
  readonly #reads: Agent;
  readonly #confirms: Agent;
  readonly #watch = new SendWatch();
  readonly #onCall: OnCall | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: { timeouts: InvoiceboxTimeouts; userAgent: string; onCall?: OnCall }) {
    this.#timeouts = options.timeouts;
    this.#onCall = options.onCall;
    this.#userAgent = options.userAgent;
    const { connectMs } = options.timeouts;
    // No limit of connections on either agent: SendWatch relies on a request being made at once, never queued.
    const bounds: Agent.Options = {
      allowH2: false,
      connectTimeout: connectMs,
      autoSelectFamily: true,
      // Node's 250 ms a family would give up on slow networks before they answer.
      autoSelectFamilyAttemptTimeout: Math.max(10, Math.ceil(connectMs / 3)),
      maxHeaderSize: maxHeaderBytes,
      // The whole call has one deadline of its own.
      headersTimeout: 0,
      bodyTimeout: 0,
    };
    this.#reads = new Agent({ ...bounds, pipelining: 1, keepAliveTimeout: 4_000, keepAliveMaxTimeout: 10_000 });
    // A connection a confirm: a kept one may be closing at the other end, and would make a healthy confirm unknown.
    this.#confirms = new Agent({ ...bounds, pipelining: 0 });
  }

  /** Throws RangeError for what is no invoice id; whatever the network or Invoicebox does is in the answer. */
  async readInvoice(account: InvoiceboxAccount, invoiceId: string, signal?: AbortSignal): Promise<ReadAnswer> {
    const id = checkedInvoiceId(invoiceId);
    return this.#read('read', account, `/business/api/invoice/${id}`, signal, (body) => {
      const invoice = readInvoiceBody(body, id);
      return typeof invoice === 'string' ? invoice : { kind: 'invoice', invoice };
    });
  }

  /**
   * One page, one request: `endOfList` says whether there is another. Throws RangeError for a query that is none.
   * An element that is no invoice is reported in the page; a body beyond the bound of every answer is `unavailable`.
   */
  async listInvoices(account: InvoiceboxAccount, query: ListQuery, signal?: AbortSignal): Promise<ListAnswer> {
    return this.#read('list', account, listPath(query, account.paging ?? documentedPaging), signal, (body) => {
      const page = readListBody(body);
      return typeof page === 'string' ? page : { kind: 'page', page };
    });
  }

  /** @param readBody what the body of a success holds, or why it is unusable */
  async #read<Found extends { readonly kind: string }>(
    operation: Operation,
    account: InvoiceboxAccount,
    path: string,
    signal: AbortSignal | undefined,
    readBody: (body: unknown) => Found | string,
  ): Promise<WithRequestId & (Unread | Found)> {
    const got = await this.#get(operation, account, path, signal);
    if (got.kind === 'not_sent' || got.kind === 'no_answer') return { ...got, kind: 'unavailable' };
    const { httpStatus, requestId, retryAfterMs } = got;
    if (isRateLimit(httpStatus)) return { kind: 'rate_limited', retryAfterMs, requestId };
    const usable = usableBody(got);
    if (typeof usable === 'string') return { kind: 'unavailable', detail: usable, requestId };
    if (httpStatus < 300) {
      const found = readBody(usable.body);
      return typeof found === 'string' ? { kind: 'unavailable', detail: found, requestId } : { ...found, requestId };
    }
    const refusal = readRefusalBody(usable.body);
    if (refusal === null) return { kind: 'unavailable', detail: `http_${httpStatus}`, requestId };
    if (httpStatus === 404) return { kind: 'not_found', requestId };
    return { kind: 'refused', httpStatus, code: refusal.code, message: refusal.message, requestId };
  }

  /**
   * The pivot call: one request, never repeated here. `not_sent` is answered only when undici proves it.
   * Throws RangeError for what is no invoice id or no operation id; nothing was sent then.
   */
  async confirmInvoice(
    account: InvoiceboxAccount,
    invoiceId: string,
    partnerOperationId: string,
    signal?: AbortSignal,
  ): Promise<ConfirmAnswer> {
    const id = checkedInvoiceId(invoiceId);
    if (partnerOperationId === '' || partnerOperationId.length > maxOperationIdLength) {
      throw new RangeError(`A partnerOperationId has 1 to ${maxOperationIdLength} characters. Nothing was sent.`);
    }
    const request = this.#request(account, 'POST', `/business/api/invoice/${id}/confirm`, { partnerOperationId });
    if (request === null) return { kind: 'not_sent', detail: 'invalid_request' };
    const { connectMs, confirmMs } = this.#timeouts;
    const got = await this.#exchange('confirm', this.#confirms, request, connectMs + confirmMs, signal);
    switch (got.kind) {
      case 'not_sent':
      case 'no_answer':
        return got;
      case 'redirect':
        return { kind: 'redirect', httpStatus: got.httpStatus, requestId: got.requestId };
      case 'unreadable': {
        const { httpStatus, detail, retryAfterMs, requestId } = got;
        return {
          kind: 'unreadable',
          httpStatus,
          detail,
          requestId,
          ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
        };
      }
      case 'answer': {
        const { httpStatus, retryAfterMs, requestId } = got;
        return { kind: 'answer', httpStatus, retryAfterMs, body: readConfirmBody(got.body, httpStatus), requestId };
      }
    }
  }

  /** Whose token it is (contract, section 1: no user is no token). */
  async checkToken(account: InvoiceboxAccount): Promise<TokenAnswer> {
    const got = await this.#get('check_token', account, '/security/api/auth/auth');
    if (got.kind === 'not_sent' || got.kind === 'no_answer') return { kind: 'unavailable', detail: got.detail };
    const usable = usableBody(got);
    if (typeof usable === 'string') return { kind: 'unavailable', detail: usable };
    if (got.httpStatus < 300) {
      const userId = readTokenBody(usable.body);
      if (userId === undefined) return { kind: 'unavailable', detail: 'malformed' };
      return userId === null ? { kind: 'invalid', code: 'no_user' } : { kind: 'valid', userId };
    }
    const refusal = got.httpStatus === 401 || got.httpStatus === 403 ? readRefusalBody(usable.body) : null;
    return refusal === null
      ? { kind: 'unavailable', detail: `http_${got.httpStatus}` }
      : { kind: 'invalid', code: refusal.code };
  }

  /** Waits for the calls under way; later calls answer that nothing was sent. */
  close(): Promise<void> {
    this.#closing ??= Promise.all([this.#reads.close(), this.#confirms.close()]).then(() => {
      this.#watch.stop();
    });
    return this.#closing;
  }

  async #get(operation: Operation, account: InvoiceboxAccount, path: string, signal?: AbortSignal): Promise<Exchange> {
    const request = this.#request(account, 'GET', path, null);
    if (request === null) return { kind: 'not_sent', detail: 'invalid_request' };
    const { connectMs, readMs } = this.#timeouts;
    return this.#exchange(operation, this.#reads, request, connectMs + readMs, signal);
  }

  async #exchange(
    operation: Operation,
    agent: Agent,
    request: HttpRequest,
    deadlineMs: number,
    signal?: AbortSignal,
  ): Promise<Exchange> {
    const beganMs = performance.now();
    const got = await exchange(agent, this.#watch, request, deadlineMs, signal);
    this.#onCall?.(observed(operation, got, beganMs));
    return got;
  }

  /** null where the account's settings make no request: an address that is none, an algorithm that nobody knows. */
  #request(account: InvoiceboxAccount, method: 'GET' | 'POST', path: string, json: object | null): HttpRequest | null {
    const body = json === null ? null : JSON.stringify(json);
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      accept: 'application/json',
      'user-agent': this.#userAgent,
      authorization: `Bearer ${account.token}`,
    };
    try {
      if (account.signature !== undefined) {
        const { key, algorithm } = account.signature;
        headers['x-signature'] = createHmac(algorithm, key)
          .update(body ?? '')
          .digest('hex');
      }
      return { method, url: new URL(account.baseUrl.replace(/\/$/, '') + account.prefix + path), headers, body };
    } catch {
      return null;
    }
  }
}

function checkedInvoiceId(invoiceId: string): string {
  const id = invoiceId.toLowerCase();
  if (!invoiceIdPattern.test(id)) throw new RangeError('An invoice id is 8-4-4-4-12 hex digits. Nothing was sent.');
  return id;
}

function isRateLimit(httpStatus: number): boolean {
  return httpStatus === 429 || httpStatus === 425;
}

/** The body of an answer that Invoicebox itself gave and meant, or why there is none. */
function usableBody(got: Exclude<Exchange, { kind: 'not_sent' | 'no_answer' }>): { readonly body: unknown } | string {
  switch (got.kind) {
    case 'redirect':
      return 'redirect';
    case 'unreadable':
      return got.httpStatus < 300 ? got.detail : `http_${got.httpStatus}`;
    case 'answer':
      return got.httpStatus >= 500 || got.httpStatus === 408 ? `http_${got.httpStatus}` : { body: got.body };
  }
}
