/**
 * One attempt to deliver a webhook, and what came of it as a fact. Decided by the status line alone: the body is
 * nothing to us, so that an endpoint that streams without end costs nothing. One deadline covers everything.
 */
import { Agent, errors, type Dispatcher } from 'undici';
import { retryAfterMsOf, type WebhookAttempt, type WebhookProblem } from '../domain/webhookRetry.js';
import { RefusedAddressError, type AddressGuard } from './address.js';
import { signedHeaders } from './signature.js';

const maxHeaderBytes = 16_384;
const mostDumpedBytes = 4_096;
const dumpWithinMs = 1_000;

export interface WebhookTimeouts {
  readonly connectMs: number;
  /** From the first look-up to the status line. */
  readonly totalMs: number;
}

export interface WebhookMessage {
  readonly url: string;
  readonly id: string;
  /** Sent as it is: these bytes were signed. */
  readonly body: string;
  /** The present one first. */
  readonly secrets: readonly string[];
}

export class WebhookClient {
  readonly #agent: Agent;

  constructor(
    private readonly guard: AddressGuard,
    private readonly timeouts: WebhookTimeouts,
    private readonly userAgent: string,
  ) {
    this.#agent = new Agent({
      allowH2: false,
      pipelining: 1,
      keepAliveTimeout: 2_000,
      keepAliveMaxTimeout: 4_000,
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: 0,
      bodyTimeout: 0,
      connectTimeout: timeouts.connectMs,
      connect: { lookup: guard.lookup, autoSelectFamily: true },
    });
  }

  async deliver(message: WebhookMessage): Promise<WebhookAttempt> {
    const url = new URL(message.url);
    if (this.guard.allowsLiteral(url) === false) return { kind: 'problem', problem: 'refused_address' };
    const stop = new AbortController();
    const deadline = setTimeout(() => {
      stop.abort();
    }, this.timeouts.totalMs);
    try {
      const response = await orStopped(
        this.#agent.request({
          method: 'POST',
          origin: url.origin,
          path: url.pathname + url.search,
          headers: {
            'content-type': 'application/json',
            'user-agent': this.userAgent,
            ...signedHeaders(message.id, new Date(), message.body, message.secrets),
          },
          body: message.body,
          signal: stop.signal,
        }),
        stop.signal,
      );
      letGo(response);
      const { 'retry-after': header } = response.headers;
      return {
        kind: 'answered',
        status: response.statusCode,
        retryAfterMs: retryAfterMsOf(typeof header === 'string' ? header : header?.[0], Date.now()),
      };
    } catch (error) {
      return { kind: 'problem', problem: stop.signal.aborted ? 'timeout' : problemOf(error) };
    } finally {
      clearTimeout(deadline);
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

/** Not waited for. A short body leaves the connection fit for the next delivery; any other is cut off with it. */
function letGo({ body }: Dispatcher.ResponseData): void {
  // A body that we leave unread ends with an error that concerns nobody.
  body.on('error', () => undefined);
  body.dump({ limit: mostDumpedBytes, signal: AbortSignal.timeout(dumpWithinMs) }).catch(() => {
    body.destroy();
  });
}

/** undici keeps a stopped request waiting until its connection stands or fails: we do not wait for that. */
async function orStopped(
  response: Promise<Dispatcher.ResponseData>,
  stop: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  let onStop: (() => void) | undefined;
  const stopped = new Promise<never>((_, reject) => {
    onStop = () => {
      reject(new Error('stopped'));
    };
    stop.addEventListener('abort', onStop, { once: true });
  });
  // What comes after the deadline is let go, whatever it is.
  response.then(
    (late) => {
      if (stop.aborted) letGo(late);
    },
    () => undefined,
  );
  try {
    return await Promise.race([response, stopped]);
  } finally {
    if (onStop !== undefined) stop.removeEventListener('abort', onStop);
  }
}

function problemOf(error: unknown): WebhookProblem {
  if (error instanceof RefusedAddressError) return 'refused_address';
  if (error instanceof errors.HTTPParserError) return 'malformed_answer';
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'ECONNREFUSED':
      return 'connection_refused';
    case 'ENOTFOUND':
      return 'dns';
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
      return 'connect_timeout';
    case 'UND_ERR_HEADERS_OVERFLOW':
      return 'malformed_answer';
    default:
      return /^(ERR_SSL|ERR_TLS|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO|EPROTO)/.test(code) ? 'tls' : 'connection_lost';
  }
}
