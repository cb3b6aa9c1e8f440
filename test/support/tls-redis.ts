import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { connectRedis } from '../../src/redis/connection.ts';
import { freePort } from './ports.ts';
import { until } from './waiting.ts';

const run = promisify(execFile);

export type RedisKind = 'server' | 'sentinel' | 'cluster';

/** Paths of PEM files. */
export interface Certificates {
  readonly folder: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A private authority, and one certificate by it for 127.0.0.1 that servers and clients share. Made with openssl. */
export async function makeCertificates(): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'payment-poller-tls-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder });
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-batch'];
  await openssl(
    ...[
      'req',
      '-x509',
      ...fresh,
      '-keyout',
      'ca-key.pem',
      '-out',
      'ca.pem',
      '-days',
      '2',
      '-subj',
      '/CN=test CA',
    ],
  );
  await openssl('req', ...fresh, '-keyout', 'key.pem', '-out', 'request.pem', '-subj', '/CN=redis');
  await writeFile(join(folder, 'names.txt'), 'subjectAltName=IP:127.0.0.1\n');
  await openssl(
    ...['x509', '-req', '-in', 'request.pem', '-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-days', '2'],
    ...['-set_serial', '2', '-extfile', 'names.txt', '-out', 'cert.pem'],
  );
  const path = (name: string) => join(folder, name);
  return { folder, ca: path('ca.pem'), cert: path('cert.pem'), key: path('key.pem') };
}

export const redisPassword = 'password-of-redis';
export const sentinelPassword = 'password-of-the-sentinel';

/** A TLS-only Redis that requires client certificates, behind recording relays. */
export interface TlsRedis {
  readonly url: string;
  /** The first byte that every connection sent, through any of the relays. */
  readonly firstBytes: readonly number[];
}

export async function startTlsRedis(
  executable: string,
  kind: RedisKind,
  pem: Certificates,
): Promise<TlsRedis> {
  const firstBytes: number[] = [];
  const port = await freePort();
  const relay = await startRelay(port, firstBytes);
  const tls = [
    ...['port 0', 'bind 127.0.0.1', 'tls-replication yes', 'tls-auth-clients yes', `dir ${pem.folder}`],
    ...[`tls-ca-cert-file ${pem.ca}`, `tls-cert-file ${pem.cert}`, `tls-key-file ${pem.key}`],
  ];
  const cluster = ['cluster-enabled yes', 'tls-cluster yes', `cluster-announce-tls-port ${relay}`];
  await startServer(executable, pem, 'redis.conf', [
    ...tls,
    ...[`tls-port ${port}`, `requirepass ${redisPassword}`, 'maxmemory-policy noeviction', 'save ""'],
    ...(kind === 'cluster' ? [...cluster, 'cluster-announce-ip 127.0.0.1'] : []),
  ]);
  const files = `ca=${pem.ca}&cert=${pem.cert}&key=${pem.key}`;
  const own = connectRedis(`rediss://:${redisPassword}@127.0.0.1:${port}?${files}`, 'prompt');
  onTestFinished(() => own.disconnect());
  await until('Redis answers', () => own.ping().catch(() => null));
  if (kind === 'server') return { url: `rediss://:${redisPassword}@127.0.0.1:${relay}`, firstBytes };
  if (kind === 'cluster') {
    await own.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await until('the cluster is up', async () =>
      String(await own.call('CLUSTER', 'INFO')).includes('cluster_state:ok'),
    );
    return { url: `rediss+cluster://:${redisPassword}@127.0.0.1:${relay}`, firstBytes };
  }
  const sentinelPort = await freePort();
  const sentinelRelay = await startRelay(sentinelPort, firstBytes);
  await startServer(
    executable,
    pem,
    'sentinel.conf',
    [
      ...tls,
      ...[`tls-port ${sentinelPort}`, `requirepass ${sentinelPassword}`],
      ...[`sentinel monitor mymaster 127.0.0.1 ${relay} 1`, `sentinel auth-pass mymaster ${redisPassword}`],
    ],
    '--sentinel',
  );
  return { url: `rediss+sentinel://:${redisPassword}@127.0.0.1:${sentinelRelay}/mymaster`, firstBytes };
}

async function startServer(
  executable: string,
  { folder }: Certificates,
  name: string,
  lines: readonly string[],
  ...more: string[]
): Promise<void> {
  const path = join(folder, name);
  await writeFile(path, `${lines.join('\n')}\n`);
  const child = spawn(executable, [path, ...more], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.resume();
  onTestFinished(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'close');
  });
  await once(child, 'spawn');
}

/** Forwards connections to the port, and records the first byte of each. */
async function startRelay(port: number, firstBytes: number[]): Promise<number> {
  return listen((client) => {
    const server = connect(port, '127.0.0.1');
    client.once('data', (bytes) => firstBytes.push(bytes[0] ?? -1));
    client.on('error', () => {}).on('close', () => server.destroy());
    server.on('error', () => {}).on('close', () => client.destroy());
    client.pipe(server).pipe(client);
  });
}

/** A listener that records the first byte of every connection and closes it. */
export async function startEavesdropper(): Promise<{ port: number; firstBytes: readonly number[] }> {
  const firstBytes: number[] = [];
  const port = await listen((socket) => {
    socket.on('error', () => {});
    socket.once('data', (bytes) => {
      firstBytes.push(bytes[0] ?? -1);
      socket.destroy();
    });
  });
  return { port, firstBytes };
}

async function listen(accept: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    accept(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  });
  return (server.address() as AddressInfo).port;
}
