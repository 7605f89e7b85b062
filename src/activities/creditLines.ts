/** From the bytes of a chunk to the arrays that the ledger takes: lines cut, read and sorted. */
import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { longestLine, refused, type CreditLine, type RefusedLine } from '../domain/creditLine.js';
import type { LineBatch } from '../ledger/creditImports.js';

export type ReadLine = (text: string) => CreditLine | RefusedLine;

/**
 * @param firstLine the number of the first line, from 1
 * @param skip how many lines at the beginning of the file are not read: the header
 */
export function batchOf(bytes: Buffer, firstLine: number, skip: number, read: ReadLine, now: number): LineBatch {
  const batch = new Batch(now);
  let line = firstLine;
  for (const text of linesOf(bytes)) {
    if (line > skip && text !== '' && text !== '\r') {
      batch.add(line, typeof text === 'string' ? read(line === 1 ? text.replace(/^\ufeff/, '') : text) : text);
    }
    line += 1;
  }
  return batch.sorted();
}

const newline = 0x0a;

/** Each line without its end; what cannot be a line at all is refused here. A chunk ends with a line's end, or the file. */
function* linesOf(bytes: Buffer): Generator<string | RefusedLine> {
  if (!isUtf8(bytes)) {
    yield* linesOfOddBytes(bytes);
    return;
  }
  const text = bytes.toString('utf8');
  for (let from = 0; from < text.length;) {
    const found = text.indexOf('\n', from);
    const end = found === -1 ? text.length : found;
    // A character takes three bytes at most, or two of them four.
    const isLong =
      end - from > longestLine || (end - from > longestLine / 3 && byteLength(text.slice(from, end)) > longestLine);
    yield isLong ? refused('line_too_long') : text.slice(from, end);
    from = end + 1;
  }
}

const byteLength = (text: string): number => Buffer.byteLength(text, 'utf8');

/** Somewhere in these bytes is no UTF-8: only the lines where it is are refused. */
function* linesOfOddBytes(bytes: Buffer): Generator<string | RefusedLine> {
  for (let from = 0; from < bytes.length;) {
    const found = bytes.indexOf(newline, from);
    const end = found === -1 ? bytes.length : found;
    const line = bytes.subarray(from, end);
    if (line.length > longestLine) yield refused('line_too_long');
    else yield isUtf8(line) ? line.toString('utf8') : refused('not_utf8');
    from = end + 1;
  }
}

class Batch implements LineBatch {
  readonly members: string[] = [];
  readonly days: string[] = [];
  ids: string[] = [];
  lines: number[] = [];
  member: number[] = [];
  day: number[] = [];
  points: number[] = [];
  references: string[] = [];
  readonly refused = { lines: [] as number[], reasons: [] as string[], fields: [] as (string | null)[] };
  readonly #members = new Map<string, number>();
  readonly #days = new Map<string, number>();
  readonly #idOf: (index: number) => string;
  #inOrder = true;

  constructor(now: number) {
    this.#idOf = idsOf(now);
  }

  add(line: number, said: CreditLine | RefusedLine): void {
    if (said.kind === 'refused') {
      this.refused.lines.push(line);
      this.refused.reasons.push(said.reason);
      this.refused.fields.push(said.field);
      return;
    }
    const before = this.references.at(-1);
    if (before !== undefined && before > said.reference) this.#inOrder = false;
    this.ids.push(this.#idOf(this.ids.length));
    this.lines.push(line);
    this.member.push(placeOf(said.memberExternalId, this.members, this.#members));
    this.day.push(said.expiresOn === null ? 0 : placeOf(said.expiresOn, this.days, this.#days));
    this.points.push(said.points);
    this.references.push(said.reference);
  }

  /** By reference, which is the order of the locks, and by line among equals. */
  sorted(): LineBatch {
    if (this.#inOrder) return this;
    const { references } = this;
    const order = references
      .map((_, index) => index)
      .sort((left, right) => compare(references[left] ?? '', references[right] ?? '') || left - right);
    const arranged = <T>(values: readonly T[]): T[] => order.map((index) => values[index] as T);
    this.ids = arranged(this.ids);
    this.lines = arranged(this.lines);
    this.member = arranged(this.member);
    this.day = arranged(this.day);
    this.points = arranged(this.points);
    this.references = arranged(references);
    return this;
  }
}

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);

/** The place of a value in the list of different ones, from 1. */
function placeOf(value: string, list: string[], places: Map<string, number>): number {
  const known = places.get(value);
  if (known !== undefined) return known;
  const place = list.push(value);
  places.set(value, place);
  return place;
}

/** UUIDs of version 7, of one moment and in ascending order: random bits make the batch, a counter the line in it. */
function idsOf(now: number): (index: number) => string {
  const time = now.toString(16).padStart(12, '0');
  const random = randomBytes(6).toString('hex');
  const variant = (8 + (randomBytes(1).readUInt8() & 3)).toString(16);
  const prefix = `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(3, 6)}-${random.slice(6, 10)}`;
  return (index) => prefix + index.toString(16).padStart(8, '0');
}
