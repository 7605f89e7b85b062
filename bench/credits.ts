/**
 * Bulk credits by the real way: a file sent to the API's process, set to work through Temporal, booked by the worker's,
 * until the import says that it has finished; in turns with COPY of the same file into a plain table.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { loyaltyPartner } from '../scripts/demoWorld.js';
import { applyPartner } from '../scripts/partner.js';
import { repository } from '../scripts/stack.js';
import type { Surety } from '../scripts/surety.js';
import { KeyRing } from '../src/keyring.js';
import {
  describeMachine,
  measurePairs,
  spreadOf,
  spreadText,
  watchResident,
  type BenchOptions,
  type Report,
} from './harness.js';
import { sendFile } from './sendFile.js';
import { benchKeys, startedSurety } from './startedSurety.js';

const linesAMember = 10;
/** Enough that the heaps of both processes have the size at which they stay. */
const warmUpLines = 200_000;
const header = 'memberExternalId;points;expiresOn;reference\n';

interface Imported {
  readonly ms: number;
  readonly uploadMs: number;
  readonly residentGrowthMiB: number;
}

export async function benchCredits(options: BenchOptions): Promise<Report> {
  const lines = options.lines === 0 ? 1_000_000 : options.lines;
  const folder = join(repository, '.data/bench', randomUUID());
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'credits.csv');
  const warmUpFile = join(folder, 'warm-up.csv');
  await writeLines(file, lines, options.order === 'shuffled');
  await writeLines(warmUpFile, Math.min(lines, warmUpLines), false);

  const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    const { surety, databaseUrl } = await startedSurety(ends);
    const [apiProcess, workerProcess] = await Promise.all([surety.startApi(), surety.startWorker()]);
    ends.push(
      () => apiProcess.stop(),
      () => workerProcess.stop(),
    );
    const machine = await describeMachine(databaseUrl);
    const pids = [apiProcess.pid, workerProcess.pid];
    const importOnce = async (from: string, name: string, count: number): Promise<Imported> => {
      const key = await programme(surety, name, count);
      return importFile(surety.apiUrl, key, from, count, pids);
    };
    const copy = (keyed: boolean) => copyFile(databaseUrl, file, keyed);

    await importOnce(warmUpFile, 'warm-up', Math.min(lines, warmUpLines));
    await copy(false);
    const pairs = await measurePairs(
      { pairs: options.pairs, boundMs: options.seconds * 1_000 },
      async () => ({ plainMs: await copy(false), keyedMs: await copy(true) }),
      (n) => importOnce(file, `pair-${n}`, lines),
    );
    const importMs = spreadOf(pairs.map(({ b }) => b.ms));
    const ratio = spreadOf(pairs.map(({ a, b }) => a.plainMs / b.ms));
    const keyedRatio = spreadOf(pairs.map(({ a, b }) => a.keyedMs / b.ms));
    const growth = spreadOf(pairs.map(({ b }) => b.residentGrowthMiB));
    const linesPerSecond = Math.round((lines * 1_000) / importMs.median);
    const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;
    return {
      title: `Bulk credits: ${lines} lines of CSV, ${options.order}`,
      rows: [
        ['import, ms', spreadText(importMs)],
        ['  of that the upload, ms', spreadText(spreadOf(pairs.map(({ b }) => b.uploadMs)))],
        ['lines per second', String(linesPerSecond)],
        ['COPY into a plain table, ms', spreadText(spreadOf(pairs.map(({ a }) => a.plainMs)))],
        ['COPY into a table keyed by reference, ms', spreadText(spreadOf(pairs.map(({ a }) => a.keyedMs)))],
        ['ratio to COPY', spreadText(ratio, 3)],
        ['ratio to COPY, keyed', spreadText(keyedRatio, 3)],
        ['resident growth of API and worker, MiB', spreadText(growth, 1)],
        ...Object.entries(machine).map(([name, value]) => [name, String(value)] as const),
      ],
      notes: [
        `${linesAMember} lines a member, half of the members new; ${options.order === 'shuffled' ? 'in random order' : 'the lines of a member together, references ascending'}.`,
        'Import: from the first byte of the upload until the import reads "finished"; each a programme of its own, all in one database.',
        'COPY: the same file, by one Node process, into a logged table of the four columns with their types: plain, without any key or index; keyed, with the reference as its primary key, the least that makes a line count once.',
        'Medians of pairs that take turns (least … most); default durability of Postgres.',
      ],
      figures: {
        bench: 'credits',
        lines,
        linesPerSecond,
        ratioToCopy: rounded(ratio.median),
        ratioToKeyedCopy: rounded(keyedRatio.median),
        residentGrowthMiB: rounded(growth.most),
        importMs,
        copyMs: spreadOf(pairs.map(({ a }) => a.plainMs)),
        keyedCopyMs: spreadOf(pairs.map(({ a }) => a.keyedMs)),
        pairs: pairs.length,
        order: options.order,
        linesAMember,
        machine,
      },
    };
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

async function writeLines(file: string, lines: number, shuffled: boolean): Promise<void> {
  const out = createWriteStream(file);
  out.write(header);
  // Coprime with any round number: every line once, neighbours far apart.
  const step = shuffled ? 7_368_787 : 1;
  for (let index = 0, at = 0; index < lines; index++, at = (at + step) % lines) {
    const member = `member-${String(Math.floor(at / linesAMember)).padStart(8, '0')}`;
    const line = `${member};${1 + (at % 500)};2037-12-31;order-${String(at).padStart(9, '0')}\n`;
    if (!out.write(line)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
}

/** A programme of its own, in which every second member of the file is known. @returns its API key */
async function programme(surety: Surety, name: string, lines: number): Promise<string> {
  const client = await surety.admin.connect();
  try {
    const settings = { ...loyaltyPartner('127.0.0.1:1'), slug: name };
    const { partnerId, apiKey } = await applyPartner(client, settings, new KeyRing(benchKeys), true);
    await client.query(
      `WITH known AS (
         INSERT INTO member (partner_id, external_id)
         SELECT $1, 'member-' || lpad(n::text, 8, '0') FROM generate_series(0, $2, 2) AS n RETURNING id)
       INSERT INTO account (partner_id, kind, owner, asset)
       SELECT $1, kind, id, 'points' FROM known, unnest(ARRAY['member.available', 'member.held']) AS kind`,
      [partnerId, Math.ceil(lines / linesAMember) - 1],
    );
    await client.query('CHECKPOINT');
    if (apiKey === null) throw new Error('A new programme has a new key');
    return apiKey;
  } finally {
    client.release();
  }
}

async function importFile(
  url: string,
  key: string,
  file: string,
  lines: number,
  pids: readonly number[],
): Promise<Imported> {
  const resident = await watchResident(pids);
  const began = performance.now();
  const answer = await sendFile(`${url}/v1/credits/imports`, key, file);
  const uploadMs = performance.now() - began;
  let told = answer;
  while (told['state'] === 'running') {
    await pause(20);
    const response = await fetch(`${url}/v1/credits/imports/${String(answer['id'])}`, {
      headers: { authorization: `Bearer ${key}` },
    });
    told = (await response.json()) as Record<string, unknown>;
  }
  const ms = performance.now() - began;
  if (told['state'] !== 'finished' || told['creditedLines'] !== lines)
    throw new Error(`The import went wrong: ${JSON.stringify(told)}`);
  return { ms, uploadMs, residentGrowthMiB: await resident.stop() };
}

async function copyFile(connectionString: string, file: string, keyed: boolean): Promise<number> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    await client.query('DROP TABLE IF EXISTS bare_copy');
    await client.query(
      'CREATE TABLE bare_copy (member_external_id text NOT NULL, points bigint NOT NULL, expires_on date, reference text NOT NULL)',
    );
    if (keyed) await client.query('ALTER TABLE bare_copy ADD PRIMARY KEY (reference)');
    await client.query('CHECKPOINT');
    const began = performance.now();
    await pipeline(
      createReadStream(file),
      client.query(copyFrom("COPY bare_copy FROM STDIN WITH (FORMAT csv, DELIMITER ';', HEADER true)")),
    );
    const ms = performance.now() - began;
    await client.query('DROP TABLE bare_copy');
    return ms;
  } finally {
    await client.end();
  }
}
