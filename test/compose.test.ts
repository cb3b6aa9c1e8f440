import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
// Comes with @fastify/swagger-ui.
import { parse } from 'yaml';
import { z } from 'zod';
import { readConfig } from '../src/config/config.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

const serviceSchema = z.looseObject({
  image: z.string(),
  profiles: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  networks: z.array(z.string()).default([]),
  mem_limit: z.string().optional(),
  command: z.array(z.string()).default([]),
  stop_grace_period: z.string().optional(),
  depends_on: z.union([z.array(z.string()), z.record(z.string(), z.unknown())]).default([]),
});
const compose = z
  .object({
    services: z.record(z.string(), serviceSchema),
    volumes: z.record(z.string(), z.null()),
    networks: z.record(z.string(), z.nullable(z.object({ internal: z.boolean() }))),
  })
  .parse(parse(read('docker-compose.yml'), { merge: true }));
const services = Object.entries(compose.services);
const service = (name: string) => serviceSchema.parse(compose.services[name]);

/** What a service mounts: from where, and to where. */
const mounts = services.flatMap(([name, { volumes }]) =>
  volumes.map((text) => {
    const [from = '', to = '', mode = 'rw'] = text.split(':');
    return { name, from, to, mode };
  }),
);
const files = mounts.filter(({ from }) => from.startsWith('.'));
/** The file of the repository behind a path in a container. */
const behind = (name: string, path: string) =>
  files.find((file) => file.name === name && file.to === path)?.from;

describe('docker-compose.yml', () => {
  test('what is mounted is there, as a file, and cannot be changed from inside', () => {
    expect(files.length).toBeGreaterThanOrEqual(5);
    for (const { from, mode } of files) {
      expect(existsSync(join(root, from)), from).toBe(true);
      // Docker would make a folder of a file that is missing.
      expect(statSync(join(root, from)).isFile(), from).toBe(true);
      expect(mode, from).toBe('ro');
    }
    const named = mounts.filter(({ from }) => !from.startsWith('.')).map(({ from }) => from);
    expect(named.sort()).toEqual(Object.keys(compose.volumes).sort());
  });

  test('Prometheus and Grafana come with the profile `monitoring`, nothing else does', () => {
    const withProfile = services.filter(([, { profiles }]) => profiles.length > 0);
    expect(withProfile.map(([name, { profiles }]) => [name, profiles])).toEqual([
      ['prometheus', ['monitoring']],
      ['grafana', ['monitoring']],
    ]);
    // What is always there must not wait for what may not be.
    for (const [name, { depends_on: needs, profiles }] of services) {
      const others = Array.isArray(needs) ? needs : Object.keys(needs);
      for (const other of others) {
        expect(compose.services, name).toHaveProperty(other);
        if (profiles.length === 0) expect(service(other).profiles, `${name} needs ${other}`).toEqual([]);
      }
    }
  });

  test('images of others are pinned to a version, and can be replaced', () => {
    for (const [name, { image }] of services) {
      if (image === 'payment-poller') continue;
      expect(image, name).toMatch(/^\$\{[A-Z]+_IMAGE:-[a-z/]+:v?\d[\w.-]*\}$/);
    }
    for (const name of ['prometheus', 'grafana']) expect(service(name).image).toMatch(/:v?\d+\.\d+\.\d+\}$/);
  });

  test('Redis has a password, no way out, and nobody near it but api and worker', () => {
    const { command, environment, networks } = service('redis');
    expect(environment.REDIS_PASSWORD).toMatch(/^\$\{REDIS_PASSWORD:\?/);
    // Arguments are seen by every process.
    expect(command.join(' ')).not.toContain('pass');
    expect(networks).toEqual(['redis']);
    expect(compose.networks.redis).toEqual({ internal: true });
    const near = services.filter(([, each]) => each.networks.includes('redis')).map(([name]) => name);
    expect(near.sort()).toEqual(['api', 'redis', 'worker']);
    const shared = service('grafana').networks.filter((name) => service('api').networks.includes(name));
    expect(shared).toEqual([]);
  });

  test('every container has a limit of memory and networks of its own', () => {
    for (const [name, { mem_limit: limit, networks }] of services) {
      expect(limit, name).toMatch(/\d+[mg]\}?$/);
      expect(networks.length, name).toBeGreaterThan(0);
      for (const network of networks) expect(compose.networks, name).toHaveProperty(network);
    }
  });

  test('nothing is open to the network', () => {
    const ports = services.flatMap(([, each]) => each.ports);
    expect(ports).toHaveLength(4);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\$\{[A-Z_]+_PORT:-\d+\}:\d+$/);
  });

  test.each([
    ['worker', ['worker', 'webhooks']],
    ['api', ['api']],
  ])('%s is configured by its settings, and has time to stop', (name, roles) => {
    const { environment, command, stop_grace_period: grace } = service(name);
    expect(command).toEqual(['start', ...roles.flatMap((role) => ['--role', role])]);
    const account = { ACCOUNTS: 'lipia', LIPIA_API_KEY: 'x' };
    const { REDIS_URL: url = '' } = environment;
    const given = {
      ...account,
      ...environment,
      REDIS_URL: url.replace(/\$\{REDIS_PASSWORD:\?[^}]+\}/, 'secret'),
    };
    const config = readConfig(given);
    expect(config).toMatchObject({ host: '0.0.0.0', port: 8080, redisUrl: 'redis://:secret@redis:6379' });
    expect(2 * config.shutdownMs).toBeLessThan(Number.parseInt(grace ?? '', 10) * 1_000);
  });
});

describe('the profile `monitoring`', () => {
  const prometheus = z
    .looseObject({
      rule_files: z.array(z.string()),
      scrape_configs: z.array(
        z.looseObject({
          metrics_path: z.string(),
          dns_sd_configs: z.array(z.looseObject({ names: z.array(z.string()), port: z.number() })),
        }),
      ),
    })
    .parse(parse(read('ops/prometheus.yml')));

  test('Prometheus has its configuration and the alerts', () => {
    expect(behind('prometheus', '/etc/prometheus/prometheus.yml')).toBe('./ops/prometheus.yml');
    for (const file of prometheus.rule_files)
      expect(behind('prometheus', normalize(join('/etc/prometheus', file)))).toBe(`./ops/${file}`);
    expect(prometheus.rule_files).toEqual(['alerts.yml']);
  });

  test('it scrapes every service of ours, where that serves its metrics', () => {
    const ours = services.filter(([, { image }]) => image === 'payment-poller').map(([name]) => name);
    for (const { metrics_path: path, dns_sd_configs: targets } of prometheus.scrape_configs) {
      expect(path).toBe('/metrics');
      expect(targets.flatMap(({ names }) => names).sort()).toEqual(ours.sort());
      for (const { names, port } of targets)
        for (const name of names) expect(service(name).environment.PORT).toBe(String(port));
    }
  });

  test('Grafana finds Prometheus, and the dashboard finds its data source', () => {
    const from = behind('grafana', '/etc/grafana/provisioning/datasources/payment-poller.yml') ?? '';
    const { datasources } = parse(read(from)) as { datasources: { [name: string]: unknown }[] };
    expect(datasources).toMatchObject([
      { type: 'prometheus', url: 'http://prometheus:9090', isDefault: true },
    ]);
    const { templating } = JSON.parse(read('ops/grafana-dashboard.json')) as {
      templating: { list: { name: string; type: string; query: string }[] };
    };
    // Without a choice of its own it takes the default one.
    expect(templating.list[0]).toMatchObject({ name: 'datasource', type: 'datasource', query: 'prometheus' });
  });

  test('Grafana has the dashboard, where its provider looks and as its first page', () => {
    const from = behind('grafana', '/etc/grafana/provisioning/dashboards/payment-poller.yml') ?? '';
    const { providers } = parse(read(from)) as { providers: { options: { path: string } }[] };
    const dashboard = files.find((file) => file.from === './ops/grafana-dashboard.json');
    expect(dashboard?.to.startsWith(`${providers[0]?.options.path}/`)).toBe(true);
    expect(service('grafana').environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH).toBe(dashboard?.to);
  });
});

function hasCompose(): boolean {
  try {
    execFileSync('docker', ['compose', 'version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test.skipIf(!hasCompose())('docker compose takes it, with the profile and without', () => {
  const config = (...args: string[]) => {
    const said = execFileSync('docker', ['compose', ...args, 'config', '--services'], {
      cwd: root,
      env: { ...process.env, REDIS_PASSWORD: 'x' },
    });
    return said.toString().trim().split('\n').sort();
  };
  expect(config()).toEqual(['api', 'redis', 'worker']);
  expect(config('--profile', 'monitoring')).toEqual(['api', 'grafana', 'prometheus', 'redis', 'worker']);
});
