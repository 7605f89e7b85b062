/** What is printed at the end: a table of the cells, what went wrong and how to run it again, and one line for machines. */
import type { Finding, Verdict } from './invariants.js';
import type { Trouble } from './machines.js';
import type { Cell } from './matrix.js';
import type { Purchase } from './purchase.js';

export interface Command {
  readonly seed: number;
  readonly payments: number;
  readonly cells: readonly string[] | null;
}

interface Row {
  readonly cell: Cell;
  planned: number;
  exercised: number;
  readonly ends: Map<string, number>;
}

export function rowsOf(purchases: readonly Purchase[], verdict: Verdict): Row[] {
  const rows = new Map<string, Row>();
  for (const purchase of purchases) {
    const { cell } = purchase.planned;
    const row = rows.get(cell.id) ?? { cell, planned: 0, exercised: 0, ends: new Map<string, number>() };
    rows.set(cell.id, row);
    const end = verdict.endOf.get(purchase) ?? 'unknown';
    row.planned += 1;
    // Led elsewhere by a neighbour's fault, it says nothing of its own.
    row.exercised += purchase.exercised && cell.ends.includes(end) ? 1 : 0;
    row.ends.set(end, (row.ends.get(end) ?? 0) + 1);
  }
  return [...rows.values()].sort((a, b) => a.cell.id.localeCompare(b.cell.id));
}

export function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(({ cell, planned, exercised, ends }) => [
    cell.faultName,
    cell.step,
    cell.scheme,
    String(planned),
    String(exercised),
    [...ends].map(([end, count]) => `${end}${count === 1 ? '' : ` ×${count}`}`).join(', '),
  ]);
  const header = ['fault', 'step', 'scheme', 'payments', 'exercised', 'ends seen'];
  const widths = header.map((title, column) =>
    Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)),
  );
  return [header, widths.map((width) => '─'.repeat(width)), ...lines]
    .map((line) =>
      line
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function findingsInWords(findings: readonly Finding[], command: Command): string[] {
  return findings.map(({ kind, purchase, text }) => {
    if (purchase === null) return `✗ ${kind}: ${text}`;
    const { planned, paymentId, invoiceId } = purchase;
    const again = `npm run faults -- --seed ${command.seed} --payments ${command.payments}${command.cells === null ? '' : ` --cells ${command.cells.join(',')}`} --only ${planned.number}`;
    return `✗ ${kind}: ${text}\n    payment ${planned.number}, cell ${planned.cell.id}, ${paymentId ?? 'no id'}, invoice ${invoiceId}\n    again alone: ${again}`;
  });
}

export interface Resumption {
  readonly purchase: Purchase;
  readonly ms: number;
  readonly next: string;
}

/**
 * Of payments whose worker was killed: from when one of the workers could go on with it (or its proof was due anyway, or
 * the last trouble was over that came between) to its next statement that was seen. Slowest first.
 */
export function resumptionsOf(purchases: readonly Purchase[], troubles: readonly Trouble[]): Resumption[] {
  return purchases
    .flatMap((purchase) =>
      purchase.strikes.flatMap(({ at, workerReadyAt, dueAt }) => {
        const next = purchase.trail.sightings.find(({ at: seenAt, from }) => seenAt > at && from.startsWith('worker'));
        if (next === undefined) return [];
        const between = troubles.filter(({ from }) => from > at && from < next.at).map(({ to }) => to);
        return [{ purchase, ms: Math.max(0, next.at - Math.max(workerReadyAt, dueAt, ...between)), next: next.name }];
      }),
    )
    .sort((a, b) => b.ms - a.ms);
}

/** @returns milliseconds; null where nobody was killed */
export function p99Ms(resumptions: readonly Resumption[]): number | null {
  const slowest = resumptions[Math.floor(resumptions.length * 0.01)];
  return slowest === undefined ? null : Math.round(slowest.ms);
}
