/**
 * An import of credits, chunk by chunk: read, judged line by line, booked as a set. Which chunks are done is the ledger's
 * to say, so whoever takes over from a lost worker goes on where the last commit was.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { CancelledFailure, Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { parseCsvHeader, parseCsvLine, parseJsonLine, type HeaderProblem } from '../domain/creditLine.js';
import type { CreditImports, ImportEnd, ImportWork } from '../ledger/creditImports.js';
import { batchOf, type ReadLine } from './creditLines.js';

export type { ImportEnd };

export interface ImportKey {
  readonly partnerId: string;
  readonly importId: string;
}

/** Chunks at once: while Postgres books one, another is read and judged. */
const atOnce = 2;
/** Tries of one chunk against others that credit the same lines in the same moment. */
const tries = 5;
const clearAtOnce = 50_000;

export function createImportActivities(imports: CreditImports) {
  return {
    /** @returns why nothing of the file can be read; null: every line is done */
    async applyCreditImport({ partnerId, importId }: ImportKey): Promise<HeaderProblem | null> {
      const { cancellationSignal } = Context.current();
      const work = await imports.work(partnerId, importId);
      if (work === null) throw ApplicationFailure.nonRetryable('There is no such import', 'ImportNotFound');
      if (work.state !== 'running') return null;
      const reader = readerOf(work);
      if (typeof reader === 'string') return reader;
      const chunks = work.chunks.values();
      let done = 0;
      let isStopping = false;
      const lane = async (): Promise<void> => {
        for (const n of chunks) {
          if (isStopping) return;
          if (cancellationSignal.aborted) throw new CancelledFailure('the worker is stopping');
          try {
            await applyChunk(n, reader);
          } catch (error) {
            // What the other lanes hold in hand they finish; the retry takes up the rest.
            isStopping = true;
            throw error;
          }
          done += 1;
          Context.current().heartbeat(done);
        }
      };
      await Promise.all(Array.from({ length: atOnce }, lane));
      return null;

      async function applyChunk(n: number, { read, skip }: Reader): Promise<void> {
        const chunk = await imports.readChunk(partnerId, importId, n);
        if (chunk === null) return;
        const batch = batchOf(chunk.bytes, chunk.firstLine, skip, read, Date.now());
        for (let attempt = 1; ; attempt++) {
          try {
            await imports.apply(partnerId, importId, n, batch, Date.now());
            return;
          } catch (error) {
            if (attempt === tries || !isContention(error)) throw error;
            await pause(50 * attempt);
          }
        }
      }
    },

    async endCreditImport({
      partnerId,
      importId,
      failure,
    }: ImportKey & { failure: HeaderProblem | null }): Promise<ImportEnd> {
      const { told } = await imports.end(partnerId, importId, failure, Date.now());
      while ((await imports.clear(partnerId, importId, clearAtOnce)) > 0) Context.current().heartbeat();
      return told;
    },
  };
}

interface Reader {
  readonly read: ReadLine;
  /** Lines at the beginning that are no credits. */
  readonly skip: number;
}

function readerOf(work: ImportWork): Reader | HeaderProblem {
  const today = work.today ?? '';
  switch (work.format) {
    case 'ndjson':
      return { read: (text) => parseJsonLine(text, today), skip: 0 };
    case 'csv': {
      const shape = parseCsvHeader(work.header ?? '');
      return typeof shape === 'string' ? shape : { read: (text) => parseCsvLine(text, shape, today), skip: 1 };
    }
  }
}

/** Others credit the same lines or members in this moment: Postgres let one go first. */
function isContention(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return code === '40001' || code === '40P01' || code === '23505';
}
