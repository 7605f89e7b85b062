/** How a value stands on a page of the console: text from outside, sums, moments, states, ids. */
import { formatMoney } from '../pay/format.js';

const longestShown = 300;

/** Where a value would stand. */
export function None() {
  return <span class="none">—</span>;
}

/**
 * Text from outside: cut, without what would turn the text around it or hide something (directions, controls), and for
 * itself in its direction. Preact escapes it.
 */
export function Said({ text, most = longestShown }: { text: string | null | undefined; most?: number }) {
  if (text == null || text === '') return <None />;
  return <bdi>{plain(text, most)}</bdi>;
}

/** For attributes and titles, where no element can stand. */
export function plain(text: string, most = longestShown): string {
  const visible = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '·');
  const signs = Array.from(visible.slice(0, most * 2 + 2));
  return signs.length > most ? `${signs.slice(0, most).join('')}…` : signs.join('');
}

export const money = (amountMinor: number, currency: string): string => formatMoney(amountMinor, currency, 'en');

export function Money({ amountMinor, currency }: { amountMinor: number | null; currency: string | null }) {
  if (amountMinor === null || currency === null) return <None />;
  return <span class="number">{money(amountMinor, currency)}</span>;
}

const whole = new Intl.NumberFormat('en');
export const count = (value: number): string => whole.format(value);

export function Count({ value }: { value: number | null }) {
  return value === null ? <None /> : <span class="number">{count(value)}</span>;
}

/** A moment, to the second, with its zone. */
export function When({ at, timeZone }: { at: Date | string | null; timeZone: string }) {
  if (at === null) return <None />;
  const time = new Date(at);
  return <time dateTime={time.toISOString()}>{clock(timeZone).format(time)}</time>;
}

const clocks = new Map<string, Intl.DateTimeFormat>();
function clock(timeZone: string): Intl.DateTimeFormat {
  const known = clocks.get(timeZone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-GB', {
    day: '2-digit',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'short',
    timeZone,
  });
  clocks.set(timeZone, made);
  return made;
}

/** `3 d 4 h`, `12 min`, `8 s` */
export function ageOf(fromMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - fromMs) / 1_000));
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600), Math.floor(seconds / 60)];
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min` : `${seconds} s`;
}

/** A word of ours in a colour that says how it stands; the word says it too. */
export function State({ state }: { state: string }) {
  return (
    <span class="state" data-state={state}>
      {state.replaceAll('_', ' ')}
    </span>
  );
}

/** @param under the address of the pages of what it names; absent: it leads nowhere */
export function Id({ id, under }: { id: string | null; under?: string }) {
  if (id === null) return <None />;
  return under === undefined ? <code>{id}</code> : <a href={under + encodeURIComponent(id)}><code>{id}</code></a>; // prettier-ignore
}

/** In a list: the end of an id, which differs where its beginning is the time; the whole of it to who asks or listens. */
export function ShortId({ id, href }: { id: string; href: string }) {
  return (
    <a href={href} title={id} aria-label={id}>
      <code>{id.slice(-12)}</code>
    </a>
  );
}
