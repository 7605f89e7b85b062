/** Requests as they are given: no address made tidy, no header added. `fetch` would mend what these tests want broken. */
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

export interface RawAnswer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface ProblemAnswer extends RawAnswer {
  readonly code: string;
  readonly fields: readonly { readonly field: string; readonly problem: string; readonly given: string }[];
}

export async function send(
  url: string,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: string | Buffer = '',
): Promise<RawAnswer> {
  const sent = request(url, { method, path, headers: { 'content-length': Buffer.byteLength(body), ...headers } });
  const answered = once(sent, 'response');
  sent.end(body);
  const [response] = (await answered) as [import('node:http').IncomingMessage];
  return {
    status: response.statusCode ?? 0,
    type: response.headers['content-type']?.split(';')[0] ?? '',
    text: await text(response),
    headers: response.headers,
  };
}

/** Fails where the answer is no problem of a 4xx. */
export function problemOf(answer: RawAnswer): ProblemAnswer {
  const words = `${answer.status} ${answer.type} ${answer.text.slice(0, 500)}`;
  if (answer.status < 400 || answer.status > 499 || answer.type !== 'application/problem+json')
    throw new Error(`No problem+json of a 4xx: ${words}`);
  const body = JSON.parse(answer.text) as { code?: string; status: number; fields?: ProblemAnswer['fields'] };
  if (body.code === undefined || body.status !== answer.status) throw new Error(`No code, or another status: ${words}`);
  return { ...answer, code: body.code, fields: body.fields ?? [] };
}

/** What comes back for these bytes until the connection ends. */
export async function sendBytes(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(bytes);
  return text(socket);
}
