import { BlockList, isIP } from 'node:net';

/** What the words among trusted proxies stand for. */
const named: { readonly [word: string]: readonly string[] | undefined } = {
  loopback: ['127.0.0.0/8', '::1'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/** Whether an address is among those listed: addresses, CIDR blocks, or the words for private networks. */
export function createAddressList(entries: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const entry of entries.flatMap((each) =>
    Object.hasOwn(named, each) ? (named[each] ?? []) : [each],
  )) {
    const [address = '', bits] = entry.split('/');
    const family = familyOf(address);
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  // A proxy may name something that is no address. An IPv4 address in IPv6 form is looked up as what it is.
  return (address) => isIP(address) !== 0 && list.check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
