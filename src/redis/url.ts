/** A parsed Redis URL. */
export interface RedisTarget {
  readonly kind: 'server' | 'sentinel' | 'cluster';
  readonly tls: boolean;
  readonly nodes: { host: string; port: number }[];
  readonly username?: string;
  readonly password?: string;
  readonly master?: string;
  readonly db?: number;
  /** Credentials of the sentinels, which are separate from those of Redis. */
  readonly sentinel: { readonly username?: string; readonly password?: string };
  readonly files: RedisTlsFiles;
}

/** Paths of PEM files: the authority that Redis' certificate is checked against, and our client certificate and key. */
export interface RedisTlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Query parameters of a Redis URL. */
export interface RedisUrlParameters extends RedisTlsFiles {
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
}

const urlForm =
  /^redis(?<tls>s)?(?:\+(?<kind>sentinel|cluster))?:\/\/(?:(?<user>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<nodes>[^/?]*)(?:\/(?<path>[^?]*))?(?:\?(?<query>[^@]*))?$/;

/**
 * Parses a Redis URL. Query parameters: `ca`, `cert` and `key` are paths of PEM files, `sentinelUsername` and
 * `sentinelPassword` the credentials of the sentinels.
 *
 * @throws when the URL is invalid; the message does not contain the URL
 */
export function parseRedisUrl(url: string): RedisTarget {
  const groups = urlForm.exec(url)?.groups;
  if (groups === undefined) throw new Error(redisUrlHelp);
  const kind = (groups.kind ?? 'server') as RedisTarget['kind'];
  const tls = groups.tls !== undefined;
  const path = (groups.path ?? '').split('/').filter((part) => part !== '');
  const master = kind === 'sentinel' ? path.shift() : undefined;
  const [database] = path;
  if (database !== undefined && !/^\d{1,3}$/.test(database)) throw new Error(redisUrlHelp);
  const parameters = new URLSearchParams(groups.query ?? '');
  const files = pickParameters(parameters, { ca: 'ca', cert: 'cert', key: 'key' });
  if (!tls && Object.keys(files).length > 0) throw new Error(redisTlsHelp);
  if ((files.cert === undefined) !== (files.key === undefined)) throw new Error(redisPairHelp);
  return {
    kind,
    tls,
    nodes: (groups.nodes ?? '')
      .split(',')
      .map((node) => parseNode(node, kind === 'sentinel' ? 26_379 : 6_379)),
    ...(groups.user ? { username: decodeURIComponent(groups.user) } : {}),
    ...(groups.password ? { password: decodeURIComponent(groups.password) } : {}),
    ...(master === undefined ? {} : { master }),
    ...(database === undefined ? {} : { db: Number(database) }),
    sentinel: pickParameters(parameters, { username: 'sentinelUsername', password: 'sentinelPassword' }),
    files,
  };
}

/** The parameters that are set, renamed to the keys of `names`. */
function pickParameters<Name extends string>(
  parameters: URLSearchParams,
  names: { readonly [name in Name]: keyof RedisUrlParameters },
): { [name in Name]?: string } {
  const found = Object.entries<string>(names).flatMap(([name, parameter]) => {
    const value = parameters.get(parameter);
    return value === null || value === '' ? [] : [[name, value]];
  });
  return Object.fromEntries(found);
}

/** Adds parameters to the URL; those it already has take precedence. */
export function withRedisParameters(url: string, parameters: RedisUrlParameters): string {
  const [address = '', query = ''] = url.split('?');
  const all = new URLSearchParams(query);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && !all.has(name)) all.set(name, value);
  }
  return all.size === 0 ? url : `${address}?${all}`;
}

/** Help text for error messages, which must not quote the URL itself: it may contain a password. */
export const redisUrlHelp =
  'A Redis URL looks like redis://host:6379, rediss://user:password@host:6380/0, ' +
  'redis+sentinel://host:26379,host:26379/mymaster or redis+cluster://host:6379,host:6379; ' +
  'in a password, write @ : / and % as %40 %3A %2F %25.';

const redisTlsHelp =
  'Certificates need TLS: write rediss:// (rediss+sentinel://, rediss+cluster://) instead of redis://.';
const redisPairHelp = 'A client certificate and its key belong together: give both or neither.';

/** Is this a URL that `connectRedis` accepts? */
export function isRedisUrl(url: string): boolean {
  try {
    parseRedisUrl(url);
    return true;
  } catch {
    return false;
  }
}

function parseNode(node: string, defaultPort: number): { host: string; port: number } {
  const match = /^(?<host>\[[0-9a-fA-F:]+\]|[^:[\]@]+)(?::(?<port>\d{1,5}))?$/.exec(node)?.groups;
  if (match?.host === undefined) throw new Error(redisUrlHelp);
  return {
    host: match.host.replace(/^\[|\]$/g, ''),
    port: match.port === undefined ? defaultPort : Number(match.port),
  };
}

/** The URL without credentials and parameters, for display. */
export function redisAddress(url: string): string {
  return url.replace(/^([^/]*\/\/).*@/, '$1').replace(/\?.*$/s, '');
}
