/**
 * One line of an import of credits: what it says, or why it is refused. Pure; a million of them an import, so the texts are
 * scanned once and by hand where a parser would hide what was written (`1.0` for points, a key that stands twice).
 */
import { isDay } from './calendar.js';

export interface CreditLine {
  readonly kind: 'credit';
  readonly memberExternalId: string;
  readonly points: number;
  /** The last day on which the points can be spent, `YYYY-MM-DD` in the programme's zone; null: they never expire. */
  readonly expiresOn: string | null;
  readonly reference: string;
}

/** Told by reason and field; never by what stands in the line, which may be personal. */
export interface RefusedLine {
  readonly kind: 'refused';
  readonly reason: LineProblem;
  readonly field: string | null;
}

export type LineProblem =
  | 'not_utf8'
  | 'line_too_long'
  | 'malformed'
  | 'wrong_number_of_fields'
  | 'unknown_field'
  | 'duplicate_field'
  | 'missing_field'
  | 'wrong_type'
  | 'invalid_member'
  | 'fractional_points'
  | 'invalid_points'
  | 'points_out_of_range'
  | 'invalid_date'
  | 'already_over'
  | 'invalid_reference';

/** In bytes, without its end. */
export const longestLine = 4_096;
export const mostPoints = 1_000_000_000;

const creditFields = ['memberExternalId', 'points', 'expiresOn', 'reference'] as const;
type CreditField = (typeof creditFields)[number];
const isCreditField = (name: string): name is CreditField => (creditFields as readonly string[]).includes(name);

export const refused = (reason: LineProblem, field: string | null = null): RefusedLine => ({
  kind: 'refused',
  reason,
  field,
});

interface Written {
  memberExternalId?: string;
  points?: string;
  /** null is written too: the same name after it stands twice. */
  expiresOn?: string | null;
  reference?: string;
}

/** @param today the day before which nothing may expire, `YYYY-MM-DD` */
function judge(written: Written, today: string): CreditLine | RefusedLine {
  const { memberExternalId, points, expiresOn, reference } = written;
  if (memberExternalId === undefined) return refused('missing_field', 'memberExternalId');
  if (points === undefined) return refused('missing_field', 'points');
  if (reference === undefined) return refused('missing_field', 'reference');
  const member = memberName(memberExternalId);
  if (member === null) return refused('invalid_member', 'memberExternalId');
  if (!/^[1-9][0-9]{0,12}$/.test(points)) return refused(pointsProblem(points), 'points');
  const amount = Number(points);
  if (amount > mostPoints) return refused('points_out_of_range', 'points');
  if (!/^[\x21-\x7e]{1,100}$/.test(reference)) return refused('invalid_reference', 'reference');
  if (expiresOn !== undefined && expiresOn !== null) {
    if (!isDay(expiresOn)) return refused('invalid_date', 'expiresOn');
    if (expiresOn < today) return refused('already_over', 'expiresOn');
  }
  return { kind: 'credit', memberExternalId: member, points: amount, expiresOn: expiresOn ?? null, reference };
}

function memberName(text: string): string | null {
  if (/^[\x21-\x7e](?:[\x20-\x7e]{0,198}[\x21-\x7e])?$/.test(text)) return text;
  if (!text.isWellFormed() || /\p{C}/u.test(text)) return null;
  const name = text.normalize('NFC').trim();
  return name.length >= 1 && name.length <= 200 ? name : null;
}

function pointsProblem(text: string): LineProblem {
  if (/^-?[0-9]+[.,][0-9]+$/.test(text)) return 'fractional_points';
  return /^(?:0|-?[1-9][0-9]*)$/.test(text) ? 'points_out_of_range' : 'invalid_points';
}

/** A line of NDJSON: one flat object of the four fields, each once, points as a bare number of digits. */
export function parseJsonLine(text: string, today: string): CreditLine | RefusedLine {
  const written: Written = {};
  let at = afterSpace(text, 0);
  if (text[at] !== '{') return refused('malformed');
  at = afterSpace(text, at + 1);
  if (text[at] !== '}') {
    for (;;) {
      const key = stringAt(text, at);
      if (key === null) return refused('malformed');
      at = afterSpace(text, key.end);
      if (text[at] !== ':') return refused('malformed');
      at = afterSpace(text, at + 1);
      const name = key.value;
      // The name itself is the sender's text: only ours are told.
      if (!isCreditField(name)) return refused('unknown_field');
      if (written[name] !== undefined) return refused('duplicate_field', name);
      if (name === 'points') {
        const end = afterNumber(text, at);
        if (end === at) return refused('wrong_type', name);
        written.points = text.slice(at, end);
        at = end;
      } else if (name === 'expiresOn' && text.startsWith('null', at)) {
        written.expiresOn = null;
        at += 4;
      } else {
        if (text[at] !== '"') return refused('wrong_type', name);
        const value = stringAt(text, at);
        if (value === null) return refused('malformed');
        written[name] = value.value;
        at = value.end;
      }
      at = afterSpace(text, at);
      if (text[at] === '}') break;
      if (text[at] !== ',') return refused('malformed');
      at = afterSpace(text, at + 1);
    }
  }
  return afterSpace(text, at + 1) === text.length ? judge(written, today) : refused('malformed');
}

function afterSpace(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ' || text[at] === '\t' || text[at] === '\r') at += 1;
  return at;
}

function afterNumber(text: string, from: number): number {
  const number = /[-+.0-9eE]*/y;
  number.lastIndex = from;
  return from + (number.exec(text)?.[0].length ?? 0);
}

/** The JSON string that begins here; null where there is none. */
function stringAt(text: string, from: number): { value: string; end: number } | null {
  if (text[from] !== '"') return null;
  let end = text.indexOf('"', from + 1);
  const plain = text.slice(from + 1, end);
  if (end !== -1 && !plain.includes('\\')) return { value: plain, end: end + 1 };
  while (end !== -1 && backslashesBefore(text, end) % 2 === 1) end = text.indexOf('"', end + 1);
  if (end === -1) return null;
  try {
    return { value: JSON.parse(text.slice(from, end + 1)) as string, end: end + 1 };
  } catch {
    // An escape that JSON does not have.
    return null;
  }
}

function backslashesBefore(text: string, at: number): number {
  let count = 0;
  while (text[at - 1 - count] === '\\') count += 1;
  return count;
}

/** How the lines of a CSV file are read: by its first one. */
export interface CsvShape {
  readonly delimiter: ',' | ';';
  /** Which field stands where. */
  readonly columns: readonly CreditField[];
}

export type HeaderProblem =
  'header_missing' | 'header_malformed' | 'column_unknown' | 'column_missing' | 'column_twice';

/** The names of the fields in any order, by commas or semicolons; `expiresOn` may be left out. */
export function parseCsvHeader(text: string): CsvShape | HeaderProblem {
  const line = text.replace(/^\ufeff/, '').replace(/\r$/, '');
  if (line.trim() === '') return 'header_missing';
  const delimiter = line.includes(';') ? ';' : ',';
  const names = splitCsvLine(line, delimiter)?.map((name) => name.trim());
  if (names === undefined) return 'header_malformed';
  const columns = names.filter(isCreditField);
  if (columns.length !== names.length) return 'column_unknown';
  if (new Set(columns).size !== columns.length) return 'column_twice';
  const required = creditFields.filter((field) => field !== 'expiresOn');
  return required.every((field) => columns.includes(field)) ? { delimiter, columns } : 'column_missing';
}

/** A line of CSV (RFC 4180): fields may be quoted, but none goes on into the next line. An empty date is none. */
export function parseCsvLine(text: string, shape: CsvShape, today: string): CreditLine | RefusedLine {
  const fields = splitCsvLine(text.endsWith('\r') ? text.slice(0, -1) : text, shape.delimiter);
  if (fields === null) return refused('malformed');
  if (fields.length !== shape.columns.length) return refused('wrong_number_of_fields');
  const written: Written = {};
  for (const [index, name] of shape.columns.entries()) {
    const field = fields[index];
    if (field !== undefined && (name !== 'expiresOn' || field !== '')) written[name] = field;
  }
  return judge(written, today);
}

/** The fields of a line; null where its quotes do not fit. */
function splitCsvLine(line: string, delimiter: string): string[] | null {
  if (!line.includes('"')) return line.split(delimiter);
  const fields: string[] = [];
  for (let at = 0; ;) {
    if (line[at] === '"') {
      const match = /"((?:[^"]|"")*)"/y;
      match.lastIndex = at;
      const quoted = match.exec(line);
      if (quoted === null) return null;
      fields.push((quoted[1] ?? '').replaceAll('""', '"'));
      at += quoted[0].length;
    } else {
      const end = line.indexOf(delimiter, at);
      const field = line.slice(at, end === -1 ? line.length : end);
      if (field.includes('"')) return null;
      fields.push(field);
      at += field.length;
    }
    if (at === line.length) return fields;
    if (line[at] !== delimiter) return null;
    at += 1;
  }
}
