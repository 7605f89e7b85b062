import { Histogram, type Registry } from 'prom-client';

interface Answered {
  readonly method: string;
  /** Its template, as `/v1/payments/:id`. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
}

/** What the API tells of the requests that it answers. */
export class HttpMetrics {
  readonly #durations: Histogram<'method' | 'route' | 'status_code'>;

  constructor(registry: Registry) {
    this.#durations = new Histogram({
      name: 'http_server_request_duration_seconds',
      help: 'Requests to the API until they are answered; 499: nobody waited for the answer',
      labelNames: ['method', 'route', 'status_code'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers: [registry],
    });
  }

  answered({ method, route, status, seconds }: Answered): void {
    this.#durations.observe({ method, route, status_code: status }, seconds);
  }
}
