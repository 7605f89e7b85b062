/**
 * `/v1/fund/statement`: a month of the fund for the accountant, streamed in pages as the exports are. Every balance is made
 * of the opening one and of what stands above it, so a statement adds up whatever is booked while it is read.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Get, Logger, Query, Res } from '@nestjs/common';
import { stringify } from 'csv-stringify/sync';
import type { Response } from 'express';
import { z } from 'zod';
import { fractionDigits } from '../../domain/money.js';
import {
  amountCell,
  kindCell,
  statementWords,
  textCell,
  timeCell,
  type StatementLanguage,
} from '../../domain/statementText.js';
import { Statement, type StatementBeginning, type StatementEntry } from '../../ledger/statement.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { ApiController, Endpoint } from '../endpoint.js';
import { withUtc } from '../members/memberJson.js';
import { Problem } from '../problem.js';
import { utc } from '../utc.js';
import { currency, instant, invalidField } from '../validate.js';

const rowsAtOnce = 1_000;
const types = { csv: 'text/csv', json: 'application/json' } as const;

const statementQuery = z.strictObject({
  month: z
    .string()
    .regex(/^[1-9]\d{3}-(0[1-9]|1[0-2])$/, 'must be a month, YYYY-MM')
    .refine((text) => text < '9999', 'must be before the year 9999')
    .meta({ description: 'In the programme’s zone' }),
  currency,
  format: z.enum(['csv', 'json']).default('csv'),
  language: z.enum(['ru', 'en']).default('ru').meta({ description: 'Of the words in a CSV' }),
});

const statementSchema = z.object({
  month: z.string(),
  currency: z.string(),
  timeZone: z.string(),
  from: instant,
  before: instant,
  openingMinor: z.int(),
  entries: z.array(
    z.object({
      id: z.uuid(),
      at: instant,
      localTime: z.string().meta({ description: 'In the programme’s zone' }),
      kind: z.string().meta({ description: 'deposit, repayment, correction, draw, return_fund; more may come' }),
      amountMinor: z.int().meta({ description: 'As the balance moved' }),
      vatAmountMinor: z.int().nullable().meta({ description: 'Of the invoice that was paid' }),
      invoiceNumber: z.string().nullable(),
      transactionId: z.string().nullable(),
      reference: z.string().nullable().meta({ description: 'A bill’s number, a refund’s reference' }),
      paymentId: z.uuid().nullable(),
      balanceMinor: z.int().meta({ description: 'After it' }),
    }),
  ),
  incomingMinor: z.int(),
  outgoingMinor: z.int(),
  closingMinor: z.int(),
});

/** Which statement is read, and how it begins. */
interface Read extends StatementBeginning {
  readonly month: string;
  readonly currency: string;
  readonly language: StatementLanguage;
}

interface Turnovers {
  incomingMinor: number;
  outgoingMinor: number;
}

@ApiController('v1/fund/statement', 'Fund')
export class StatementController {
  readonly #log = new Logger(StatementController.name);

  constructor(private readonly statement: Statement) {}

  @Get()
  @Endpoint({
    scope: 'fund:read',
    summary: 'Read a month of the fund, entry by entry',
    description:
      'Opening balance, each entry with the balance after it, turnovers, closing balance. What is reserved moves nothing here. The CSV is for Excel: `;`, decimal comma, byte order mark; text that could be a formula begins with an apostrophe.',
    answers: { 200: { media: Object.values(types), description: 'The statement', json: statementSchema } },
    problems: ['not_found'],
  })
  async read(
    @CallerOf() { partnerId }: Caller,
    @Query({ schema: statementQuery }) query: z.infer<typeof statementQuery>,
    @Res() response: Response,
  ) {
    const { format, ...of } = query;
    if (fractionDigits(of.currency) === null) {
      throw invalidField('currency', 'is a currency whose minor units are not known', 'three letters');
    }
    const begun = await this.statement.begin(partnerId, of.currency, of.month);
    if (begun === null) throw new Problem('not_found', 'There is no fund of this currency.');
    const next = (after: StatementEntry | null) =>
      this.statement.page(partnerId, of.currency, begun, after, rowsAtOnce);
    // The first page before the headers: what fails at once is answered as a problem.
    const pages = pagesOf(await next(null), next);
    response.status(200).type(`${types[format]}; charset=utf-8`);
    response.set('Content-Disposition', `attachment; filename="fund-${of.currency}-${of.month}.${format}"`);
    const text = format === 'csv' ? csvOf({ ...begun, ...of }, pages) : jsonOf({ ...begun, ...of }, pages);
    try {
      await pipeline(Readable.from(text), response);
    } catch (error) {
      // The reader went away, or the database did: the connection is cut by now, and he sees that.
      this.#log.warn({ event: 'statement_cut', detail: error instanceof Error ? error.message : 'unknown' });
    }
  }
}

async function* pagesOf(
  first: StatementEntry[],
  next: (after: StatementEntry) => Promise<StatementEntry[]>,
): AsyncGenerator<StatementEntry[]> {
  for (let page = first; ;) {
    yield page;
    const last = page.at(-1);
    if (last === undefined || page.length < rowsAtOnce) return;
    page = await next(last);
  }
}

/** Adds an entry to the turnovers. @returns the balance after it */
function count(openingMinor: number, turnovers: Turnovers, { amountMinor }: StatementEntry): number {
  if (amountMinor > 0) turnovers.incomingMinor += amountMinor;
  else turnovers.outgoingMinor -= amountMinor;
  return openingMinor + turnovers.incomingMinor - turnovers.outgoingMinor;
}

async function* csvOf(read: Read, pages: AsyncIterable<StatementEntry[]>): AsyncGenerator<string> {
  const words = statementWords(read.language);
  const lines = (rows: readonly (readonly string[])[]) =>
    stringify(
      rows.map((row) => [...row]),
      { delimiter: ';', record_delimiter: 'windows' },
    );
  const money = (amountMinor: number) => amountCell(amountMinor, read.currency);
  const line = (label: string, amount: string, balance: string) => ['', label, '', amount, '', '', '', balance];
  const turnovers = { incomingMinor: 0, outgoingMinor: 0 };
  // The byte order mark: without it Excel takes UTF-8 for the system's old code page.
  yield `\u{feff}${lines([[...words.columns], line(words.opening, '', money(read.openingMinor))])}`;
  for await (const page of pages) {
    yield lines(
      page.map((entry) => [
        timeCell(entry.localTime),
        textCell(kindCell(entry.kind, read.language)),
        textCell(entry.invoiceNumber),
        money(entry.amountMinor),
        entry.vatAmountMinor === null ? '' : money(entry.vatAmountMinor),
        textCell(entry.transactionId),
        textCell(entry.reference),
        money(count(read.openingMinor, turnovers, entry)),
      ]),
    );
  }
  const closingMinor = read.openingMinor + turnovers.incomingMinor - turnovers.outgoingMinor;
  yield lines([
    line(words.incoming, money(turnovers.incomingMinor), ''),
    line(words.outgoing, money(-turnovers.outgoingMinor), ''),
    line(words.closing, '', money(closingMinor)),
  ]);
}

async function* jsonOf(read: Read, pages: AsyncIterable<StatementEntry[]>): AsyncGenerator<string> {
  const { month, currency: of, timeZone, from, before, openingMinor } = read;
  const head = { month, currency: of, timeZone, from: utc(from), before: utc(before), openingMinor };
  const turnovers = { incomingMinor: 0, outgoingMinor: 0 };
  yield `${JSON.stringify(head).slice(0, -1)},"entries":[`;
  let comma = '';
  for await (const page of pages) {
    const told = page.map((entry) =>
      JSON.stringify({ ...withUtc(entry), balanceMinor: count(openingMinor, turnovers, entry) }),
    );
    if (told.length > 0) yield comma + told.join(',');
    comma = ',';
  }
  const closingMinor = openingMinor + turnovers.incomingMinor - turnovers.outgoingMinor;
  yield `],${JSON.stringify({ ...turnovers, closingMinor }).slice(1)}\n`;
}
