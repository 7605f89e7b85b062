/** What TypeORM believes of the tables is what they are: they are defined in SQL alone. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { LoginTokenEntity } from '../../src/database/entities/loginToken.js';
import { PaymentEntity } from '../../src/database/entities/payment.js';
import { SessionEntity } from '../../src/database/entities/session.js';
import { Books, postgres } from '../support/books.js';

let books: Books;
let dataSource: DataSource;
beforeAll(async () => {
  books = await Books.open();
  dataSource = await new DataSource({
    type: 'postgres',
    url: postgres.url(books.database),
    entities: [PaymentEntity, SessionEntity, LoginTokenEntity],
  }).initialize();
});
afterAll(async () => {
  await dataSource.destroy();
  await books.close();
});

it('maps every column by its name, type and nullability', async () => {
  const { rows } = await books.admin.query<{ column: string }>(
    `SELECT table_name || '.' || column_name || ' ' || udt_name || ' ' || is_nullable AS column
     FROM information_schema.columns WHERE table_schema = 'surety'`,
  );
  const real = new Set(rows.map(({ column }) => column));
  const udt: Record<string, string> = { integer: 'int4', bigint: 'int8', boolean: 'bool' };
  const believed = dataSource.entityMetadatas.flatMap(({ tableName, columns }) =>
    columns.map(({ databaseName, type, isNullable }) => {
      const name = String(type);
      return `${tableName}.${databaseName} ${udt[name] ?? name} ${isNullable ? 'YES' : 'NO'}`;
    }),
  );
  expect(believed.length).toBeGreaterThan(30);
  expect(believed.filter((column) => !real.has(column))).toEqual([]);
});
