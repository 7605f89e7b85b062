/** Calls of /v1: typed by the OpenAPI document, repeated where that is safe, answered with what was asked for or an error. */
import { randomUUID } from 'node:crypto';
import createOpenApiClient from 'openapi-fetch';
import { attempt, defaultPatience, type Patience } from './attempts.js';
import type {
  AnswerOf,
  Calling,
  CallOf,
  Given,
  ItemOf,
  ListPaths,
  OperationOf,
  PathsOf,
  StreamPaths,
} from './calls.js';
import { SuretyProblem } from './problem.js';

export interface ClientOptions extends Partial<Patience> {
  /** Where Surety is, without `/v1`. */
  readonly baseUrl: string;
  /** `sk_live_…` or `sk_test_…`. Keep it on your server. */
  readonly apiKey: string;
  /** Absent: the global one. */
  readonly fetch?: (request: Request) => Promise<Response>;
}

type Method = 'get' | 'post' | 'patch' | 'put' | 'delete';

/** Every operation, as openapi-fetch sees it here; the types of each are those of the methods below. */
interface AnyOperation {
  parameters: { query?: Record<string, unknown>; path?: Record<string, unknown> };
  requestBody?: { content: { 'application/json': unknown } };
  responses: {
    200: { content: { 'application/json': unknown } };
    default: { content: { 'application/problem+json': unknown } };
  };
}

interface AnyCall extends Calling {
  readonly path?: Record<string, unknown>;
  readonly query?: Record<string, unknown>;
  readonly body?: unknown;
  readonly contentType?: string;
}

/**
 * Each method answers the body of the 2xx, and throws `SuretyProblem` where Surety says no, or `SuretyUnreachable` where
 * nobody says anything. What changes something is sent with an Idempotency-Key, the same one at every repetition.
 */
export class SuretyClient {
  readonly #openApi: ReturnType<typeof createOpenApiClient<Record<string, Record<Method, AnyOperation>>>>;
  readonly #patience: Patience;

  constructor({ baseUrl, apiKey, fetch, ...patience }: ClientOptions) {
    if (!URL.canParse(baseUrl)) throw new TypeError(`baseUrl is not a URL: ${baseUrl}`);
    this.#patience = { ...defaultPatience, ...patience };
    this.#openApi = createOpenApiClient({
      baseUrl,
      headers: { Authorization: `Bearer ${apiKey}` },
      // The API answers none; a key must not follow one to somewhere else.
      redirect: 'error',
      ...(fetch === undefined ? {} : { fetch }),
    });
  }

  get<Path extends PathsOf<'get'>>(path: Path, ...[call]: Given<CallOf<OperationOf<Path, 'get'>>>) {
    return this.#send<AnswerOf<OperationOf<Path, 'get'>>>('get', path, call);
  }

  post<Path extends PathsOf<'post'>>(path: Path, ...[call]: Given<CallOf<OperationOf<Path, 'post'>>>) {
    return this.#send<AnswerOf<OperationOf<Path, 'post'>>>('post', path, call);
  }

  put<Path extends PathsOf<'put'>>(path: Path, ...[call]: Given<CallOf<OperationOf<Path, 'put'>>>) {
    return this.#send<AnswerOf<OperationOf<Path, 'put'>>>('put', path, call);
  }

  patch<Path extends PathsOf<'patch'>>(path: Path, ...[call]: Given<CallOf<OperationOf<Path, 'patch'>>>) {
    return this.#send<AnswerOf<OperationOf<Path, 'patch'>>>('patch', path, call);
  }

  delete<Path extends PathsOf<'delete'>>(path: Path, ...[call]: Given<CallOf<OperationOf<Path, 'delete'>>>) {
    return this.#send<AnswerOf<OperationOf<Path, 'delete'>>>('delete', path, call);
  }

  /** The items of all pages, one after the other; a page is asked for when the one before is used up. */
  async *each<Path extends ListPaths>(
    path: Path,
    ...[call]: Given<CallOf<OperationOf<Path, 'get'>>>
  ): AsyncGenerator<ItemOf<Path>> {
    const given: AnyCall = call ?? {};
    let after: string | null = null;
    do {
      const query: Record<string, unknown> = after === null ? { ...given.query } : { ...given.query, after };
      const page: { data: ItemOf<Path>[]; next: string | null } = await this.#send('get', path, { ...given, query });
      yield* page.data;
      after = page.next;
    } while (after !== null);
  }

  /** An export, in the bytes of the wire. One that is cut throws while it is read: it is never ended as if it were whole. */
  stream<Path extends StreamPaths>(path: Path, ...[call]: Given<CallOf<OperationOf<Path, 'get'>>>) {
    return this.#send<ReadableStream<Uint8Array>>('get', path, call, 'stream');
  }

  #send<Answer>(method: Method, path: string, call: AnyCall = {}, parseAs: 'json' | 'stream' = 'json') {
    const idempotencyKey = method === 'get' ? null : (call.idempotencyKey ?? randomUUID());
    const init = {
      params: { ...(call.query && { query: call.query }), ...(call.path && { path: call.path }) },
      headers: {
        ...(idempotencyKey !== null && { 'Idempotency-Key': idempotencyKey }),
        ...(call.contentType !== undefined && { 'Content-Type': call.contentType }),
      },
      ...('body' in call && { body: call.body }),
      ...(call.contentType !== undefined && { bodySerializer: (body: unknown) => body }),
      parseAs,
    };
    const usualMs = call.contentType === undefined ? this.#patience.timeoutMs : this.#patience.uploadTimeoutMs;
    const wish = { idempotencyKey, signal: call.signal, timeoutMs: call.timeoutMs ?? usualMs };
    return attempt(wish, this.#patience, async (signal): Promise<Answer> => {
      const { data, error, response } = await this.#openApi.request(method, path, { ...init, signal });
      if (response.ok) return data as Answer;
      throw new SuretyProblem(response.status, error, idempotencyKey, retryAfterMsOf(response));
    });
  }
}

export const createClient = (options: ClientOptions): SuretyClient => new SuretyClient(options);

/** Surety says it in seconds. */
function retryAfterMsOf({ headers }: Response): number | null {
  const text = headers.get('retry-after') ?? '';
  return /^\d{1,6}$/.test(text) ? Number(text) * 1_000 : null;
}
