/**
 * Receives the body of an import into Postgres, a chunk at a time: the sender is read no faster than Postgres writes. Only
 * a body that is here whole is set to work; one that was cut comes again under the same Idempotency-Key.
 */
import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { CreditImports, type ImportFormat, type Reception } from '../../ledger/creditImports.js';
import type { Actor } from '../../domain/payment.js';
import { Problem } from '../problem.js';
import { ChunkCutter, type Chunk } from './chunkCutter.js';

const mostBytes = 256 * 1_048_576;
const mostLines = 2_000_000;
/** Of one partner at once; a file that is being run takes no more room than one that is being received. */
const most = { receiving: 4, running: 10 } as const;

export interface Upload {
  readonly partnerId: string;
  readonly keyHash: Buffer;
  readonly format: ImportFormat;
  readonly dryRun: boolean;
  readonly actor: Actor;
}

@Injectable()
export class ImportUploads {
  constructor(private readonly imports: CreditImports) {}

  /** @returns the import whose body is here now, and whether it had been before */
  async receive(upload: Upload, request: Request): Promise<{ importId: string; replayed: boolean }> {
    const announced = Number(request.headers['content-length'] ?? 0);
    if (announced > mostBytes) throw tooLarge();
    const { partnerId } = upload;
    const opened = await this.imports.open(partnerId, { ...upload, at: Date.now() }, most);
    switch (opened.outcome) {
      case 'other':
        throw otherBody();
      case 'too_many':
        throw tooMany();
      case 'received':
        if ((await hashOf(request)) !== opened.sha256) throw otherBody();
        return { importId: opened.importId, replayed: true };
      case 'receiving': {
        const to = { partnerId, importId: opened.importId, reception: opened.reception };
        await this.#receive(to, upload.format, request);
        return { importId: opened.importId, replayed: false };
      }
    }
  }

  async #receive(to: Reception, format: ImportFormat, request: Request): Promise<void> {
    const cutter = new ChunkCutter();
    const hash = createHash('sha256');
    let bytes = 0;
    let header: string | null = null;
    const store = async (chunk: Chunk): Promise<void> => {
      if (format === 'csv') header ??= firstLineOf(chunk.bytes);
      const { outcome } = await this.imports.receive(to, chunk, Date.now());
      if (outcome === 'superseded') throw superseded();
    };
    try {
      for await (const piece of request as AsyncIterable<Buffer>) {
        bytes += piece.length;
        if (bytes > mostBytes) throw tooLarge();
        hash.update(piece);
        for (const chunk of cutter.push(piece)) await store(chunk);
        if (cutter.lines > mostLines) throw tooLarge();
      }
      for (const chunk of cutter.end()) await store(chunk);
    } catch (error) {
      await this.imports.abandon(to);
      throw isCut(error) ? cut() : error;
    }
    if (cutter.lines > mostLines) {
      await this.imports.abandon(to);
      throw tooLarge();
    }
    const body = { bytes, lines: cutter.lines, sha256: hash.digest(), header };
    const { outcome } = await this.imports.start(to, body, Date.now());
    if (outcome === 'superseded') throw superseded();
  }
}

async function hashOf(request: Request): Promise<string> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > mostBytes) throw tooLarge();
    hash.update(piece);
  }
  return hash.digest('hex');
}

function firstLineOf(bytes: Buffer): string {
  const end = bytes.indexOf(0x0a);
  // NUL is no text to Postgres; a header with one is none of ours either way.
  return bytes.toString('utf8', 0, end === -1 ? bytes.length : end).replaceAll('\0', '\ufffd');
}

/** The sender went away in the middle. */
const isCut = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ECONNRESET';

const cut = (): Problem => new Problem('malformed_request', 'The body was cut off; nothing of it is kept.');
const tooLarge = (): Problem =>
  new Problem(
    'body_too_large',
    `An import has at most ${mostBytes / 1_048_576} MiB and ${mostLines} lines; nothing of it is kept.`,
  );
const tooMany = (): Problem =>
  new Problem(
    'too_many_requests',
    `At most ${most.receiving} files are received and ${most.running} run at once; nothing of this one is kept.`,
    { refusal: 'too_many_imports' },
    { 'Retry-After': '30' },
  );
const otherBody = (): Problem =>
  new Problem('idempotency_other_body', 'Nothing was done. Use a new key for another file.');
const superseded = (): Problem =>
  new Problem(
    'idempotency_in_flight',
    'The body is being received by another request with this key.',
    {},
    { 'Retry-After': '5' },
  );
