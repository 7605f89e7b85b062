import { afterAll } from '@jest/globals';
import { readConfig } from '../../simulator/config.js';
import { type RunningSimulator, startSimulator } from '../../simulator/server.js';

export const token = 'demo-token-of-the-tests';
export const suretyUrl = 'http://localhost:3999';

const started: TestedSimulator[] = [];
afterAll(() => Promise.all(started.map((tested) => tested.close())));

/** A simulator on a free port with one account of 1 000 roubles; closed when the file's tests are over. */
export async function startedSimulator(environment: NodeJS.ProcessEnv = {}): Promise<TestedSimulator> {
  const running = await startSimulator(
    readConfig({ SIMULATOR_PORT: '0', SURETY_URL: suretyUrl, IDP_CLIENT_SECRET: 'secret', ...environment }),
  );
  const tested = new TestedSimulator(running);
  started.push(tested);
  return tested;
}

export interface Answered {
  readonly status: number;
  readonly requestId: string | null;
  readonly retryAfter: string | null;
  readonly body: unknown;
}

interface Sent {
  readonly body?: unknown;
  readonly bearer?: string | null | undefined;
  readonly signal?: AbortSignal;
}

export class TestedSimulator {
  readonly url: string;
  readonly #running: RunningSimulator;
  #closed = false;

  constructor(running: RunningSimulator) {
    this.#running = running;
    this.url = running.url;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#running.close();
  }

  async control<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const { status, body: answer } = await this.call(method, `/control${path}`, { body, bearer: null });
    if (status >= 300) throw new Error(`${status} ${JSON.stringify(answer)}`);
    return answer as T;
  }

  async call(method: string, path: string, sent: Sent = {}): Promise<Answered> {
    const response = await this.send(method, path, sent);
    return {
      status: response.status,
      requestId: response.headers.get('x-request-id'),
      retryAfter: response.headers.get('retry-after'),
      body: JSON.parse(await response.text()),
    };
  }

  /** For answers whose body is not to be trusted. */
  send(method: string, path: string, { body, bearer = token, signal }: Sent = {}): Promise<Response> {
    return fetch(this.url + path, {
      method,
      headers: {
        ...(bearer !== null && { authorization: `Bearer ${bearer}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(signal && { signal }),
    });
  }

  applyAccount(id: string, settings: object = {}): Promise<unknown> {
    const funds = [{ currency: 'RUB', sizeMinor: 90_000, overdraftMinor: 10_000 }];
    return this.control('PUT', `/accounts/${id}`, { name: 'Тест', token, funds, ...settings });
  }

  async invoice(fields: object = {}): Promise<string> {
    const { id } = await this.control<{ id: string }>('POST', '/invoices', { amountMinor: 10_050, ...fields });
    return id;
  }

  read(id: string, bearer?: string): Promise<Answered> {
    return this.call('GET', `/v3/business/api/invoice/${id}`, { bearer });
  }

  confirm(id: string, partnerOperationId: unknown, bearer?: string): Promise<Answered> {
    return this.call('POST', `/v3/business/api/invoice/${id}/confirm`, { bearer, body: { partnerOperationId } });
  }

  fault(fault: object): Promise<unknown> {
    return this.control('POST', '/faults', fault);
  }

  async drawnMinor(accountId: string): Promise<number | undefined> {
    const { accounts } = await this.control<Books>('GET', '/books');
    return accounts.find((account) => account.id === accountId)?.funds[0]?.drawnMinor;
  }
}

interface Books {
  readonly accounts: readonly { id: string; funds: readonly { drawnMinor: number }[] }[];
}
