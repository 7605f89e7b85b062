/** What pages of the console are made of. */
import type { ComponentChildren } from 'preact';
import { formatMoney } from '../pay/format.js';
import type { FormContext } from './desk.js';

const longestShown = 300;

/**
 * Text from outside: cut, without what would turn the text around it or hide something (directions, controls), and for
 * itself in its direction. Preact escapes it.
 */
export function Said({ text, most = longestShown }: { text: string | null | undefined; most?: number }) {
  if (text == null || text === '') return <span class="none">—</span>;
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
  if (amountMinor === null || currency === null) return <span class="none">—</span>;
  return <span class="number">{money(amountMinor, currency)}</span>;
}

const whole = new Intl.NumberFormat('en');
export const count = (value: number): string => whole.format(value);

export function Count({ value }: { value: number | null }) {
  return value === null ? <span class="none">—</span> : <span class="number">{count(value)}</span>;
}

/** A moment, to the second, with its zone. */
export function When({ at, timeZone }: { at: Date | string | null; timeZone: string }) {
  if (at === null) return <span class="none">—</span>;
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

export function Id({ id, href }: { id: string; href?: string }) {
  return href === undefined ? <code>{id}</code> : <a href={href}><code>{id}</code></a>; // prettier-ignore
}

/** In a list: the end of an id, which differs where its beginning is the time; the whole of it to who asks or listens. */
export function ShortId({ id, href }: { id: string; href: string }) {
  return (
    <a href={href} title={id} aria-label={id}>
      <code>{id.slice(-12)}</code>
    </a>
  );
}

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** Numbers stand at the right. */
  readonly isNumber?: boolean;
}

/** Rows in a region of its own that scrolls sideways, by keyboard too. */
export function Table<Row>({
  caption,
  columns,
  rows,
  keyOf,
  empty,
}: {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  empty: string;
}) {
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  return (
    <div class="table" role="region" aria-label={caption} tabIndex={0}>
      <table>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ title, isNumber }) => (
              <th key={title} scope="col" class={isNumber === true ? 'number' : undefined}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ title, cell, isNumber }) => (
                <td key={title} class={isNumber === true ? 'number' : undefined}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Ways to the page before and after; by keys, so that neither shifts while rows come in. */
export function Pages({
  newer,
  older,
  words = { newer: '← Newer', older: 'Older →' },
}: {
  newer: string | null;
  older: string | null;
  words?: { readonly newer: string; readonly older: string };
}) {
  if (newer === null && older === null) return null;
  return (
    <nav class="pages" aria-label="Pages">
      {newer === null ? <span /> : <a href={newer} rel="prev">{words.newer}</a>}
      {older === null ? <span /> : <a href={older} rel="next">{words.older}</a>}
    </nav>
  ); // prettier-ignore
}

/** Names and what stands beside them. */
export function Facts({ facts }: { facts: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Filters are a form that is sent by GET: the address is the page. */
export function Filters({ action, children }: { action: string; children: ComponentChildren }) {
  return (
    <form method="get" action={action} class="filters" role="search">
      {children}
      <button>Show</button>
      <a href={action}>Clear</a>
    </form>
  );
}

export function Choice({
  name,
  label,
  value,
  options,
  all = 'all',
}: {
  name: string;
  label: string;
  value: string | undefined;
  options: readonly (readonly [string, string])[];
  /** What no choice is called. */
  all?: string;
}) {
  return (
    <label>
      <span>{label}</span>
      <select name={name}>
        <option value="">{all}</option>
        {options.map(([key, text]) => (
          <option key={key} value={key} selected={key === value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Field({
  name,
  label,
  value,
  type = 'text',
  most = 200,
  required = false,
  hint,
}: {
  name: string;
  label: string;
  value?: string | undefined;
  type?: InputType;
  most?: number;
  required?: boolean;
  hint?: string;
}) {
  return (
    <label>
      <span>{label}</span>
      {inputOf(type, { name, value: value ?? '', required, autocomplete: 'off' }, most)}
      {hint !== undefined && <small>{hint}</small>}
    </label>
  );
}

type InputType = 'text' | 'date' | 'search' | 'number';

function inputOf(
  type: InputType,
  props: { name: string; value: string; required: boolean; autocomplete: 'off' },
  most: number,
) {
  switch (type) {
    case 'text':
      return <input type="text" maxLength={most} {...props} />;
    case 'search':
      return <input type="search" maxLength={most} {...props} />;
    case 'date':
      return <input type="date" {...props} />;
    case 'number':
      return <input type="number" {...props} />;
  }
}

/** What every action asks for: why, in a few words of a list and in his own, and what proves it. */
export function Evidence({ reasons }: { reasons: readonly (readonly [string, string])[] }) {
  return (
    <>
      <label>
        <span>Reason</span>
        <select name="reason" required>
          <option value="">choose …</option>
          {reasons.map(([key, text]) => (
            <option key={key} value={key}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <label class="wide">
        <span>Comment</span>
        <textarea name="comment" required maxLength={1_000} rows={3} />
      </label>
      <label>
        <span>Reference</span>
        <input name="reference" required maxLength={200} autocomplete="off" />
        <small>A case, a bill, a line of a statement: where somebody else finds the proof.</small>
      </label>
    </>
  );
}

/**
 * An action: a form that a script asks about once more. Where money or points depend on it and the login is too old,
 * the way to a new login stands in its place.
 */
export function ActionForm({
  forms,
  action,
  confirm,
  submit,
  needsFresh = false,
  danger = false,
  hidden = {},
  children,
}: {
  forms: FormContext;
  action: string;
  /** The question, which names what will be done. */
  confirm: string;
  submit: string;
  needsFresh?: boolean;
  danger?: boolean;
  /** What the page was made of: `version` of its subject, for one. */
  hidden?: Readonly<Record<string, string | number>>;
  children?: ComponentChildren;
}) {
  if (needsFresh && !forms.isFresh) {
    return (
      <p class="fresh">
        Money or points depend on this: prove once more who you are.{' '}
        <a class="button" href={`/console/login?again=1&goOn=${encodeURIComponent(forms.here)}`}>
          Log in again
        </a>
      </p>
    );
  }
  return (
    <form method="post" action={action} class="action" data-confirm={confirm}>
      <input type="hidden" name="csrf" value={forms.csrf} />
      {Object.entries(hidden).map(([name, value]) => (
        <input key={name} type="hidden" name={name} value={value} />
      ))}
      {children}
      <button class={danger ? 'danger' : 'primary'}>{submit}</button>
    </form>
  );
}
