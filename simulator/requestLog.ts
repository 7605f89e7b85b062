/** What a call did to the books. */
export type Effect = 'executed' | 'repeated' | 'refused' | 'none';
export type Operation = 'auth' | 'read' | 'list' | 'confirm';

export interface LoggedRequest {
  readonly operation: Operation;
  readonly invoiceId: string | null;
  readonly partnerOperationId?: string | undefined;
  readonly at: string;
  readonly requestId: string;
  /** The HTTP status, 'cut' when the connection was destroyed instead; null while the call is being worked on. */
  status: number | 'cut' | null;
  /** Said as soon as the call has acted, answered or not. */
  effect: Effect;
  /** Stopped by the fault `pause` until POST /control/resume. */
  paused: boolean;
}

const MAX_REQUESTS = 100_000;
/** Old entries go in slabs: shifting a long array at every call would be slow. */
const SLAB = 1_000;

/** The API calls received, in order of arrival; memory only. */
export class RequestLog {
  readonly #requests: LoggedRequest[] = [];

  open(request: Omit<LoggedRequest, 'status' | 'effect' | 'paused'>): LoggedRequest {
    const entry: LoggedRequest = { ...request, status: null, effect: 'none', paused: false };
    this.#requests.push(entry);
    if (this.#requests.length > MAX_REQUESTS) this.#requests.splice(0, SLAB);
    return entry;
  }

  list(invoiceId?: string): readonly LoggedRequest[] {
    return invoiceId === undefined
      ? this.#requests
      : this.#requests.filter((request) => request.invoiceId === invoiceId);
  }
}
