/** One HTTP request and its answer as a fact. Nothing that the network or the server does is thrown. */
import type { Agent, Dispatcher } from 'undici';
import type { SendWatch } from './sendWatch.js';
import { cleanText } from './texts.js';

const maxBodyBytes = 1_048_576;
const maxRetryAfterMs = 60_000;
const maxRequestIdLength = 200;

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

type UnreadableDetail = 'malformed' | 'truncated' | 'oversized';

interface Received {
  readonly httpStatus: number;
  readonly requestId?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** Details are our own words, never the network's: they end in histories and logs. */
export type Exchange =
  /** Proven: no byte of the request left. */
  | { readonly kind: 'not_sent'; readonly detail: string }
  /** `requestId` where the headers came and the body did not. */
  | {
      readonly kind: 'no_answer';
      readonly detail: 'timeout' | 'connection_lost' | 'aborted';
      readonly requestId?: string | undefined;
    }
  | ({ readonly kind: 'redirect' } & Received)
  | ({ readonly kind: 'unreadable'; readonly detail: UnreadableDetail } & Received)
  /** `body` is parsed JSON; undefined where it was empty. */
  | ({ readonly kind: 'answer'; readonly body: unknown } & Received);

export async function exchange(
  agent: Agent,
  watch: SendWatch,
  request: HttpRequest,
  deadlineMs: number,
  signal?: AbortSignal,
): Promise<Exchange> {
  if (signal?.aborted === true) return { kind: 'not_sent', detail: 'aborted' };
  const stop = new AbortController();
  let stopped: 'timeout' | 'aborted' | undefined;
  const stopFor = (why: 'timeout' | 'aborted') => {
    stopped ??= why;
    stop.abort();
  };
  const onAbort = () => {
    stopFor('aborted');
  };
  const deadline = setTimeout(stopFor, deadlineMs, 'timeout');
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const sent = watch.start(() =>
      agent.request({
        method: request.method,
        origin: request.url.origin,
        path: request.url.pathname + request.url.search,
        headers: request.headers,
        body: request.body,
        signal: stop.signal,
      }),
    );
    let response: Dispatcher.ResponseData;
    try {
      response = await orStopped(sent.response, stop.signal);
    } catch (error) {
      return sent.isProvenUnsent() || wasRefusedByUndici(error)
        ? { kind: 'not_sent', detail: stopped ?? unsentDetail(error) }
        : { kind: 'no_answer', detail: stopped ?? 'connection_lost' };
    }
    const received: Received = {
      httpStatus: response.statusCode,
      requestId: requestIdOf(response.headers),
      retryAfterMs: retryAfterMsOf(firstOf(response.headers['retry-after']), Date.now()),
    };
    // A body that we leave unread ends with an error that concerns nobody.
    response.body.on('error', () => undefined);
    if (received.httpStatus >= 300 && received.httpStatus < 400) {
      response.body.destroy();
      return { kind: 'redirect', ...received };
    }
    const body = await readBody(response.body);
    if (stopped !== undefined && body === 'truncated') {
      return { kind: 'no_answer', detail: stopped, requestId: received.requestId };
    }
    if (typeof body === 'string') return { kind: 'unreadable', detail: body, ...received };
    return answerOf(body, received);
  } finally {
    clearTimeout(deadline);
    signal?.removeEventListener('abort', onAbort);
  }
}

/**
 * undici keeps a stopped request waiting until its connection stands or fails, and only then drops it unsent:
 * we do not wait for that.
 */
async function orStopped<T>(response: Promise<T>, stop: AbortSignal): Promise<T> {
  let onStop: (() => void) | undefined;
  const stopped = new Promise<never>((_, reject) => {
    onStop = () => {
      reject(new Error('stopped'));
    };
    stop.addEventListener('abort', onStop, { once: true });
  });
  try {
    return await Promise.race([response, stopped]);
  } finally {
    if (onStop !== undefined) stop.removeEventListener('abort', onStop);
  }
}

async function readBody(body: AsyncIterable<Buffer>): Promise<Buffer | 'truncated' | 'oversized'> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += chunk.byteLength;
      if (bytes > maxBodyBytes) return 'oversized';
      chunks.push(chunk);
    }
  } catch {
    return 'truncated';
  }
  return Buffer.concat(chunks, bytes);
}

function answerOf(body: Buffer, received: Received): Exchange {
  if (body.byteLength === 0) return { kind: 'answer', body: undefined, ...received };
  try {
    return { kind: 'answer', body: JSON.parse(new TextDecoder().decode(body)) as unknown, ...received };
  } catch {
    return { kind: 'unreadable', detail: 'malformed', ...received };
  }
}

/** undici throws these before it makes a request. */
function wasRefusedByUndici(error: unknown): boolean {
  return ['UND_ERR_INVALID_ARG', 'UND_ERR_CLOSED', 'UND_ERR_DESTROYED'].includes(codeOf(error));
}

function unsentDetail(error: unknown): string {
  const code = codeOf(error);
  switch (code) {
    case 'ECONNREFUSED':
      return 'connection_refused';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'dns';
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
      return 'connect_timeout';
    case 'UND_ERR_INVALID_ARG':
      return 'invalid_request';
    case 'UND_ERR_CLOSED':
    case 'UND_ERR_DESTROYED':
      return 'client_closed';
    default:
      return /^(ERR_SSL|ERR_TLS|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO|EPROTO)/.test(code) ? 'tls' : 'connect_failed';
  }
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : '';
}

type Headers = Dispatcher.ResponseData['headers'];

function firstOf(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : header?.[0];
}

function requestIdOf(headers: Headers): string | undefined {
  const requestId = firstOf(headers['x-request-id'])?.trim() ?? '';
  return requestId === '' ? undefined : cleanText(requestId, maxRequestIdLength);
}

/** Seconds or a date, capped (contract, section 1); undefined where it is neither. */
export function retryAfterMsOf(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  const delayMs = /^\d+$/.test(text) ? Number(text) * 1_000 : /[a-z]/i.test(text) ? Date.parse(text) - nowMs : NaN;
  return Number.isNaN(delayMs) ? undefined : Math.min(Math.max(delayMs, 0), maxRetryAfterMs);
}
