import { type LookupAddress, lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { createAddressList } from '../config/address-list.ts';

/**
 * Addresses that are not on the public internet, from the IANA registries of special-purpose addresses. Of IPv6 only 2000::/3
 * is public; the rest is listed here.
 */
const notPublic4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15'],
  ...['198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
];
const notPublic6 = [
  ...['::/3', '4000::/2', '8000::/1', '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
];

/** `::ffff:` and the IPv4 address in dotted or hexadecimal form; one group more makes it another kind of address. */
const ipv4Mapped = /^::ffff:(?:\d+\.\d+\.\d+\.\d+|[0-9a-f]{1,4}:[0-9a-f]{1,4})$/i;

/** Why an address is not connected to. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError';
  readonly code = 'ERR_ADDRESS_REFUSED';
}

/** Prevents requests to private addresses, whatever a URL or a name server says. */
export interface AddressGuard {
  /** The reason why a URL's host is refused, if it is an address and not a name; else `null`. */
  refusalOfHost(url: URL): string | null;
  /** Resolves names for connections. The address that it returns is the one that is connected to, so it cannot change after the check. */
  lookupFor(url: URL): LookupFunction;
}

type Resolve = typeof lookup;

/**
 * @param allowed addresses, CIDR blocks or words of `createAddressList` that may be used although private, also without TLS
 * @param resolve default: the system's resolver
 */
export function createAddressGuard(allowed: readonly string[], resolve: Resolve = lookup): AddressGuard {
  const isAllowed = createAddressList(allowed);
  const isPrivate = privateAddresses();

  function refusal(address: string, { protocol }: URL): string | null {
    // A zone (fe80::1%eth0) is no part of the address.
    const plain = address.replace(/%.*$/, '');
    if (isAllowed(plain)) return null;
    if (isPrivate(plain))
      return 'the address is not public; add it to WEBHOOK_ALLOWED_ADDRESSES if webhooks may be sent there';
    return protocol === 'https:' ? null : 'plain http is used only for WEBHOOK_ALLOWED_ADDRESSES; use https';
  }

  function resolveAll(hostname: string): Promise<readonly LookupAddress[]> {
    return new Promise((done, failed) => {
      resolve(hostname, { all: true }, (error, found) => (error === null ? done(found) : failed(error)));
    });
  }

  return {
    refusalOfHost(url) {
      // URL has converted decimal, octal and hexadecimal forms of IPv4 already.
      const host = url.hostname.replace(/^\[|\]$/g, '');
      return isIP(host) === 0 ? null : refusal(host, url);
    },
    lookupFor(url) {
      let pending: Promise<readonly LookupAddress[]> | null = null;
      return (hostname, options, callback) => {
        // One lookup at a time: each takes one of the four threads of the process while the name server does not answer.
        pending ??= resolveAll(hostname).finally(() => {
          pending = null;
        });
        pending.then(
          (found) => {
            const reasons = found.map(({ address }) => refusal(address, url));
            const fit = found.filter((_, index) => reasons[index] === null);
            const [first] = fit;
            if (first === undefined)
              return callback(new AddressRefusedError(reasons[0] ?? 'the name has no address'), []);
            if (options.all) return callback(null, fit);
            return callback(null, first.address, first.family);
          },
          (error: Error) => callback(error, []),
        );
      };
    },
  };
}

function privateAddresses(): (address: string) => boolean {
  // Two lists, because IPv4 addresses count as ::ffff:0:0/96, which is not public.
  const [list4, list6] = [blockList(notPublic4, 'ipv4'), blockList(notPublic6, 'ipv6')];
  return (address) => {
    if (isIP(address) === 4) return list4.check(address, 'ipv4');
    if (isIP(address) === 6) return (ipv4Mapped.test(address) ? list4 : list6).check(address, 'ipv6');
    return true;
  };
}

function blockList(subnets: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [address = '', bits] = subnet.split('/');
    list.addSubnet(address, Number(bits), family);
  }
  return list;
}
