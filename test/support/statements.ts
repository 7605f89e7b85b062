/** A mapping of statements, as small as it can be. */
import type { StatementMapping } from '../../src/domain/statement.js';

const none = {
  ...{ time: null, transactionId: null, operationId: null, invoiceNumber: null, currency: null },
  ...{ kind: null, balance: null, amount: null, debit: null, credit: null },
};

export type MappingChange = Partial<Omit<StatementMapping, 'columns'>> & {
  readonly columns?: Partial<StatementMapping['columns']>;
};

export const mappingOf = (change: MappingChange = {}): StatementMapping => ({
  ...{ encoding: 'utf-8', delimiter: ';', quotes: true, decimal: ',', timeZone: 'Europe/Moscow', dates: 'dd.MM.yyyy' },
  ...{ skipLines: 0, header: true, currency: 'RUB', direction: 'sign' },
  kinds: { out: [], in: [], opening: [], closing: [], ignored: [] },
  ...change,
  columns: { ...none, date: 'Дата', amount: 'Сумма', ...change.columns },
});
