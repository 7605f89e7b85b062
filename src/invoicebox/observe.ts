/** What is told of each request to Invoicebox to whoever counts and logs: no address, no body, nobody's name. */
import type { Exchange } from './exchange.js';

export type Operation = 'read' | 'list' | 'confirm' | 'check_token';

export interface ObservedCall {
  readonly operation: Operation;
  /** `2xx` to `5xx` as answered; `no_answer`: it may have arrived; `not_sent`: it did not. */
  readonly statusClass: string;
  readonly httpStatus: number | null;
  /** Invoicebox's own. */
  readonly requestId: string | null;
  readonly seconds: number;
}

/** Hears of each request when it is over. It must not throw. */
export type OnCall = (call: ObservedCall) => void;

export function observed(operation: Operation, got: Exchange, beganMs: number): ObservedCall {
  const seconds = (performance.now() - beganMs) / 1_000;
  switch (got.kind) {
    case 'not_sent':
      return { operation, statusClass: got.kind, httpStatus: null, requestId: null, seconds };
    case 'no_answer':
      return { operation, statusClass: got.kind, httpStatus: null, requestId: got.requestId ?? null, seconds };
    case 'redirect':
    case 'unreadable':
    case 'answer': {
      const { httpStatus, requestId = null } = got;
      return { operation, statusClass: `${Math.floor(httpStatus / 100)}xx`, httpStatus, requestId, seconds };
    }
  }
}
