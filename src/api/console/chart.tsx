/** Charts: data for the script that draws them (assets/charts.js), and the same as a table for everybody else. */
import { Table } from './tables.js';
import { None } from './values.js';

export interface Line {
  readonly label: string;
  /** As many as there are moments; null: nothing there. */
  readonly values: readonly (number | null)[];
  /** What is known, what is guessed from it, a mark to stay above, a mark where it ends. */
  readonly look: 'known' | 'guess' | 'mark' | 'floor';
  readonly isStepped?: boolean;
}

export interface ChartData {
  readonly title: string;
  /** Seconds since 1970, ascending. */
  readonly moments: readonly number[];
  readonly lines: readonly Line[];
  readonly timeZone: string;
  /** Units of what is drawn to one of what is shown: 100 kopecks a rouble. */
  readonly scale: number;
  readonly unit: string;
}

const mostRows = 120;

export function Chart({
  data,
  tell,
  children,
}: {
  data: ChartData;
  /** A value in words. */
  tell: (value: number) => string;
  /** What one has to know to read it. */
  children: string;
}) {
  const format = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: data.timeZone });
  const every = Math.max(1, Math.ceil(data.moments.length / mostRows));
  const rows = data.moments
    .map((moment, index) => ({ moment, values: data.lines.map(({ values }) => values[index] ?? null) }))
    .filter((_, index) => index % every === 0 || index === data.moments.length - 1);
  return (
    <figure class="chart">
      <figcaption>
        <strong>{data.title}</strong> <small>{children}</small>
      </figcaption>
      <div class="plot" data-chart={JSON.stringify(data)} aria-hidden="true" />
      <details>
        <summary>As a table</summary>
        <Table
          caption={data.title}
          rows={rows}
          keyOf={({ moment }) => String(moment)}
          empty="Nothing to draw."
          columns={[
            { title: 'Time', cell: ({ moment }) => format.format(new Date(moment * 1_000)) },
            ...data.lines.map(({ label }, index) => ({
              title: label,
              isNumber: true,
              cell: ({ values }: { values: readonly (number | null)[] }) => {
                const value = values[index] ?? null;
                return value === null ? <None /> : tell(value);
              },
            })),
          ]}
        />
      </details>
    </figure>
  );
}

/** Once on a page with charts. */
export function ChartScripts() {
  return (
    <>
      <link rel="stylesheet" href="/console-assets/uplot/uPlot.min.css" />
      <script src="/console-assets/uplot/uPlot.iife.min.js" defer />
      <script src="/console-assets/charts.js" defer />
    </>
  );
}
