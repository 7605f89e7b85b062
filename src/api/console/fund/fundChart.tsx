/** How a fund went, and how long it lasts: from its flow by hours or days, and the pace of the last days. */
import { fractionDigits } from '../../../domain/money.js';
import type { FundMirror } from '../../../ledger/fund.js';
import { Chart, type ChartData, type Line } from '../chart.js';
import { count, money } from '../values.js';

const dayMs = 86_400_000;

export const spans = {
  '7': { days: 7, step: 'hour', stepMs: 3_600_000 },
  '30': { days: 30, step: 'day', stepMs: dayMs },
  '90': { days: 90, step: 'day', stepMs: dayMs },
} as const;
export type Span = (typeof spans)[keyof typeof spans];

interface Step {
  readonly at: Date;
  readonly movedMinor: number;
}

/**
 * Backwards from what is there now, so that no sum of all years is needed; forwards at the pace of the last 7 and 30 days.
 * What is reserved for payments under way is of minutes, and taken as it is now.
 */
export function fundChartData(
  fund: FundMirror,
  steps: readonly Step[],
  span: Span,
  now: number,
  timeZone: string,
): ChartData {
  const first = Math.floor((now - span.days * dayMs) / span.stepMs) * span.stepMs;
  const moved = new Map(steps.map(({ at, movedMinor }) => [at.getTime(), movedMinor]));
  const known: { at: number; minor: number }[] = [{ at: now, minor: fund.availableMinor }];
  let minor = fund.availableMinor;
  for (let at = Math.floor(now / span.stepMs) * span.stepMs; at >= first; at -= span.stepMs) {
    // Before the step's own movements.
    minor -= moved.get(at) ?? 0;
    known.push({ at, minor });
  }
  known.reverse();
  const ahead = Array.from({ length: 12 }, (_, index) => now + ((index + 1) * span.days * dayMs) / 24);
  const moments = [...known.map(({ at }) => at), ...ahead];
  const lines: Line[] = [
    { label: 'Available', look: 'known', values: [...known.map((one) => one.minor), ...ahead.map(() => null)] },
    ...[
      ['At the pace of 7 days', fund.runway.over7DaysSeconds] as const,
      ['At the pace of 30 days', fund.runway.over30DaysSeconds] as const,
    ].flatMap(([label, seconds]): Line[] =>
      seconds === null ? [] : [{ label, look: 'guess', values: forecast(fund, seconds, known.length, ahead, now) }],
    ),
    ...(fund.lowWaterMinor === null
      ? []
      : [{ label: 'Low-water mark', look: 'mark', values: moments.map(() => fund.lowWaterMinor) } as const]),
    { label: 'Floor', look: 'floor', values: moments.map(() => -fund.overdraftMinor) },
  ];
  const digits = fractionDigits(fund.currency) ?? 0;
  return {
    title: `Available over ${span.days} days, and ahead`,
    moments: moments.map((at) => Math.round(at / 1_000)),
    lines,
    timeZone,
    scale: 10 ** digits,
    unit: '',
  };
}

function forecast(fund: FundMirror, seconds: number, known: number, ahead: readonly number[], now: number) {
  const floorMinor = -fund.overdraftMinor;
  const left = Math.max(0, fund.availableMinor - floorMinor);
  const at = (moment: number) =>
    seconds <= 0 ? floorMinor : Math.round(floorMinor + left * Math.max(0, 1 - (moment - now) / 1_000 / seconds));
  return [...Array.from({ length: known - 1 }, () => null), fund.availableMinor, ...ahead.map(at)];
}

export function FundChart({ data, currency }: { data: ChartData; currency: string }) {
  return (
    <Chart data={data} tell={(value) => money(value, currency)}>
      The dashed lines go on as the last days went. The floor is where no payment can be opened any more.
    </Chart>
  );
}

/** What is held now, by the moment since which it is: a step that stands far to the left is stuck. */
export function HeldChart({
  held,
  now,
  timeZone,
}: {
  held: readonly { readonly at: Date; readonly points: number }[];
  now: number;
  timeZone: string;
}) {
  if (held.length === 0) return <p class="empty">No points are held now.</p>;
  let sum = 0;
  const steps = held.map(({ at, points }) => ({ at: at.getTime(), sum: (sum += points) }));
  const data: ChartData = {
    title: 'Points held now, by since when',
    moments: [...steps.map(({ at }) => Math.round(at / 1_000)), Math.max(Math.round(now / 1_000), 1)],
    lines: [{ label: 'Points held', look: 'known', isStepped: true, values: [...steps.map((step) => step.sum), sum] }],
    timeZone,
    scale: 1,
    unit: '',
  };
  return (
    <Chart data={data} tell={count}>
      Added up from the oldest hold to the newest: a step far to the left is points that are held long.
    </Chart>
  );
}
