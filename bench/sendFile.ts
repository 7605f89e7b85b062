/** Sends a file as a partner does, under a new Idempotency-Key. @returns what was answered, which has an id */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';

/** By node:http: fetch would read the file faster than it is sent. */
export async function sendFile(url: string, key: string, file: string): Promise<Record<string, unknown>> {
  const outgoing = request(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'text/csv', 'idempotency-key': randomUUID() },
  });
  const answered = once(outgoing, 'response');
  await pipeline(createReadStream(file), outgoing);
  const [response] = (await answered) as [IncomingMessage];
  const body = JSON.parse(await text(response)) as Record<string, unknown>;
  if (typeof body['id'] !== 'string') throw new Error(`The upload was refused: ${JSON.stringify(body)}`);
  return body;
}
