// The unhappy paths of a payment, each prepared by one button of the shop.
import type { FaultyOperation } from '../faults.js';
import type { Invoice } from '../invoice.js';
import type { Simulation } from '../simulation.js';

export interface UnhappyCase {
  name: string;
  title: string;
  about: string;
  amountMinor: number;
  expiresInMs?: number;
  prepare?: (simulation: Simulation, invoice: Invoice) => void;
}

const confirm: FaultyOperation = 'confirm';
const hourMs = 3_600_000;

export const cases: readonly UnhappyCase[] = [
  {
    name: 'expired',
    title: 'Просроченный счёт',
    about: 'Срок оплаты истёк час назад',
    amountMinor: 150_000,
    expiresInMs: -hourMs,
  },
  {
    name: 'edited',
    title: 'Магазин изменил сумму',
    about: 'После первого чтения счёт дорожает на 250,55 ₽',
    amountMinor: 120_000,
    prepare: (simulation, { id, amountMinor }) => {
      simulation.afterFirstRead(id, () => {
        const changes = { amountMinor: amountMinor + 25_055 };
        simulation.record({ kind: 'invoice_changed', invoiceId: id, changes });
      });
    },
  },
  {
    name: 'paid-elsewhere',
    title: 'Оплачен другим способом',
    about: 'После первого чтения счёт оплачивают картой',
    amountMinor: 99_990,
    prepare: (simulation, invoice) => {
      simulation.afterFirstRead(invoice.id, () => {
        simulation.payElsewhere(invoice);
      });
    },
  },
  {
    name: 'too-dear',
    title: 'Не хватает баллов',
    about: 'Счёт дороже, чем есть у покупателя',
    amountMinor: 7_500_000_00,
  },
  {
    name: 'outage',
    title: 'Инвойсбокс недоступен',
    about: 'Первые три подтверждения получают ответ 503',
    amountMinor: 75_025,
    prepare: (simulation, { id }) => {
      const message = 'Service Unavailable';
      simulation.faults.add({
        kind: 'error_before',
        invoiceId: id,
        operation: confirm,
        times: 3,
        status: 503,
        message,
      });
    },
  },
  {
    name: 'cut',
    title: 'Связь обрывается после списания',
    about: 'Деньги списаны, но ответ не дошёл',
    amountMinor: 88_040,
    prepare: (simulation, { id }) => {
      simulation.faults.add({ kind: 'cut_after', invoiceId: id, operation: confirm, times: 1 });
    },
  },
];
