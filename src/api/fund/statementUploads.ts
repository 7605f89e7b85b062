/**
 * Receives a statement into Postgres, row by row: the sender is read no faster than Postgres writes. A file counts when all of
 * it was read, or not at all: the first rows that cannot be read are told by number, and nothing of it is kept.
 */
import { hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import type { Request } from 'express';
import type { Actor } from '../../domain/payment.js';
import { type Field, type Movement, type RefusedRow, type StatementMapping } from '../../domain/statement.js';
import { Balances, identityOf } from '../../domain/statementBalances.js';
import { Statements, type MovementBatch, type StatementReception } from '../../ledger/statements.js';
import { Problem } from '../problem.js';
import { Body, hashOf, otherBody, refuseAnnounced, superseded, tooLarge, uploadError } from '../uploads.js';
import { rowsOf } from './statementFile.js';

const limit = { mostBytes: 256 * 1_048_576, mostLines: 1_000_000, what: 'A statement' };
const mostTold = 100;
const rowsAtOnce = 5_000;

export interface StatementUpload {
  readonly partnerId: string;
  readonly keyHash: Buffer;
  readonly mapping: StatementMapping;
  /** Whole days that it covers, where the sender says so. */
  readonly period: { readonly from: string | null; readonly to: string | null };
  readonly actor: Actor;
}

interface ToldLine {
  readonly line: number;
  readonly problem: string;
  readonly field: Field | null;
}

@Injectable()
export class StatementUploads {
  constructor(private readonly statements: Statements) {}

  /** @returns the statement whose body is here now, and whether it had been before */
  async receive(upload: StatementUpload, request: Request): Promise<{ statementId: string; replayed: boolean }> {
    refuseAnnounced(request, limit);
    return this.receiveBody(upload, request);
  }

  /** The same of a file, wherever it comes from. */
  async receiveBody(upload: StatementUpload, source: Readable): Promise<{ statementId: string; replayed: boolean }> {
    const { partnerId } = upload;
    const opened = await this.statements.open(partnerId, { ...upload, at: Date.now() });
    switch (opened.outcome) {
      case 'received':
        if ((await hashOf(source, limit)) !== opened.sha256) throw otherBody();
        return { statementId: opened.statementId, replayed: true };
      case 'receiving': {
        const { statementId, reception } = opened;
        await this.#receive({ partnerId, statementId, reception }, upload, source);
        return { statementId, replayed: false };
      }
    }
  }

  async #receive(to: StatementReception, upload: StatementUpload, source: Readable): Promise<void> {
    const body = new Body(source, limit);
    try {
      const read = await this.#readAll(to, body, upload);
      const started = await this.statements.start(
        to,
        { ...read, period: upload.period, sha256: body.sha256() },
        Date.now(),
      );
      switch (started.outcome) {
        case 'received':
          return;
        case 'superseded':
          throw superseded();
        case 'out_of_period':
          throw refusedFile([{ line: started.line, problem: 'out_of_period', field: 'date' }]);
      }
    } catch (error) {
      await this.statements.abandon(to);
      // What of the body was not read is read and dropped, so that the sender hears the answer.
      source.resume();
      throw uploadError(error);
    }
  }

  /** Throws Problem statement_refused with the rows that cannot be read. */
  async #readAll(to: StatementReception, body: Body, { mapping, period }: StatementUpload) {
    const balances = new Balances();
    const refused: ToldLine[] = [];
    let [totalLines, movements] = [0, 0];
    let batch = emptyBatch();
    const store = async (): Promise<void> => {
      const { outcome } = await this.statements.receive(to, batch, Date.now());
      if (outcome === 'superseded') throw superseded();
      batch = emptyBatch();
    };
    for await (const { line, row } of rowsOf(body, mapping)) {
      totalLines = line;
      if (line > limit.mostLines + mapping.skipLines + 1) throw tooLarge(limit);
      // Enough to mend the file by; the rest is only read to its end.
      if (refused.length === mostTold) continue;
      const wrong = problemOf(row, balances);
      if (wrong !== null) refused.push({ line, ...wrong });
      if (row.kind !== 'movement' || refused.length > 0) continue;
      movements += 1;
      addTo(batch, row, line);
      if (batch.lines.length === rowsAtOnce) await store();
    }
    if (refused.length > 0) throw refusedFile(refused);
    if (movements === 0 && (period.from === null || period.to === null)) {
      throw refusedFile([{ line: Math.max(1, totalLines), problem: 'empty_without_a_period', field: null }]);
    }
    if (batch.lines.length > 0) await store();
    const { turnovers } = balances;
    const currencies = new Set(turnovers.map(({ currency }) => currency));
    if (mapping.currency !== null) currencies.add(mapping.currency);
    return { currencies: [...currencies], balances: turnovers, totalLines, movements };
  }
}

type ReadRow = Parameters<Balances['add']>[0] | RefusedRow | { readonly kind: 'ignored' };
type HeaderRefused = { readonly kind: 'header_refused'; readonly problem: string; readonly field: Field };

function problemOf(row: ReadRow | HeaderRefused, balances: Balances): Omit<ToldLine, 'line'> | null {
  switch (row.kind) {
    case 'refused':
    case 'header_refused':
      return { problem: row.problem, field: row.field };
    case 'ignored':
      return null;
    case 'movement':
    case 'opening':
    case 'closing': {
      const wrong = balances.add(row);
      return wrong === null ? null : { problem: wrong.problem, field: wrong.field };
    }
  }
}

const emptyBatch = (): MovementBatch => ({
  identities: [],
  lines: [],
  moments: [],
  transactions: [],
  operations: [],
  numbers: [],
  amounts: [],
  currencies: [],
});

function addTo(batch: MovementBatch, movement: Movement, line: number): void {
  // Half of the hash is a UUID's size, and far beyond any collision.
  batch.identities.push(hash('sha256', identityOf(movement)).slice(0, 32));
  batch.lines.push(line);
  batch.moments.push(movement.moment);
  batch.transactions.push(movement.transactionId);
  batch.operations.push(movement.operationId);
  batch.numbers.push(movement.invoiceNumber);
  batch.amounts.push(movement.amountMinor);
  batch.currencies.push(movement.currency);
}

const refusedFile = (lines: readonly ToldLine[]): Problem =>
  new Problem('statement_refused', 'Nothing of it is kept.', { lines, more: lines.length === mostTold });
