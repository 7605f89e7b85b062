/**
 * `npm run demo`: everything real, on this machine: Postgres, Temporal with its UI, Invoicebox's twin, API and worker.
 * Pays one invoice by each scheme, compares our books with the twin's, prints both passports, and stays up.
 * `--once` ends after that. Data is kept under .data/.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { createClient, type SuretyClient } from '../packages/client/src/index.js';
import type { Passport } from '../src/ledger/outcomes.js';
import { demo } from './demoWorld.js';
import { HttpBuyer } from './httpBuyer.js';
import { freePort, repository, startPostgres, startTemporal, type Program } from './stack.js';
import { Surety } from './surety.js';

const once = process.argv.includes('--once');
const folder = join(repository, '.data');
const namespace = 'surety';
/** Newest first: what was started last ends first. */
const ends: { name: string; end: () => Promise<void> }[] = [];
const progress = { ending: false };

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const result = await work();
  say(`  ✓ ${what} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
  return result;
}

/** The keys for the next run; the addresses for whoever wants to call this one (examples/partner-backend). */
const remembered = z
  .object({
    keys: z.string(),
    loyaltyKey: z.string(),
    organisationKey: z.string(),
    apiUrl: z.string(),
    twinUrl: z.string(),
  })
  .partial();

async function remember(change: Partial<z.infer<typeof remembered>> = {}) {
  const file = join(folder, 'demo.json');
  const known = existsSync(file) ? remembered.parse(JSON.parse(await readFile(file, 'utf8'))) : {};
  const now = { ...known, ...change };
  await writeFile(file, JSON.stringify(now, null, 2), { mode: 0o600 });
  return now;
}

async function start() {
  say('Surety demo: starting the real parts');
  await mkdir(folder, { recursive: true });
  const { keys } = await remember({ keys: (await remember()).keys ?? `demo:${randomBytes(32).toString('base64')}` });
  const postgres = await step('Postgres 18', async () =>
    startPostgres({ dataFolder: join(folder, 'postgres'), port: await portNear(5433) }),
  );
  ends.unshift({ name: 'Postgres', end: () => postgres.stop() });
  const given = process.env['TEMPORAL_ADDRESS'];
  const temporal =
    given === undefined
      ? await step('Temporal server and its UI', async () => {
          const [port, uiPort] = [await portNear(7233), await portNear(8233)];
          return startTemporal({ namespace, port, uiPort, databaseFile: join(folder, 'temporal.db') });
        })
      : { address: given, uiUrl: `the UI of ${given}`, stop: () => Promise.resolve() };
  ends.unshift({ name: 'Temporal', end: () => temporal.stop() });

  const surety = new Surety({
    postgres,
    database: 'surety',
    temporalAddress: temporal.address,
    ...(given === undefined ? { temporalUiUrl: temporal.uiUrl } : {}),
    namespace,
    keys: keys ?? '',
    ports: { api: await portNear(3000), worker: await portNear(3001), simulator: await portNear(4010) },
    journal: join(folder, 'twin.jsonl'),
    // A short freshness, so that an invoice edited in the demo shop is noticed however fast one clicks.
    timings: { freshnessMs: 2_000 },
  });
  ends.unshift({ name: 'connections', end: () => surety.close() });
  await step('database and Temporal prepared', () => surety.prepare());
  await step("Invoicebox's twin, demo shop, login provider", () => surety.startSimulator().then(endWithUs));
  const applied = await step('two partners with funds and points', () => surety.applyPartners());
  const { loyaltyKey, organisationKey } = await remember({
    ...(applied.loyalty === null ? {} : { loyaltyKey: applied.loyalty }),
    ...(applied.organisation === null ? {} : { organisationKey: applied.organisation }),
    apiUrl: surety.apiUrl,
    twinUrl: surety.twin.url,
  });
  if (loyaltyKey === undefined || organisationKey === undefined) {
    throw new Error(`The partners exist, but .data/demo.json has lost their API keys. Remove ${folder} to begin anew.`);
  }
  await step('API and worker', () =>
    Promise.all([surety.startApi().then(endWithUs), surety.startWorker().then(endWithUs)]),
  );
  return { surety, temporal, applied, keys: { loyalty: loyaltyKey, organisation: organisationKey } };
}

function endWithUs(program: Program): void {
  ends.unshift({ name: program.name, end: () => program.stop() });
}

async function portNear(port: number): Promise<number> {
  const isFree = await new Promise<boolean>((resolve) => {
    const probe = createServer()
      .once('error', () => {
        resolve(false);
      })
      .listen(port, () => probe.close(() => {
        resolve(true);
      })); // prettier-ignore
  });
  return isFree ? port : freePort();
}

type World = Awaited<ReturnType<typeof start>>;

/** The organisation's scheme: its backend opens the payment, Surety does the rest. @returns the payment's id */
async function payAsOrganisation({ surety, keys }: World): Promise<string> {
  const invoice = await surety.twin.createInvoice({ amountMinor: 19_658_45, description: 'Оплата номера в отеле' });
  const client = createClient({ baseUrl: surety.apiUrl, apiKey: keys.organisation });
  const { id } = await client.post('/v1/payments', { body: { scheme: 'organisation', invoiceId: invoice.id } });
  return untilFinished(client, id);
}

/** The loyalty scheme, through the pages: shop → login → confirm → Invoicebox's page. @returns the payment's id */
async function payAsBuyer({ surety }: World): Promise<string> {
  const buyer = new HttpBuyer();
  const shop = await buyer.open(`${surety.twin.url}/shop`);
  const login = await buyer.press(shop, 'Оплатить баллами');
  const page = await buyer.press(login, 'anna');
  let now = await buyer.press(page, 'Списать');
  const id = /payments\/([0-9a-f-]{36})/.exec(now.url)?.[1];
  if (id === undefined) throw new Error(`After the confirm the buyer is at ${now.url}`);
  while (!now.html.includes('data-view="paid"')) {
    if (/data-view="(declined|expired|cancelled|not_found)"/.test(now.html))
      throw new Error(`The buyer sees:\n${now.html}`);
    await pause(200);
    now = await buyer.open(now.url);
  }
  const link = /class="primary" href="([^"]+)"/.exec(now.html)?.[1];
  if (link === undefined) throw new Error('The paid page shows no way back to the invoice');
  const invoicePage = await buyer.open(link);
  if (!invoicePage.html.includes('data-status="paid"')) throw new Error(`Invoicebox's page does not say paid: ${link}`);
  return id;
}

async function untilFinished(client: SuretyClient, id: string): Promise<string> {
  for (;;) {
    const { state } = await client.get('/v1/payments/{id}', { path: { id } });
    if (['paid', 'declined', 'expired', 'cancelled'].includes(state)) return id;
    await pause(100);
  }
}

/** Whether the twin's books say the same as ours: ids, sums, and both funds. */
async function twinAgrees({ surety, applied }: World, passports: readonly Passport[]): Promise<boolean> {
  const sides = [
    { account: await surety.twin.account(demo.loyalty.account), partnerId: applied.loyaltyId },
    { account: await surety.twin.account(demo.organisation.account), partnerId: applied.organisationId },
  ];
  for (const { account, partnerId } of sides) {
    const [ours] = await surety.ledger.fundBalance(partnerId);
    const theirs = account.funds.find((fund) => fund.currency === ours?.currency);
    if (ours === undefined || theirs === undefined) return false;
    if (ours.drawnMinor !== theirs.drawnMinor || ours.availableMinor !== theirs.availableMinor) return false;
  }
  const confirmations = sides.flatMap(({ account }) => account.confirmations);
  return passports.every((passport) =>
    confirmations.some(
      (theirs) =>
        theirs.partnerOperationId === passport.paymentId &&
        theirs.transactionId === passport.transactionId &&
        theirs.amountMinor === passport.fundDrawnMinor &&
        theirs.currency === passport.currency,
    ),
  );
}

function printPassport(passport: Passport): void {
  const rows = [
    ['scheme', passport.scheme],
    ['state', passport.state],
    ['payment', passport.paymentId],
    ['transaction', passport.transactionId ?? '—'],
    ['amount', `${passport.amountMinor ?? 0} ${passport.currency ?? ''} (minor units)`],
    ['fund drawn', `${passport.fundDrawnMinor}`],
    ['points captured', `${passport.pointsCaptured}`],
  ];
  say('\n  ┌ passport');
  for (const [name, value] of rows) say(`  │ ${(name ?? '').padEnd(16)} ${value ?? ''}`);
  say('  └');
}

async function main(): Promise<void> {
  const world = await start();
  const { surety, temporal, applied } = world;
  const organisationPaymentId = await step('an organisation’s invoice is paid', () => payAsOrganisation(world));
  const loyaltyPaymentId = await step('a buyer’s invoice is paid with points', () => payAsBuyer(world));
  const passports = [
    await surety.ledger.passport(applied.loyaltyId, loyaltyPaymentId),
    await surety.ledger.passport(applied.organisationId, organisationPaymentId),
  ].filter((passport) => passport !== null);
  passports.forEach(printPassport);
  const summary = {
    passports: passports.map(
      ({ scheme, state, paymentId, transactionId, amountMinor, currency, pointsCaptured, fundDrawnMinor }) => ({
        scheme,
        state,
        paymentId,
        transactionId,
        amountMinor,
        currency,
        pointsCaptured,
        fundDrawnMinor,
      }),
    ),
    ledgerViolations: (await surety.violations()).length,
    twinAgrees: await twinAgrees(world, passports),
  };
  const isRight =
    passports.length === 2 &&
    passports.every((passport) => passport.state === 'paid') &&
    summary.ledgerViolations === 0 &&
    summary.twinAgrees;
  if (!isRight) process.exitCode = 1;
  if (!once) {
    say(`\n  Shop         ${surety.twin.url}/shop`);
    say(`  Console      ${surety.apiUrl}/console`);
    say(`  Temporal UI  ${temporal.uiUrl}/namespaces/${namespace}/workflows`);
    say(`  The API      ${surety.apiUrl}/docs`);
    say(`  API health   ${surety.apiUrl}/health/ready`);
    say('\n  Ctrl-C ends everything; the data stays in .data/\n');
  } else {
    await endAll();
  }
  say(JSON.stringify(summary));
  if (!once) await new Promise(() => setInterval(() => undefined, 1 << 30));
}

let ended: Promise<void> | null = null;

function endAll(): Promise<void> {
  progress.ending = true;
  return (ended ??= (async () => {
    for (const { end } of ends) await end();
  })());
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    say('\nending …');
    void endAll().then(() => process.exit(0));
  });
}

try {
  await main();
} catch (error) {
  // Whoever pressed Ctrl-C wants no stack of what that interrupted.
  if (!progress.ending)
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
  await endAll();
}
// What is left are idle sockets of ours.
process.exit();
