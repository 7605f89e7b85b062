import type { z } from 'zod';
import type { Invoice } from '../books.js';
import { type Fault, faultBody } from '../faults.js';

/** A way to pay that goes wrong, to be seen with one button. */
export interface UnhappyCase {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  readonly good: string;
  /** How long the invoice may be paid from now; below zero it is late already. Absent: three days. */
  readonly payableForMs?: number;
  readonly fault?: (invoice: Invoice) => Fault;
}

const MINUTE_MS = 60_000;

export const unhappyCases: readonly UnhappyCase[] = [
  {
    id: 'expired',
    title: 'Счёт просрочен',
    about: 'Срок оплаты истёк минуту назад.',
    good: 'mug',
    payableForMs: -MINUTE_MS,
  },
  {
    id: 'edited',
    title: 'Сумма изменилась',
    about: 'Магазин меняет сумму сразу после первого чтения счёта.',
    good: 'coffee',
    fault: ({ id, amountMinor }) =>
      arranged({ invoiceId: id, operation: 'read', kind: 'edit_after', amountMinor: amountMinor + 10_000 }),
  },
  {
    id: 'paid-elsewhere',
    title: 'Оплачен в другом окне',
    about: 'Сразу после первого чтения счёт оплачивают картой.',
    good: 'coffee',
    fault: ({ id }) => arranged({ invoiceId: id, operation: 'read', kind: 'pay_elsewhere_after' }),
  },
  {
    id: 'too-dear',
    title: 'Не хватает баллов',
    about: 'Путешествие на Камчатку: 999 999,90 ₽.',
    good: 'journey',
  },
  {
    id: 'slow',
    title: 'Ответ идёт долго',
    about: 'Инвойсбокс думает над подтверждением 12 секунд.',
    good: 'mug',
    fault: ({ id }) => arranged({ invoiceId: id, operation: 'confirm', kind: 'delay', delayMs: 12_000 }),
  },
  {
    id: 'outage',
    title: 'Инвойсбокс недоступен',
    about: 'Первые три подтверждения получают ошибку 503 до списания.',
    good: 'headphones',
    fault: ({ id }) => arranged({ invoiceId: id, operation: 'confirm', kind: 'error_before', times: 3 }),
  },
  {
    id: 'cut',
    title: 'Связь обрывается после списания',
    about: 'Деньги фонда списаны, но ответа об этом нет.',
    good: 'headphones',
    fault: ({ id }) => arranged({ invoiceId: id, operation: 'confirm', kind: 'cut_after' }),
  },
];

export function unhappyCaseOf(id: unknown): UnhappyCase | undefined {
  return unhappyCases.find((unhappy) => unhappy.id === id);
}

/** With the defaults filled in. */
function arranged(fault: z.input<typeof faultBody>): Fault {
  return faultBody.parse(fault);
}
