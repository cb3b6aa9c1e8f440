/** Where a Redis URL leads, and how. */
export interface RedisTarget {
  readonly kind: 'server' | 'sentinel' | 'cluster';
  readonly tls: boolean;
  readonly nodes: { host: string; port: number }[];
  readonly username?: string;
  readonly password?: string;
  readonly master?: string;
  readonly db?: number;
  /** Credentials at the sentinels, which share none with Redis itself. */
  readonly sentinel: { readonly username?: string; readonly password?: string };
  readonly files: RedisTlsFiles;
}

/** Paths of PEM files: whose certificates Redis may show, and the certificate and key that we show. */
export interface RedisTlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** What a Redis URL carries behind its `?`. Carried there, it reaches every connection that is made from the URL. */
export interface RedisUrlParameters extends RedisTlsFiles {
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
}

const urlForm =
  /^redis(?<tls>s)?(?:\+(?<kind>sentinel|cluster))?:\/\/(?:(?<user>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<nodes>[^/?]*)(?:\/(?<path>[^?]*))?(?:\?(?<query>[^@]*))?$/;

/**
 * Reads a Redis URL. Its parameters: `ca`, `cert` and `key` are paths of PEM files, `sentinelUsername` and
 * `sentinelPassword` the credentials at the sentinels.
 *
 * @throws when it has another form; the message does not repeat it
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
  const files = given(parameters, { ca: 'ca', cert: 'cert', key: 'key' });
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
    sentinel: given(parameters, { username: 'sentinelUsername', password: 'sentinelPassword' }),
    files,
  };
}

/** The parameters that are there, under the names of `names`. */
function given<Name extends string>(
  parameters: URLSearchParams,
  names: { readonly [name in Name]: keyof RedisUrlParameters },
): { [name in Name]?: string } {
  const found = Object.entries<string>(names).flatMap(([name, parameter]) => {
    const value = parameters.get(parameter);
    return value === null || value === '' ? [] : [[name, value]];
  });
  return Object.fromEntries(found);
}

/** The URL with further parameters, those that it has itself coming first. */
export function withRedisParameters(url: string, parameters: RedisUrlParameters): string {
  const [address = '', query = ''] = url.split('?');
  const all = new URLSearchParams(query);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && !all.has(name)) all.set(name, value);
  }
  return all.size === 0 ? url : `${address}?${all}`;
}

/** What a Redis URL may look like, for error messages. Never repeats the URL itself: it may hold a password. */
export const redisUrlHelp =
  'A Redis URL looks like redis://host:6379, rediss://user:password@host:6380/0, ' +
  'redis+sentinel://host:26379,host:26379/mymaster or redis+cluster://host:6379,host:6379; ' +
  'in a password, @ : / and % are written %40 %3A %2F %25.';

const redisTlsHelp =
  'Certificates are for TLS: write rediss:// (rediss+sentinel://, rediss+cluster://) instead of redis://.';
const redisPairHelp = "A client's certificate and its key go together: give both or none.";

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

/** The address of a Redis URL without credentials and parameters, for people. */
export function redisAddress(url: string): string {
  return url.replace(/^([^/]*\/\/).*@/, '$1').replace(/\?.*$/s, '');
}
