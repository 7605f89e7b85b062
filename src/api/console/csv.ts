/** Exports of the console: streamed by pages, for spreadsheets, with nothing in them that a spreadsheet would run. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Logger } from '@nestjs/common';
import { stringify } from 'csv-stringify/sync';
import type { Response } from 'express';
import { textCell } from '../../domain/statementText.js';

const log = new Logger('console exports');

/**
 * @param name of the file, without its ending
 * @param pages of cells; text is neutralised here
 */
export async function sendCsv(
  response: Response,
  name: string,
  columns: readonly string[],
  pages: AsyncIterable<readonly (readonly (string | number | null)[])[]>,
): Promise<void> {
  response.status(200).type('text/csv; charset=utf-8').set('Cache-Control', 'no-store');
  response.set('Content-Disposition', `attachment; filename="${name}.csv"`);
  try {
    await pipeline(Readable.from(linesOf(columns, pages)), response);
  } catch (error) {
    // The reader went away, or the database did: the connection is cut by now, and he sees that.
    log.warn({ event: 'export_cut', export: name, detail: error instanceof Error ? error.message : 'unknown' });
  }
}

async function* linesOf(
  columns: readonly string[],
  pages: AsyncIterable<readonly (readonly (string | number | null)[])[]>,
): AsyncGenerator<string> {
  const lines = (rows: string[][]) => stringify(rows, { record_delimiter: 'windows' });
  // The byte order mark: without it Excel takes UTF-8 for the system's old code page.
  yield `\u{feff}${lines([[...columns]])}`;
  for await (const page of pages) {
    if (page.length > 0) yield lines(page.map((row) => row.map(cell)));
  }
}

const cell = (value: string | number | null): string => (typeof value === 'number' ? String(value) : textCell(value));
