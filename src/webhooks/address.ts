/**
 * Where webhooks may go: public addresses alone. A partner chooses the URL, and our network must not answer him. A name
 * is judged by what it resolves to, at the moment of connecting: what it said at registration may have changed.
 */
import type { LookupAddress } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** All addresses of a name; none, or an error, where it does not resolve. */
export type Resolve = (hostname: string) => Promise<LookupAddress[]>;

const resolver = new Resolver({ timeout: 2_000, tries: 2 });
const loopback: LookupAddress[] = [{ address: '127.0.0.1', family: 4 }];

/**
 * By DNS, not by the system's look-up: that one has four threads for the whole process, and the slow name servers of a few
 * partners would keep everybody waiting. `localhost` is what it always is (RFC 6761, 6.3).
 */
const resolveByDns: Resolve = async (hostname) => {
  if (/(^|\.)localhost\.?$/i.test(hostname)) return loopback;
  const [four, six] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  return [
    ...(four.status === 'fulfilled' ? four.value.map((address) => ({ address, family: 4 })) : []),
    ...(six.status === 'fulfilled' ? six.value.map((address) => ({ address, family: 6 })) : []),
  ];
};

export class RefusedAddressError extends Error {
  readonly code = 'SURETY_REFUSED_ADDRESS';
  constructor() {
    super('The address is not a public one');
  }
}

/** Whether there is no such name or nobody could be asked: it may be otherwise in a moment. */
class UnresolvedNameError extends Error {
  readonly code = 'ENOTFOUND';
  constructor() {
    super('The name does not resolve');
  }
}

/** What IANA has given out for global unicast; all else in IPv6 is special, IPv4 in disguise included. */
const globalUnicast: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('2000::'), 3];

export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.process(text);
  if (address.range() !== 'unicast') return false;
  return address instanceof ipaddr.IPv4 || address.match(globalUnicast);
}

function isLoopback(text: string): boolean {
  return ipaddr.isValid(text) && ipaddr.process(text).range() === 'loopback';
}

export class AddressGuard {
  /** @param testMode allows loopback too */
  constructor(
    private readonly testMode: boolean,
    private readonly resolve: Resolve = resolveByDns,
  ) {}

  allows(address: string): boolean {
    return isPublicAddress(address) || (this.testMode && isLoopback(address));
  }

  /** Of a URL whose host is an address: no look-up happens for it, so it is judged here. Null for a name. */
  allowsLiteral(url: URL): boolean | null {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    return ipaddr.isValid(host) ? this.allows(host) : null;
  }

  /**
   * Throws RefusedAddressError, or UnresolvedNameError.
   * One private address among several is enough to refuse: which one is connected to is the network's choice.
   */
  async resolvePublic(hostname: string): Promise<LookupAddress[]> {
    const addresses = await this.resolve(hostname).catch(() => []);
    if (addresses.length === 0) throw new UnresolvedNameError();
    if (addresses.some(({ address }) => !this.allows(address))) throw new RefusedAddressError();
    return addresses;
  }

  /** For a socket: what it connects to is exactly what was judged. */
  readonly lookup: LookupFunction = (hostname, options, answer) => {
    this.resolvePublic(hostname).then(
      (addresses) => {
        const [first] = addresses;
        if (options.all === true) answer(null, addresses);
        else answer(null, first?.address ?? '', first?.family);
      },
      (error: unknown) => {
        answer(error instanceof RefusedAddressError ? error : new UnresolvedNameError(), '');
      },
    );
  };
}
