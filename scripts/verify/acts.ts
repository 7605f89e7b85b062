/** The log of what operators did (docs/audit.md): each line's hash covers its words and the hash of the line before. */
import type pg from 'pg';
import { actHash, nothingBefore } from './formats.js';

export interface ActsVerdict {
  /** That are as they were written, from the first on. */
  readonly lines: number;
  readonly finding: string | null;
}

const linesAtOnce = 5_000;

type Row = [n: string, previousHash: string, hash: string, ...fields: (string | null)[]];

export async function verifyActs(client: pg.ClientBase): Promise<ActsVerdict> {
  let [lines, before] = [0, nothingBefore];
  for (;;) {
    const rows = await readAfter(client, lines);
    for (const [n, previousHash, hash, ...fields] of rows) {
      const finding = whatIsWrong({ n, previousHash, hash, fields }, lines + 1, before);
      if (finding !== null) return { lines, finding };
      lines += 1;
      before = hash;
    }
    if (rows.length < linesAtOnce) return { lines, finding: null };
  }
}

function whatIsWrong(
  line: { n: string; previousHash: string; hash: string; fields: readonly (string | null)[] },
  expected: number,
  before: string,
): string | null {
  const of = 'of what operators did';
  if (line.n !== String(expected)) return `line ${expected} ${of} was taken out`;
  if (line.hash !== actHash(line.n, line.fields, line.previousHash)) return `line ${expected} ${of} was changed`;
  return line.previousHash === before ? null : `line ${expected} ${of} does not follow the line before it`;
}

async function readAfter(client: pg.ClientBase, after: number): Promise<Row[]> {
  const { rows } = await client.query<Row>({
    text: `SELECT n::text, encode(previous_hash, 'hex'), encode(hash, 'hex'),
        to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), operator, to_json(roles)::text, partner_id::text,
        action, subject_kind, subject, outcome, detail::text, request_id
      FROM surety.operator_act WHERE n > $1 ORDER BY n LIMIT $2`,
    values: [after, linesAtOnce],
    rowMode: 'array',
  });
  return rows;
}
