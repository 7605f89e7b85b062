/** Whether a URL may be registered as an endpoint. What it resolves to is judged again at every connection. */
import type { AddressGuard } from './address.js';
import { RefusedAddressError } from './address.js';

const longestUrl = 2_000;
const resolveWithinMs = 5_000;

export interface UrlFault {
  /** In words for the partner's developer. */
  readonly problem: string;
  /** Whether the same URL may be right in a moment: its name did not resolve. */
  readonly mayPass: boolean;
}

/** Null: it may. Otherwise what is wrong with it. */
export async function whatIsWrongWith(text: string, guard: AddressGuard, testMode: boolean): Promise<UrlFault | null> {
  const problem = wrongByItself(text, testMode);
  if (problem !== null) return { problem, mayPass: false };
  const url = new URL(text);
  switch (guard.allowsLiteral(url)) {
    case true:
      return null;
    case false:
      return notPublic;
    case null:
      return await resolvesWrong(url.hostname, guard);
  }
}

const notPublic: UrlFault = { problem: 'must lead to a public address', mayPass: false };

function wrongByItself(text: string, testMode: boolean): string | null {
  if (text.length > longestUrl) return `is longer than ${longestUrl} characters`;
  if (!URL.canParse(text)) return 'is not a URL';
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(testMode && url.protocol === 'http:')) return 'must begin with https://';
  if (url.username !== '' || url.password !== '') return 'must not carry credentials';
  if (url.hash !== '' || text.includes('#')) return 'must not have a fragment';
  // Below lie the ports of mail, files and the like, which would read our request as their own language.
  if (url.port !== '' && Number(url.port) < 1_024) return 'must use port 443, or one from 1024 up';
  return null;
}

async function resolvesWrong(hostname: string, guard: AddressGuard): Promise<UrlFault | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<UrlFault>((resolve) => {
    const fault: UrlFault = { problem: 'has a host name that does not resolve in time', mayPass: true };
    timer = setTimeout(resolve, resolveWithinMs, fault);
  });
  const resolved = guard.resolvePublic(hostname).then(
    () => null,
    (error: unknown): UrlFault =>
      error instanceof RefusedAddressError
        ? notPublic
        : { problem: 'has a host name that does not resolve', mayPass: true },
  );
  try {
    return await Promise.race([resolved, late]);
  } finally {
    clearTimeout(timer);
  }
}
