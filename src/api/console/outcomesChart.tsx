/** How payments ended, day by day: drawn here, so that it needs no script, with the same as a table for whoever reads. */
import { z } from 'zod';
import type { PageReads } from './consoleReads.js';
import { Table } from './tables.js';
import { count } from './values.js';

const ends = ['paid', 'declined', 'expired', 'cancelled'] as const;
type End = (typeof ends)[number];

const row = z.object({ day: z.string(), state: z.enum(ends), payments: z.coerce.number() });
export type DayOfOutcomes = { readonly day: string } & Readonly<Record<End, number>>;

const days = 30;

/** Of the last 30 days, each partner's by his own calendar; the days without any too. Counted as they are sealed. */
export async function readOutcomes(reads: PageReads, today: string): Promise<DayOfOutcomes[]> {
  const rows = await reads.rows(
    row,
    `SELECT to_char(day, 'YYYY-MM-DD') AS day, state, sum(payments) AS payments FROM payment_outcome
     WHERE day > $1::date - ${days} AND day <= $1::date + 1 GROUP BY day, state`,
    [today],
  );
  // A partner's day may have begun that has not here.
  const last = Date.parse(`${rows.reduce((latest, { day }) => (day > latest ? day : latest), today)}T00:00:00Z`);
  const shown = Array.from({ length: days }, (_, n) =>
    new Date(last - (days - 1 - n) * 86_400_000).toISOString().slice(0, 10),
  );
  return shown.map((day) => {
    const of = (state: End): number => rows.find((one) => one.day === day && one.state === state)?.payments ?? 0;
    return { day, paid: of('paid'), declined: of('declined'), expired: of('expired'), cancelled: of('cancelled') };
  });
}

const width = 900;
const height = 180;
const gap = 4;

const totalOf = (day: DayOfOutcomes): number => ends.reduce((sum, end) => sum + day[end], 0);

export function OutcomesChart({ outcomes }: { outcomes: readonly DayOfOutcomes[] }) {
  const most = Math.max(...outcomes.map(totalOf));
  if (most === 0) return <p class="empty">No payment has ended in the last {days} days.</p>;
  const [first, last] = [outcomes[0], outcomes.at(-1)];
  const bar = width / outcomes.length;
  return (
    <figure class="chart">
      <svg viewBox={`0 0 ${width} ${height + 24}`} role="img" aria-labelledby="outcomes-words">
        <title id="outcomes-words">
          {`Payments that ended, a bar a day, at most ${count(most)} on one day; the table below has the numbers`}
        </title>
        {outcomes.map((day, n) => (
          <g key={day.day}>{barsOf(day, n * bar + gap / 2, bar - gap, height / most)}</g>
        ))}
        <line x1="0" y1={height} x2={width} y2={height} class="axis" />
        <text x="0" y={height + 18}>
          {first?.day}
        </text>
        <text x={width} y={height + 18} text-anchor="end">
          {last?.day}
        </text>
        <text x="0" y="12">
          {count(most)}
        </text>
      </svg>
      <figcaption>
        {ends.map((end) => (
          <span key={end} class="key" data-end={end}>
            {end}
          </span>
        ))}
      </figcaption>
      <details>
        <summary>The same as a table</summary>
        <Table
          caption="Payments that ended, by day"
          rows={outcomes.toReversed()}
          keyOf={({ day }) => day}
          empty=""
          columns={[
            { title: 'Day', cell: ({ day }) => day },
            ...ends.map((end) => ({ title: end, isNumber: true, cell: (day: DayOfOutcomes) => count(day[end]) })),
          ]}
        />
      </details>
    </figure>
  );
}

/** From the axis upwards: what was paid stands lowest. */
function barsOf(day: DayOfOutcomes, x: number, wide: number, scale: number) {
  let y = height;
  return ends.map((end) => {
    const tall = day[end] * scale;
    y -= tall;
    return tall === 0 ? null : <rect key={end} x={x} y={y} width={wide} height={tall} data-end={end} />;
  });
}
