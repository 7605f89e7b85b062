/** A statement's file, from its bytes to its rows, as it comes in: nothing of it is kept longer than a row. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CsvError, parse, type Info } from 'csv-parse';
import {
  readRow,
  refusedRow,
  shapeOf,
  type HeaderProblem,
  type RefusedRow,
  type Row,
  type Shape,
  type StatementMapping,
} from '../../domain/statement.js';

/** A row with the number of its last line in the file, from 1. */
export interface NumberedRow {
  readonly line: number;
  readonly row: Row | (HeaderProblem & { readonly kind: 'header_refused' });
}

/** Characters; past it a quote was left open, or it is no such file. */
const longestRow = 16_384;

/** Ends early, with a refused row, where the file cannot be read any further. */
export async function* rowsOf(pieces: AsyncIterable<Buffer>, mapping: StatementMapping): AsyncGenerator<NumberedRow> {
  const parser = parse({
    delimiter: mapping.delimiter,
    quote: mapping.quotes ? '"' : null,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: longestRow,
    info: true,
  });
  const text = afterLines(mapping.skipLines, decoded(pieces, mapping.encoding));
  // What breaks the source ends the parser with the same error, and so this loop.
  const feeding = pipeline(Readable.from(text), parser).catch(() => undefined);
  let shape: Shape | null = null;
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: Info }>) {
      const line = info.lines + mapping.skipLines;
      if (shape === null) {
        const found = shapeOf(record, mapping);
        if ('problem' in found) {
          yield { line, row: { kind: 'header_refused', ...found } };
          return;
        }
        shape = found;
        if (mapping.header) continue;
      }
      yield { line, row: readRow(record, shape, mapping) };
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    // Of the rows before it some may be lost in the parser: what counts is that this file is refused.
    yield { line: lineOf(error) + mapping.skipLines, row: brokenRow(error) };
    return;
  }
  await feeding;
  if (shape === null && mapping.header) {
    yield { line: 1, row: { kind: 'header_refused', problem: 'column_missing', field: 'date' } };
  }
}

const brokenRow = (error: CsvError): RefusedRow =>
  refusedRow(error.code === 'CSV_MAX_RECORD_SIZE' ? 'line_too_long' : 'malformed');

const lineOf = (error: CsvError): number => (typeof error['lines'] === 'number' ? error['lines'] : 1);

/** By its byte order mark, or as the mapping says; what cannot be decoded becomes U+FFFD, by which its row is refused. */
async function* decoded(pieces: AsyncIterable<Buffer>, encoding: string): AsyncGenerator<string> {
  let decoder: TextDecoder | null = null;
  let head = Buffer.alloc(0);
  for await (const piece of pieces) {
    if (decoder !== null) {
      yield decoder.decode(piece, { stream: true });
      continue;
    }
    head = Buffer.concat([head, piece]);
    if (head.length < 3) continue;
    decoder = new TextDecoder(markedEncoding(head) ?? encoding);
    yield decoder.decode(head, { stream: true });
  }
  if (decoder === null) {
    decoder = new TextDecoder(markedEncoding(head) ?? encoding);
    yield decoder.decode(head, { stream: true });
  }
  yield decoder.decode();
}

function markedEncoding(head: Buffer): string | null {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return 'utf-8';
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  return head[0] === 0xfe && head[1] === 0xff ? 'utf-16be' : null;
}

/** Without its first lines, which are none of the table. */
async function* afterLines(count: number, text: AsyncIterable<string>): AsyncGenerator<string> {
  let left = count;
  for await (const part of text) {
    let from = 0;
    while (left > 0) {
      const end = part.indexOf('\n', from);
      if (end === -1) break;
      left -= 1;
      from = end + 1;
    }
    if (left === 0 && from < part.length) yield from === 0 ? part : part.slice(from);
  }
}
