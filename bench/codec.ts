/**
 * What the encryption of histories costs a payment: bytes of its history, CPU time of API and worker, and that part of it
 * which the cipher itself takes. Plain and encrypted take turns, in processes of their own.
 */
import { randomBytes } from 'node:crypto';
import { createClient } from '../packages/client/src/index.js';
import type { Surety } from '../scripts/surety.js';
import { EncryptingCodec } from '../src/codec.js';
import { workflowIdOf } from '../src/workflows/messages.js';
import {
  cpuMsOf,
  describeMachine,
  measurePairs,
  spreadOf,
  spreadText,
  type BenchOptions,
  type Report,
} from './harness.js';
import { startedSurety } from './startedSurety.js';

const paymentsAtOnce = 8;
const standardPayments = 200;

interface Measured {
  readonly historyBytes: number;
  readonly cpuMs: number;
}

export async function benchCodec(options: BenchOptions): Promise<Report> {
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const keys = `bench:${randomBytes(32).toString('base64')}`;
    const { surety, databaseUrl } = await startedSurety(ends, { codecKeys: keys, unlimited: true });
    const simulator = await surety.startSimulator();
    ends.push(() => simulator.stop());
    const { organisation } = await surety.applyPartners();
    const payments = options.lines === 0 ? standardPayments : options.lines;
    const measure = (codecKeys: string) => measured(surety, organisation ?? '', codecKeys, payments);
    const pairs = await measurePairs(
      { pairs: options.pairs, boundMs: options.seconds * 1_000 },
      () => measure('plain'),
      () => measure(keys),
    );
    const of = (pick: (pair: (typeof pairs)[number]) => number) => spreadOf(pairs.map(pick));
    const cipher = await cipherMicroseconds(keys);
    const figures = {
      payments,
      pairs: pairs.length,
      historyBytesPlain: of(({ a }) => a.historyBytes).median,
      historyBytesEncrypted: of(({ b }) => b.historyBytes).median,
      cpuMsPlain: of(({ a }) => a.cpuMs),
      cpuMsEncrypted: of(({ b }) => b.cpuMs),
      cpuMsMore: of(({ a, b }) => b.cpuMs - a.cpuMs),
      cipherMicrosecondsAPayload: cipher,
      machine: await describeMachine(databaseUrl),
    };
    return {
      title: 'The encryption of histories: what it costs an organisation’s payment',
      rows: [
        ['history, bytes: plain', figures.historyBytesPlain.toFixed(0)],
        ['history, bytes: encrypted', figures.historyBytesEncrypted.toFixed(0)],
        ['CPU of API and worker, ms a payment: plain', spreadText(figures.cpuMsPlain, 1)],
        ['CPU of API and worker, ms a payment: encrypted', spreadText(figures.cpuMsEncrypted, 1)],
        ['the same, what is more in each pair', spreadText(figures.cpuMsMore, 1)],
        ['the cipher alone, µs a payload, sealed and opened', cipher.toFixed(1)],
      ],
      notes: [
        `${payments} payments a measurement, ${paymentsAtOnce} at once, after as many to warm up; median (least … most) of ${pairs.length} pairs.`,
        'Processes are new for each measurement, of a payload of 500 bytes the cipher.',
      ],
      figures,
    };
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

async function measured(surety: Surety, apiKey: string, codecKeys: string, payments: number): Promise<Measured> {
  const environment = { SURETY_CODEC_KEYS: codecKeys, SURETY_KEY_REQUESTS_PER_SECOND: '10000' };
  const programs = await Promise.all([
    surety.startApi(undefined, environment),
    surety.startWorker(undefined, environment),
  ]);
  const temporal = surety.temporalClient();
  try {
    await pay(surety, apiKey, payments);
    const cpu = async () => {
      const each = await Promise.all(programs.map(({ pid }) => cpuMsOf(pid)));
      return each.reduce((sum, one) => sum + one, 0);
    };
    const before = await cpu();
    const ids = await pay(surety, apiKey, payments);
    const cpuMs = ((await cpu()) - before) / payments;
    const sizes = await Promise.all(
      ids.slice(0, 20).map(async (id) => {
        const { raw } = await temporal.workflow.getHandle(workflowIdOf(id)).describe();
        return Number(raw.workflowExecutionInfo?.historySizeBytes ?? 0);
      }),
    );
    return { historyBytes: spreadOf(sizes).median, cpuMs };
  } finally {
    await temporal.connection.close();
    await Promise.all(programs.map((program) => program.stop()));
  }
}

/** @returns the ids, when all are paid */
async function pay(surety: Surety, apiKey: string, payments: number): Promise<string[]> {
  const api = createClient({ baseUrl: surety.apiUrl, apiKey });
  const ids: string[] = [];
  let left = payments;
  const one = async (): Promise<void> => {
    while (left-- > 0) {
      const invoice = await surety.twin.createInvoice({ amountMinor: 100 });
      const opened = await api.post('/v1/payments', { body: { scheme: 'organisation', invoiceId: invoice.id } });
      let { state } = opened;
      while (state !== 'paid') {
        await new Promise((resolve) => setTimeout(resolve, 100));
        ({ state } = await api.get('/v1/payments/{id}', { path: { id: opened.id } }));
      }
      ids.push(opened.id);
    }
  };
  await Promise.all(Array.from({ length: paymentsAtOnce }, one));
  return ids;
}

async function cipherMicroseconds(keys: string): Promise<number> {
  const codec = new EncryptingCodec(keys);
  const payload = { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.alloc(500, 'x') };
  const rounds = 20_000;
  const run = async () => {
    for (let n = 0; n < rounds; n++) await codec.decode(await codec.encode([payload]));
  };
  await run();
  const began = performance.now();
  await run();
  return ((performance.now() - began) * 1_000) / rounds;
}
