/** How a partner's statements are written, as the partner says it: the schema of `/v1/fund/statement-mapping`. */
import { z } from 'zod';
import type { StatementMapping } from '../../domain/statement.js';
import { words } from '../validate.js';

const column = z
  .union([words(100).min(1), z.int().min(1).max(200)])
  .meta({ description: 'A name of the header, whatever its case and spaces; or a number, from 1' });
const optionalColumn = column.nullable().default(null);
const kindWords = z.array(words(100).min(1)).max(50).default([]);
const timeZone = z
  .string()
  .refine((zone) => Intl.supportedValuesOf('timeZone').includes(zone) || zone === 'UTC', 'is not a time zone');

const mapping = z
  .strictObject({
    encoding: z
      .enum(['utf-8', 'utf-16le', 'utf-16be', 'windows-1251'])
      .default('utf-8')
      .meta({ description: 'Of a file without a byte order mark; one that has it is read by it' }),
    delimiter: z.enum([',', ';', '\t', '|']).default(';'),
    quotes: z.boolean().default(true).meta({ description: 'Whether fields may stand in double quotes' }),
    decimal: z.enum([',', '.']).default(','),
    timeZone: timeZone
      .default('Europe/Moscow')
      .meta({ description: 'In which its days begin and its times are written' }),
    dates: z
      .enum(['dd.MM.yyyy', 'yyyy-MM-dd', 'iso'])
      .default('dd.MM.yyyy')
      .meta({ description: 'iso: with time and offset. The others: with a time (HH:mm or HH:mm:ss) or without' }),
    skipLines: z.int().min(0).max(100).default(0).meta({ description: 'Lines before the header' }),
    header: z.boolean().default(true),
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/)
      .nullable()
      .default(null)
      .meta({ description: 'Of rows that name none' }),
    columns: z.strictObject({
      date: column,
      time: optionalColumn,
      transactionId: optionalColumn,
      operationId: optionalColumn,
      invoiceNumber: optionalColumn,
      currency: optionalColumn,
      kind: optionalColumn,
      balance: optionalColumn,
      amount: optionalColumn,
      debit: optionalColumn,
      credit: optionalColumn,
    }),
    direction: z.enum(['sign', 'inverted_sign', 'kind', 'columns']).meta({
      description: [
        'What says that money left the fund. sign: an amount below zero; inverted_sign: one above zero;',
        'kind: a word of `kinds.out` in the kind column; columns: the amount stands in the debit column',
      ].join(' '),
    }),
    kinds: z
      .strictObject({ out: kindWords, in: kindWords, opening: kindWords, closing: kindWords, ignored: kindWords })
      .prefault({})
      .meta({
        description: 'Words of the kind column. Opening and closing rows bear a balance, ignored ones are passed over',
      }),
  })
  .superRefine((wanted, context) => {
    const { columns, direction, kinds } = wanted;
    const needed = [
      ...(direction === 'columns' ? (['debit', 'credit'] as const) : (['amount'] as const)),
      ...(direction === 'kind' || Object.values(kinds).some((list) => list.length > 0) ? (['kind'] as const) : []),
      ...(kinds.opening.length + kinds.closing.length > 0 ? (['balance'] as const) : []),
    ];
    for (const field of needed) {
      if (columns[field] === null) {
        context.addIssue({ code: 'custom', path: ['columns', field], message: 'is needed for what the mapping says' });
      }
    }
    if (columns.currency === null && wanted.currency === null) {
      context.addIssue({ code: 'custom', path: ['currency'], message: 'is needed where no column names it' });
    }
    for (const [field, at] of Object.entries(columns)) {
      if (typeof at === 'string' && !wanted.header) {
        context.addIssue({
          code: 'custom',
          path: ['columns', field],
          message: 'must be a number where there is no header',
        });
      }
    }
  }) satisfies z.ZodType<StatementMapping>;

/** As it is set: what has a default may be left out. */
export const mappingSchema = mapping.meta({ id: 'SetStatementMapping' });
/** As it is told: whole. */
export const mappingAnswer = mapping.meta({ id: 'StatementMapping' });
