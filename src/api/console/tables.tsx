/** Rows and facts on a page of the console, and the ways to other pages of a list. */
import type { ComponentChildren } from 'preact';

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
