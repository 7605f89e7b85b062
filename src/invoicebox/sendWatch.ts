/**
 * Whether the headers of a request were written: what separates "nothing happened" from "it may have been paid"
 * (design.md, section 2). undici says so itself, on its diagnostics channels, just before it writes.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';

export interface WatchedSend<T> {
  readonly response: Promise<T>;
  /** Proven by undici. False when in doubt. */
  readonly isProvenUnsent: () => boolean;
}

interface Flight {
  request: object | undefined;
  sent: boolean;
}

export class SendWatch {
  readonly #flights = new WeakMap<object, Flight>();
  #starting: Flight | undefined;

  readonly #onCreate = (message: unknown): void => {
    const request = requestOf(message);
    if (this.#starting === undefined || request === undefined) return;
    this.#starting.request = request;
    this.#flights.set(request, this.#starting);
  };

  readonly #onSendHeaders = (message: unknown): void => {
    const request = requestOf(message);
    const flight = request === undefined ? undefined : this.#flights.get(request);
    if (flight !== undefined) flight.sent = true;
  };

  constructor() {
    subscribe('undici:request:create', this.#onCreate);
    subscribe('undici:client:sendHeaders', this.#onSendHeaders);
  }

  /**
   * Starts one request. undici makes its request object before `send` returns, as long as the agent has no limit of
   * connections to queue behind; a request that was not seen being made stays in doubt.
   */
  start<T>(send: () => Promise<T>): WatchedSend<T> {
    const flight: Flight = { request: undefined, sent: false };
    this.#starting = flight;
    try {
      return { response: send(), isProvenUnsent: () => flight.request !== undefined && !flight.sent };
    } finally {
      this.#starting = undefined;
    }
  }

  stop(): void {
    unsubscribe('undici:request:create', this.#onCreate);
    unsubscribe('undici:client:sendHeaders', this.#onSendHeaders);
  }
}

function requestOf(message: unknown): object | undefined {
  if (typeof message !== 'object' || message === null || !('request' in message)) return undefined;
  return typeof message.request === 'object' && message.request !== null ? message.request : undefined;
}
