/** Bodies that are streamed into Postgres under an Idempotency-Key: bounded, hashed on the way, told from ones that were cut off. */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Request } from 'express';
import { Problem } from './problem.js';

export interface UploadLimit {
  readonly mostBytes: number;
  readonly mostLines: number;
  /** What it is, with an article: in the problem's words. */
  readonly what: string;
}

export const tooLarge = ({ mostBytes, mostLines, what }: UploadLimit): Problem =>
  new Problem(
    'body_too_large',
    `${what} has at most ${mostBytes / 1_048_576} MiB and ${mostLines} lines; nothing of it is kept.`,
  );

/** Throws Problem body_too_large before anything is read, where the sender says so much. */
export function refuseAnnounced(request: Request, limit: UploadLimit): void {
  if (Number(request.headers['content-length'] ?? 0) > limit.mostBytes) throw tooLarge(limit);
}

/** A body as it comes in, at the reader's pace. */
export class Body {
  readonly #hash = createHash('sha256');
  bytes = 0;

  constructor(
    private readonly source: Readable,
    private readonly limit: UploadLimit,
  ) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    // Who stops reading may still have an answer to give, so the connection stays.
    for await (const piece of this.source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      this.bytes += piece.length;
      if (this.bytes > this.limit.mostBytes) {
        this.source.destroy();
        throw tooLarge(this.limit);
      }
      this.#hash.update(piece);
      yield piece;
    }
  }

  /** Of what has come in; once, at the end. */
  sha256(): Buffer {
    return this.#hash.digest();
  }
}

/** Reads a body to its end and keeps nothing of it. @returns its hash, in hex */
export async function hashOf(source: Readable, limit: UploadLimit): Promise<string> {
  const body = new Body(source, limit);
  const pieces = body[Symbol.asyncIterator]();
  while (!(await pieces.next()).done);
  return body.sha256().toString('hex');
}

/** The sender went away in the middle: that is his to hear, as a problem. Everything else stays as it is. */
export function uploadError(error: unknown): unknown {
  const isCut = error instanceof Error && 'code' in error && error.code === 'ECONNRESET';
  return isCut ? new Problem('malformed_request', 'The body was cut off; nothing of it is kept.') : error;
}

export const otherBody = (): Problem =>
  new Problem('idempotency_other_body', 'Nothing was done. Use a new key for another file.');

export const superseded = (): Problem =>
  new Problem(
    'idempotency_in_flight',
    'The body is being received by another request with this key.',
    {},
    { 'Retry-After': '5' },
  );

/** Throws Problem unsupported_media_type for a body that is compressed, which nobody here undoes. */
export function refuseEncoded(request: Request): void {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new Problem('unsupported_media_type', 'Send the file as it is, not compressed.');
  }
}
