/** Where a buyer may be sent: https, a host on the partner's list, no credentials, nothing that browsers read in two ways. */

/** @param testMode alone allows http on loopback hosts of the list */
export function safeLink(
  text: string | null | undefined,
  allowedHosts: readonly string[],
  testMode: boolean,
): string | null {
  if (typeof text !== 'string' || text.length > 2_000) return null;
  // Backslashes, blanks, control and non-ASCII characters are read differently by browsers and by us: none is needed.
  if (!/^[\x21-\x5b\x5d-\x7e]+$/.test(text)) return null;
  if (!/^https?:\/\/[^/]/.test(text)) return null;
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return null;
  if (!allowedHosts.includes(url.host)) return null;
  const isLoopback = url.hostname === 'localhost' || url.hostname === '127.0.0.1';
  if (url.protocol !== 'https:' && !(testMode && isLoopback)) return null;
  return url.href;
}
