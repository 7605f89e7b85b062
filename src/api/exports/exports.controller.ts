/**
 * `/v1/exports`: everything of a partner's points, streamed in pages that are read one after the other, so that neither we
 * nor the database keep more than one of them, however large the programme and however slow the reader. A stream that
 * cannot be finished is cut, never ended as if it were whole.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Get, Logger, Query, Res } from '@nestjs/common';
import { stringify } from 'csv-stringify/sync';
import type { Response } from 'express';
import { z } from 'zod';
import { Points } from '../../ledger/points.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { ApiController, Endpoint, type Media } from '../endpoint.js';
import { withUtc } from '../members/memberJson.js';
import { moment } from '../validate.js';

const rowsAtOnce = 1_000;
const types = { ndjson: 'application/x-ndjson', csv: 'text/csv' } as const;
type Format = keyof typeof types;

const format = z.enum(['ndjson', 'csv']).default('ndjson');
const membersQuery = z.strictObject({ format });
const entriesQuery = z.strictObject({ format, from: moment.optional(), before: moment.optional() });

const csvDescription =
  'CSV with a header, where text that begins with `=`, `+`, `-` or `@` (a phone, for one) has an apostrophe before it, so that no spreadsheet reads it as a formula';
const streamed = (description: string): Media => ({ media: Object.values(types), description });

@ApiController('v1/exports', 'Exports')
export class ExportsController {
  readonly #log = new Logger(ExportsController.name);

  constructor(private readonly points: Points) {}

  @Get('members')
  @Endpoint({
    scope: 'points:read',
    summary: 'Export all members with their balances',
    answers: { 200: streamed(`A member a line: JSON, or ${csvDescription}`) },
  })
  async members(
    @CallerOf() { partnerId }: Caller,
    @Query({ schema: membersQuery }) query: z.infer<typeof membersQuery>,
    @Res() response: Response,
  ) {
    const at = Date.now();
    const columns = ['id', 'externalId', 'available', 'held', 'nextExpiresOn', 'createdAt', 'erasedAt'];
    await this.#stream(response, 'members', query.format, columns, (after) =>
      this.points.exportMembers(partnerId, after, rowsAtOnce, at),
    );
  }

  @Get('entries')
  @Endpoint({
    scope: 'points:read',
    summary: 'Export all entries of points, oldest first',
    answers: { 200: streamed(`An entry a line: JSON, or ${csvDescription}`) },
  })
  async entries(
    @CallerOf() { partnerId }: Caller,
    @Query({ schema: entriesQuery }) query: z.infer<typeof entriesQuery>,
    @Res() response: Response,
  ) {
    const [from, to] = [query.from, query.before].map((text) => (text === undefined ? null : Date.parse(text)));
    const columns = ['id', 'memberId', 'kind', 'points', 'reference', 'paymentId', 'creditId', 'expiresOn', 'at'];
    await this.#stream(response, 'entries', query.format, columns, async (after) => {
      const span = { from: from ?? null, to: to ?? null };
      return (await this.points.exportEntries(partnerId, after, rowsAtOnce, span)).map(withUtc);
    });
  }

  async #stream<Row extends { readonly id: string }>(
    response: Response,
    name: string,
    format: Format,
    columns: readonly string[],
    read: (after: string | null) => Promise<Row[]>,
  ): Promise<void> {
    // The first page before the headers: what fails at once is answered as a problem.
    const first = await read(null);
    response.status(200).type(`${types[format]}; charset=utf-8`);
    response.set('Content-Disposition', `attachment; filename="${name}.${format}"`);
    try {
      await pipeline(Readable.from(pages(first, read, format, columns)), response);
    } catch (error) {
      // The reader went away, or the database did: the connection is cut by now, and he sees that.
      this.#log.warn({ event: 'export_cut', name, detail: error instanceof Error ? error.message : 'unknown' });
    }
  }
}

async function* pages<Row extends { readonly id: string }>(
  first: Row[],
  read: (after: string | null) => Promise<Row[]>,
  format: Format,
  columns: readonly string[],
): AsyncGenerator<string> {
  if (format === 'csv') yield stringify([columns]);
  for (let page = first; ;) {
    if (page.length > 0) yield textOf(page, format, columns);
    const last = page.at(-1);
    if (last === undefined || page.length < rowsAtOnce) return;
    page = await read(last.id);
  }
}

/** What a partner's customers call themselves must be no formula in the spreadsheet that opens the file. */
const textOf = (rows: readonly object[], format: Format, columns: readonly string[]): string =>
  format === 'csv'
    ? stringify([...rows], { columns: [...columns], escape_formulas: true })
    : rows.map((row) => `${JSON.stringify(row)}\n`).join('');
