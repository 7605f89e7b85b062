/** Five activities and their undo, each a TypeORM transaction or a call to Invoicebox, as the tutorials have them. */
import { ApplicationFailure } from '@temporalio/common';
import type { DataSource } from 'typeorm';
import { z } from 'zod';
import { capture, holdPoints, openPayment, release, reserveFund } from './books.js';

export interface NaiveOrder {
  readonly paymentId: string;
  readonly partnerId: string;
  readonly invoiceId: string;
}

export interface Offer {
  readonly amountMinor: number;
  readonly points: number;
}

const invoice = z.object({
  id: z.string(),
  amount: z.number(),
  status: z.literal('pending'),
  expirationDate: z.string(),
});
const invoiceAnswer = z.object({ data: z.union([invoice, z.tuple([invoice]).transform(([one]) => one)]) });
const confirmAnswer = z.object({ data: z.object({ id: z.string(), partnerOperationId: z.string() }) });

export function createNaiveActivities(
  dataSource: DataSource,
  invoicebox: { readonly baseUrl: string; readonly token: string },
) {
  async function ask(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> {
    const response = await fetch(`${invoicebox.baseUrl}/v3/business/api/invoice/${path}`, {
      method,
      headers: {
        ...{ 'content-type': 'application/json', 'user-agent': 'Naive/1.0 (saga 1.0)' },
        authorization: `Bearer ${invoicebox.token}`,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (response.status >= 400 && response.status < 500 && response.status !== 429) {
      throw ApplicationFailure.nonRetryable(`Invoicebox answered ${response.status}`, 'Refused');
    }
    if (!response.ok) throw new Error(`Invoicebox answered ${response.status}`);
    return response.json();
  }

  return {
    async readInvoice({ paymentId, partnerId, invoiceId }: NaiveOrder): Promise<Offer> {
      const { data } = invoiceAnswer.parse(await ask('GET', invoiceId));
      const offer = { amountMinor: Math.round(data.amount * 100), points: Math.ceil(data.amount) };
      await dataSource.transaction((manager) =>
        openPayment(manager, { id: paymentId, partnerId, invoiceId, ...offer }),
      );
      return offer;
    },

    async holdPoints(paymentId: string, memberId: string): Promise<void> {
      const held = await dataSource.transaction((manager) => holdPoints(manager, paymentId, memberId));
      if (!held) throw ApplicationFailure.nonRetryable('Not enough points', 'InsufficientPoints');
    },

    async reserveFund(paymentId: string): Promise<void> {
      const reserved = await dataSource.transaction((manager) => reserveFund(manager, paymentId));
      if (!reserved) throw ApplicationFailure.nonRetryable('Not enough in the fund', 'InsufficientFund');
    },

    async confirmInvoice({ paymentId, invoiceId }: NaiveOrder): Promise<string> {
      const answer = await ask('POST', `${invoiceId}/confirm`, { partnerOperationId: paymentId });
      return confirmAnswer.parse(answer).data.id;
    },

    async capture(paymentId: string, transactionId: string): Promise<void> {
      await dataSource.transaction((manager) => capture(manager, paymentId, transactionId));
    },

    async release(paymentId: string): Promise<void> {
      await dataSource.transaction((manager) => release(manager, paymentId));
    },
  };
}
