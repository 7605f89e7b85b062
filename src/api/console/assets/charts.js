// Draws the charts of a page from the data in it; the table below each says the same without this.
'use strict';

for (const place of document.querySelectorAll('[data-chart]:not([data-drawn])')) {
  place.dataset.drawn = '';
  const data = JSON.parse(place.dataset.chart);
  draw(place, data);
  // Its colours are the page's, which follow the system's.
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    place.replaceChildren();
    draw(place, data);
  });
}

function draw(place, { moments, lines, timeZone, scale, unit }) {
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const paint = document.createElement('span');
  document.body.append(paint);
  // light-dark() is resolved by the browser where a colour is used, not where a variable is read.
  const used = (name) => {
    paint.style.color = color(name);
    return getComputedStyle(paint).color;
  };
  const looks = {
    known: { stroke: used('--accent'), width: 2 },
    guess: { stroke: used('--quiet'), width: 2, dash: [6, 6] },
    mark: { stroke: used('--warn'), width: 1, dash: [2, 4] },
    floor: { stroke: used('--bad'), width: 1 },
  };
  const axis = {
    stroke: used('--quiet'),
    grid: { stroke: used('--line'), width: 1 },
    ticks: { stroke: used('--line') },
  };
  paint.remove();
  const number = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 2 });
  const options = () => ({
    width: Math.max(200, place.clientWidth),
    height: 260,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), timeZone),
    cursor: { drag: { x: false, y: false } },
    legend: { live: false },
    axes: [
      { ...axis, values: (_, splits) => splits.map(tellTime(splits, timeZone)) },
      { ...axis, size: 70, values: (_, values) => values.map((value) => number.format(value) + unit) },
    ],
    series: [
      {},
      ...lines.map(({ label, look, isStepped }) => ({
        label,
        ...looks[look],
        points: { show: false },
        ...(isStepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
      })),
    ],
  });
  const data = [moments, ...lines.map(({ values }) => values.map((value) => (value === null ? null : value / scale)))];
  const chart = new uPlot(options(), data, place);
  const observer = new ResizeObserver(() => {
    if (chart.root.isConnected) chart.setSize({ width: Math.max(200, place.clientWidth), height: 260 });
    else observer.disconnect();
  });
  observer.observe(place);
}

/** Days, or hours where the whole chart is of hours. */
function tellTime(splits, timeZone) {
  const isShort = splits.length > 1 && splits[1] - splits[0] < 86_400;
  const format = new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'short',
    ...(isShort ? { hour: '2-digit', minute: '2-digit' } : {}),
    timeZone,
  });
  return (seconds) => format.format(new Date(seconds * 1_000));
}
