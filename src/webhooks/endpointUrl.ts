/** Whether a URL may be registered as an endpoint. What it resolves to is judged again at every connection. */
import type { AddressGuard } from './address.js';
import { RefusedAddressError } from './address.js';

const longestUrl = 2_000;
const resolveWithinMs = 5_000;

/** Null: it may. Otherwise what is wrong with it, in words for the partner's developer. */
export async function whatIsWrongWith(text: string, guard: AddressGuard, testMode: boolean): Promise<string | null> {
  if (text.length > longestUrl) return `is longer than ${longestUrl} characters`;
  if (!URL.canParse(text)) return 'is not a URL';
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(testMode && url.protocol === 'http:')) return 'must begin with https://';
  if (url.username !== '' || url.password !== '') return 'must not carry credentials';
  if (url.hash !== '' || text.includes('#')) return 'must not have a fragment';
  // Below lie the ports of mail, files and the like, which would read our request as their own language.
  if (url.port !== '' && Number(url.port) < 1_024) return 'must use port 443, or one from 1024 up';
  switch (guard.allowsLiteral(url)) {
    case true:
      return null;
    case false:
      return 'must lead to a public address';
    case null:
      return await resolvesWrong(url.hostname, guard);
  }
}

async function resolvesWrong(hostname: string, guard: AddressGuard): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, resolveWithinMs, 'has a host name that does not resolve in time');
  });
  const resolved = guard.resolvePublic(hostname).then(
    () => null,
    (error: unknown) =>
      error instanceof RefusedAddressError ? 'must lead to a public address' : 'has a host name that does not resolve',
  );
  try {
    return await Promise.race([resolved, late]);
  } finally {
    clearTimeout(timer);
  }
}
