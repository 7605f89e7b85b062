/** The same movements in every shape in which a cabinet may write them: read to the kopeck, or refused by line. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { repository } from '../../scripts/stack.js';
import { rowsOf, type NumberedRow } from '../../src/api/fund/statementFile.js';
import { mappingSchema } from '../../src/api/fund/statementMapping.js';
import { type Movement } from '../../src/domain/statement.js';
import { Balances } from '../../src/domain/statementBalances.js';

const folder = join(repository, 'test/fixtures/statements');
interface Shape {
  readonly mapping: unknown;
  /** A movement that stands before the others. */
  readonly first?: Partial<Movement>;
  readonly balances?: false;
}
const shapes = JSON.parse(readFileSync(join(folder, 'shapes.json'), 'utf8')) as Record<string, Shape>;

/** Two that are equal, of one invoice; a deposit; a refund, a second before midnight. */
const draw = {
  moment: '2026-11-10 09:30:00',
  transactionId: null,
  operationId: '01771534-1a57-7184-8ee3-ebeb91dded76',
  invoiceNumber: '123-1',
  amountMinor: -1_234_56,
};
const movements = [
  draw,
  draw,
  {
    moment: '2026-11-10 12:00:00',
    transactionId: 't-3',
    operationId: null,
    invoiceNumber: 'СЧ-17',
    amountMinor: 1_000_000_00,
  },
  {
    moment: '2026-11-10 23:59:59',
    transactionId: 't-4',
    operationId: '01771534-1a57-7184-8ee3-ebeb91dded77',
    invoiceNumber: '123-2',
    amountMinor: 5,
  },
];
const inUtc = (moment: string): string => new Date(`${moment.replace(' ', 'T')}+03:00`).toISOString();

/** In pieces of so many bytes, so that a character or a line end may be cut anywhere. */
async function* piecesOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function read(bytes: Buffer, mapping: unknown, size = 65_536): Promise<NumberedRow[]> {
  const rows: NumberedRow[] = [];
  for await (const row of rowsOf(piecesOf(bytes, size), mappingSchema.parse(mapping))) rows.push(row);
  return rows;
}

const movementsOf = (rows: readonly NumberedRow[]) => rows.flatMap(({ row }) => (row.kind === 'movement' ? [row] : []));

describe('[case sure#2537, actual#6206, directus PR#23332] a statement in the shape', () => {
  it('there are at least twelve', () => {
    expect(Object.keys(shapes).length).toBeGreaterThanOrEqual(12);
  });

  it.each(Object.entries(shapes))('%s says the same kopecks', async (name, { mapping, first, balances }) => {
    const bytes = readFileSync(join(folder, `${name}.csv`));
    for (const size of [1, 7, 65_536]) {
      const rows = await read(bytes, mapping, size);
      const expected = movements.map((one) => ({
        ...one,
        moment: mappingSchema.parse(mapping).dates === 'iso' ? inUtc(one.moment) : one.moment,
        currency: 'RUB',
      }));
      expect(movementsOf(rows)).toMatchObject(first === undefined ? expected : [first, ...expected]);
      const followed = new Balances();
      for (const { row } of rows) {
        if (row.kind === 'movement' || row.kind === 'opening' || row.kind === 'closing') {
          expect(followed.add(row)).toBeNull();
        } else expect(row.kind).toBe('ignored');
      }
      const [turnover] = followed.turnovers;
      expect(turnover?.closingMinor).toBe(balances === false ? null : 1_097_530_93);
    }
  });

  it('that the mapping does not say is refused by line, never guessed', async () => {
    const utf8 = readFileSync(join(folder, 'utf-8.csv'));
    const { mapping } = shapes['utf-8'] ?? {};
    const problems = async (bytes: Buffer, change: object = {}) =>
      (await read(bytes, { ...(mapping as object), ...change })).map(({ line, row }) =>
        'problem' in row ? [line, row.problem] : [line, row.kind],
      );
    // The header's letters are others then.
    expect(await problems(readFileSync(join(folder, 'windows-1251.csv')))).toEqual([[1, 'column_missing']]);
    expect(await problems(readFileSync(join(folder, 'utf-16be.csv')))).toEqual([[1, 'column_missing']]);
    expect(await problems(utf8, { encoding: 'windows-1251' })).toEqual([[1, 'column_missing']]);
    expect(await problems(utf8, { delimiter: ',' })).toEqual([[1, 'column_missing']]);
    const broken = Buffer.concat([utf8, Buffer.from('11.11.2026;Списание;;;Опла\xd2а;-1,00;RUB;\r\n', 'latin1')]);
    expect((await problems(broken)).at(-1)).toEqual([6, 'undecodable']);
    const open = Buffer.concat([utf8, Buffer.from('11.11.2026;"Списание;;;;-1,00;RUB;\r\n')]);
    expect((await problems(open)).at(-1)).toEqual([7, 'malformed']);
    expect((await problems(utf8, { decimal: '.' })).slice(0, 1)).toEqual([[2, 'invalid_number']]);
  });
});
