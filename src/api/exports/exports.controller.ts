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
import { Points, type ExportedEntry, type ExportedMember } from '../../ledger/points.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { Cursors, cursorText } from '../cursors.js';
import { ApiController, Endpoint, type Media } from '../endpoint.js';
import { withUtc } from '../members/memberJson.js';
import { Problem } from '../problem.js';
import { moment } from '../validate.js';

const rowsAtOnce = 1_000;
const types = { ndjson: 'application/x-ndjson', csv: 'text/csv' } as const;
type Format = keyof typeof types;

const format = z.enum(['ndjson', 'csv']).default('ndjson');
const membersQuery = z.strictObject({ format });
const entriesQuery = z.strictObject({
  format,
  from: moment
    .optional()
    .meta({ description: 'Entries of this moment and later. An entry may come to be of a moment that is past' }),
  before: moment.optional(),
  after: cursorText.optional().meta({
    description: 'The header `Surety-Next` of an export before: what was booked since then, whatever moment it is of',
  }),
});
/** Entries are told by the transaction that booked them: those before `until` are finished, none of them comes later. */
const place = z.object({ epoch: z.int(), until: z.string().regex(/^\d{1,20}$/) });
const entryColumns = [
  'id', 'memberId', 'kind', 'points', 'reference', 'paymentId', 'creditId', 'expiresOn', 'at',
] as const; // prettier-ignore
const nextHeader = 'Surety-Next';
const lowestId = '00000000-0000-0000-0000-000000000000';

const csvDescription =
  'CSV with a header, where text that begins with `=`, `+`, `-` or `@` (a phone, for one) has an apostrophe before it, so that no spreadsheet reads it as a formula';
const streamed = (description: string): Media => ({ media: Object.values(types), description });

@ApiController('v1/exports', 'Exports')
export class ExportsController {
  readonly #log = new Logger(ExportsController.name);

  constructor(
    private readonly points: Points,
    private readonly cursors: Cursors,
  ) {}

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
    const read = (last: ExportedMember | null) =>
      this.points.exportMembers(partnerId, last?.id ?? null, rowsAtOnce, at);
    await this.#stream(response, 'members', query.format, columns, await read(null), read);
  }

  @Get('entries')
  @Endpoint({
    scope: 'points:read',
    summary: 'Export all entries of points, in the order in which they were booked',
    description:
      'The header `Surety-Next` leads to what will have been booked since: give it as `after`. So every entry comes once, also one that is booked late for a moment that is past, as expiry is.',
    answers: { 200: streamed(`An entry a line: JSON, or ${csvDescription}`) },
    problems: ['cursor_outdated'],
  })
  async entries(
    @CallerOf() { partnerId }: Caller,
    @Query({ schema: entriesQuery }) query: z.infer<typeof entriesQuery>,
    @Res() response: Response,
  ) {
    const [from, to] = [query.from, query.before].map((text) => (text === undefined ? null : Date.parse(text)));
    const span = { from: from ?? null, to: to ?? null };
    const list = { partnerId, list: 'exported-entries' };
    const begun = query.after === undefined ? null : this.cursors.open(list, query.after, place);
    const begin = begun === null ? null : { xid: begun.until, id: lowestId };
    const first = await this.points.exportEntries(partnerId, { after: begin, until: null }, rowsAtOnce, span);
    const { epoch, until } = first;
    if (begun !== null && begun.epoch !== epoch) {
      throw new Problem('cursor_outdated', 'The books were restored from a backup: export them from the beginning.');
    }
    const read = async (last: ExportedEntry) =>
      (await this.points.exportEntries(partnerId, { after: last, until }, rowsAtOnce, span)).entries;
    response.set(nextHeader, this.cursors.seal(list, { epoch, until }));
    await this.#stream(response, 'entries', query.format, entryColumns, first.entries, read, entryJson);
  }

  /** @param first read before the headers: what fails at once is answered as a problem */
  async #stream<Row extends object>(
    response: Response,
    name: string,
    format: Format,
    columns: readonly string[],
    first: Row[],
    read: (last: Row) => Promise<Row[]>,
    tell: (row: Row) => object = (row) => row,
  ): Promise<void> {
    response.status(200).type(`${types[format]}; charset=utf-8`);
    response.set('Content-Disposition', `attachment; filename="${name}.${format}"`);
    try {
      await pipeline(
        Readable.from(
          pages(first, read, (rows) => textOf(rows.map(tell), format, columns), format === 'csv' ? columns : null),
        ),
        response,
      );
    } catch (error) {
      // The reader went away, or the database did: the connection is cut by now, and he sees that.
      this.#log.warn({ event: 'export_cut', name, detail: error instanceof Error ? error.message : 'unknown' });
    }
  }
}

/** Where what was booked stands is ours to know. */
function entryJson(entry: ExportedEntry): object {
  const told = withUtc(entry);
  return Object.fromEntries(entryColumns.map((name) => [name, told[name]]));
}

async function* pages<Row extends object>(
  first: Row[],
  read: (last: Row) => Promise<Row[]>,
  textOfPage: (rows: Row[]) => string,
  header: readonly string[] | null,
): AsyncGenerator<string> {
  if (header !== null) yield stringify([header]);
  for (let page = first; ;) {
    if (page.length > 0) yield textOfPage(page);
    const last = page.at(-1);
    if (last === undefined || page.length < rowsAtOnce) return;
    page = await read(last);
  }
}

/** What a partner's customers call themselves must be no formula in the spreadsheet that opens the file. */
const textOf = (rows: readonly object[], format: Format, columns: readonly string[]): string =>
  format === 'csv'
    ? stringify([...rows], { columns: [...columns], escape_formulas: true })
    : rows.map((row) => `${JSON.stringify(row)}\n`).join('');
