/** Books with payments in them, sealed: what the tests of the audit chain begin with. */
import { randomUUID } from 'node:crypto';
import { Audit } from '../../src/ledger/audit.js';
import type { PaymentKey } from '../../src/ledger/ledger.js';
import type { Books } from '../support/books.js';
import { untilTold } from '../support/horizon.js';

/** A buyer pays with points. */
export async function pay(books: Books, memberId: string, amountMinor = 100): Promise<PaymentKey> {
  const key = await books.payment({ amountMinor, points: 10 });
  await books.hold(key, memberId, { amountMinor, points: 10 });
  await books.ledger.capture(key, 1, `transaction-${randomUUID().slice(0, 8)}`, 'request', Date.now());
  return key;
}

/** All that was committed before. @returns how many blocks were made */
export async function sealAll(books: Books, most?: number): Promise<number> {
  await untilTold(books.admin);
  return sealWhatCanBe(books, most);
}

/** As the worker's role does it; blocks of at most so many entries. @returns how many blocks were made */
export async function sealWhatCanBe(books: Books, most = 10_000): Promise<number> {
  const audit = new Audit(books.worker);
  for (let blocks = 0; ; blocks++) {
    const sealed = await audit.seal(books.partnerId, most, Date.now());
    if (sealed.outcome !== 'sealed') return blocks;
  }
}

/** What the partner reads: JSON, as it comes over the wire. */
export async function passportOf(books: Books, { partnerId, paymentId }: PaymentKey): Promise<PassportJson> {
  return JSON.parse(JSON.stringify(await books.ledger.passport(partnerId, paymentId))) as PassportJson;
}

export interface PassportJson {
  state: string;
  transactionId: string;
  pointsCaptured: number;
  fundDrawnMinor: number;
  entries: { id: string; kind: string; amount: number; reference: string; at: string; debit: string }[];
  events: { seq: number; type: string; body: Record<string, unknown>; at: string }[];
  audit: {
    state: string;
    partnerId: string;
    head: { n: number; hash: string } | null;
    blocks: { n: number; hash: string; root: string; previousHash: string; firstPosition: number; entries: number }[];
    proofs: { leaf: (string | null)[]; block: number | null; index: number | null; path: string[] }[];
  };
}
