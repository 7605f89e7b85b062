/**
 * `npm run verify -- passport FILE` checks a passport without a database; `npm run verify -- ledger` checks all books.
 * It shares nothing with the ledger that wrote them (a dependency rule sees to it), not even the reading of the environment:
 * DATABASE_MONITOR_URL, or else DATABASE_ADMIN_URL. Exit code 1: something was touched; 2: it could not be checked.
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { verifyLedger } from './ledger.js';
import { verifyPassport } from './passport.js';

const usage = `usage:
  npm run verify -- passport FILE [--head N:HASH]             FILE: what GET /v1/payments/{id}/passport answered; - reads stdin
  npm run verify -- ledger [--head PARTNER:N:HASH]… [--json]  reads DATABASE_MONITOR_URL or DATABASE_ADMIN_URL
  --head: a block that you have kept from before; of the ledger any number`;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const progressEveryMs = 5_000;

async function main(): Promise<boolean> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { head: { type: 'string', multiple: true, default: [] }, json: { type: 'boolean', default: false } },
  });
  const [what, file, ...rest] = positionals;
  if (what === 'passport' && file !== undefined && rest.length === 0) return checkPassport(file, values.head);
  if (what === 'ledger' && file === undefined) return checkLedger(values.head, values.json);
  throw new Error(usage);
}

async function checkPassport(file: string, heads: readonly string[]): Promise<boolean> {
  if (heads.length > 1) throw new Error(usage);
  const [head] = heads.map((text) => readHead(text));
  const json: unknown = JSON.parse(await (file === '-' ? readAll() : readFile(file, 'utf8')));
  const verdict = verifyPassport(json, head ?? null);
  for (const finding of verdict.findings) say(`TOUCHED: ${finding}`);
  if (verdict.findings.length > 0) return false;
  const told = verdict.head === null ? 'no block yet' : `head ${verdict.head.n}:${verdict.head.hash}`;
  say(`ok: ${verdict.sealed} of ${verdict.sealed + verdict.pending} entries are sealed, ${told}`);
  if (verdict.pending > 0) say(`pending: ${verdict.pending} are not sealed yet; nothing is proven of them`);
  return true;
}

async function checkLedger(heads: readonly string[], asJson: boolean): Promise<boolean> {
  const kept = new Map<string, Map<number, string>>();
  for (const { partnerId, n, hash } of heads.map((text) => readHead(text, true))) {
    kept.set(partnerId, (kept.get(partnerId) ?? new Map<number, string>()).set(n, hash));
  }
  const connectionString = process.env['DATABASE_MONITOR_URL'] ?? process.env['DATABASE_ADMIN_URL'];
  if (connectionString === undefined) throw new Error('Neither DATABASE_MONITOR_URL nor DATABASE_ADMIN_URL is set.');
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const began = performance.now();
    let toldAt = began;
    const { chains, balances, acts } = await verifyLedger(client, kept, (what, entries) => {
      const now = performance.now();
      if (now - toldAt < progressEveryMs) return;
      toldAt = now;
      process.stderr.write(`verify … ${what}: ${entries} entries, ${Math.round((now - began) / 1_000)} s\n`);
    });
    const unknown = [...kept.keys()].filter((id) => !chains.some(({ partnerId }) => partnerId === id));
    for (const { slug, blocks, entries, pending, head, finding } of chains) {
      if (finding !== null) say(`TOUCHED: ${slug}: ${finding}`);
      else
        say(
          `ok: ${slug}: ${entries} entries in ${blocks} blocks, ${pending} pending, head ${head === null ? 'none' : `${head.n}:${head.hash}`}`,
        );
    }
    for (const id of unknown) say(`TOUCHED: partner ${id}, of whom you have kept a block, was removed`);
    for (const balance of balances) say(`TOUCHED: ${balance}`);
    say(acts.finding === null ? `ok: ${acts.lines} lines of what operators did` : `TOUCHED: ${acts.finding}`);
    const isWhole =
      chains.every(({ finding }) => finding === null) &&
      balances.length === 0 &&
      unknown.length === 0 &&
      acts.finding === null;
    if (asJson)
      say(JSON.stringify({ whole: isWhole, chains, balances, acts, seconds: (performance.now() - began) / 1_000 }));
    return isWhole;
  } finally {
    await client.end();
  }
}

/** `[partner:]n:hash` */
function readHead(text: string, withPartner = false): { partnerId: string; n: number; hash: string } {
  const match = /^(?:([0-9a-f-]{36}):)?([1-9][0-9]{0,14}):([0-9a-f]{64})$/.exec(text);
  if (match === null || (withPartner && match[1] === undefined))
    throw new Error(`--head ${text} cannot be read\n${usage}`);
  return { partnerId: match[1] ?? '', n: Number(match[2]), hash: match[3] ?? '' };
}

async function readAll(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
