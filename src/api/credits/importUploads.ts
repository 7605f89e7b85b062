/**
 * Receives the body of an import into Postgres, a chunk at a time: the sender is read no faster than Postgres writes. Only
 * a body that is here whole is set to work; one that was cut comes again under the same Idempotency-Key.
 */
import { Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { CreditImports, type ImportFormat, type Reception } from '../../ledger/creditImports.js';
import type { Actor } from '../../domain/payment.js';
import { Problem } from '../problem.js';
import { Body, hashOf, otherBody, refuseAnnounced, superseded, tooLarge, uploadError } from '../uploads.js';
import { ChunkCutter, type Chunk } from './chunkCutter.js';

const limit = { mostBytes: 256 * 1_048_576, mostLines: 2_000_000, what: 'An import' };
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
    refuseAnnounced(request, limit);
    const { partnerId } = upload;
    const opened = await this.imports.open(partnerId, { ...upload, at: Date.now() }, most);
    switch (opened.outcome) {
      case 'other':
        throw otherBody();
      case 'too_many':
        throw tooMany();
      case 'received':
        if ((await hashOf(request, limit)) !== opened.sha256) throw otherBody();
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
    const body = new Body(request, limit);
    let header: string | null = null;
    const store = async (chunk: Chunk): Promise<void> => {
      if (format === 'csv') header ??= firstLineOf(chunk.bytes);
      const { outcome } = await this.imports.receive(to, chunk, Date.now());
      if (outcome === 'superseded') throw superseded();
    };
    try {
      for await (const piece of body) {
        for (const chunk of cutter.push(piece)) await store(chunk);
        if (cutter.lines > limit.mostLines) throw tooLarge(limit);
      }
      for (const chunk of cutter.end()) await store(chunk);
      if (cutter.lines > limit.mostLines) throw tooLarge(limit);
    } catch (error) {
      await this.imports.abandon(to);
      // What of the body was not read is read and dropped, so that the sender hears the answer.
      request.resume();
      throw uploadError(error);
    }
    const { bytes } = body;
    const received = { bytes, lines: cutter.lines, sha256: body.sha256(), header };
    const { outcome } = await this.imports.start(to, received, Date.now());
    if (outcome === 'superseded') throw superseded();
  }
}

function firstLineOf(bytes: Buffer): string {
  const end = bytes.indexOf(0x0a);
  // NUL is no text to Postgres; a header with one is none of ours either way.
  return bytes.toString('utf8', 0, end === -1 ? bytes.length : end).replaceAll('\0', '\ufffd');
}

const tooMany = (): Problem =>
  new Problem(
    'too_many_requests',
    `At most ${most.receiving} files are received and ${most.running} run at once; nothing of this one is kept.`,
    { refusal: 'too_many_imports' },
    { 'Retry-After': '30' },
  );
