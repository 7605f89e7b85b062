/**
 * A month of the fund as a text that is read in pages: for the partner's API and for the console. Every balance is made of the
 * opening one and of what stands above it, so a statement adds up whatever is booked while it is read.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Logger } from '@nestjs/common';
import { stringify } from 'csv-stringify/sync';
import type { Response } from 'express';
import { z } from 'zod';
import {
  amountCell,
  kindCell,
  statementWords,
  textCell,
  timeCell,
  type StatementLanguage,
} from '../../domain/statementText.js';
import type { Statement, StatementBeginning, StatementEntry } from '../../ledger/statement.js';
import { withUtc } from '../members/memberJson.js';
import { utc } from '../utc.js';

const rowsAtOnce = 1_000;

export const statementMonth = z
  .string()
  .regex(/^[1-9]\d{3}-(0[1-9]|1[0-2])$/, 'must be a month, YYYY-MM')
  .refine((text) => text < '9999', 'must be before the year 9999');

export interface StatementWish {
  readonly month: string;
  readonly currency: string;
  readonly language: StatementLanguage;
}

/** Which statement is read, and how it begins. */
type Read = StatementBeginning & StatementWish;

interface Turnovers {
  incomingMinor: number;
  outgoingMinor: number;
}

/** Its first page is read, so whatever fails at once has failed. */
export interface BegunStatement {
  readonly read: Read;
  readonly pages: AsyncIterable<StatementEntry[]>;
}

/** Null where there is no fund of the currency. */
export async function beginStatement(
  statement: Statement,
  partnerId: string,
  wish: StatementWish,
): Promise<BegunStatement | null> {
  const begun = await statement.begin(partnerId, wish.currency, wish.month);
  if (begun === null) return null;
  const next = (after: StatementEntry | null) => statement.page(partnerId, wish.currency, begun, after, rowsAtOnce);
  return { read: { ...begun, ...wish }, pages: pagesOf(await next(null), next) };
}

const log = new Logger('fund statement');

/** Streams a text of it. */
export async function sendStatement(
  response: Response,
  text: AsyncIterable<string>,
  type: 'text/csv' | 'application/json',
  name: string,
): Promise<void> {
  response.status(200).type(`${type}; charset=utf-8`);
  response.set('Content-Disposition', `attachment; filename="${name}"`);
  try {
    await pipeline(Readable.from(text), response);
  } catch (error) {
    // The reader went away, or the database did: the connection is cut by now, and he sees that.
    log.warn({ event: 'statement_cut', detail: error instanceof Error ? error.message : 'unknown' });
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

export async function* csvOf({ read, pages }: BegunStatement): AsyncGenerator<string> {
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

export async function* jsonOf({ read, pages }: BegunStatement): AsyncGenerator<string> {
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
