/** What Postgres cannot store becomes U+FFFD (NUL, half a surrogate pair); the rest is cut to `maxLength` code points. */
export function cleanText(text: string, maxLength: number): string {
  const storable = text.replaceAll('\u0000', '\uFFFD').toWellFormed();
  // A code point is one or two units: what is short in units is short in code points too.
  if (storable.length <= maxLength) return storable;
  return Array.from(storable.slice(0, maxLength * 2))
    .slice(0, maxLength)
    .join('')
    .toWellFormed();
}
