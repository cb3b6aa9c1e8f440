import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

// The direction of imports and the conventions of the code (ARCHITECTURE.md), held by reading the sources.

const root = fileURLToPath(new URL('..', import.meta.url));

interface Import {
  /** Path from `src/`, or the name of a package. */
  readonly target: string;
  readonly isOurs: boolean;
  /** `import type`, or braces that hold types only: gone at run time. */
  readonly isType: boolean;
}

interface Source {
  /** Path from `src/`. */
  readonly path: string;
  readonly text: string;
  /** Without comments and the text of strings. */
  readonly code: string;
  readonly imports: readonly Import[];
}

const sources: readonly Source[] = globSync('**/*.ts', { cwd: join(root, 'src') })
  .sort()
  .map((path) => {
    const text = readFileSync(join(root, 'src', path), 'utf8');
    const bare = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
    const code = bare.replace(/'(?:[^'\\\n]|\\.)*'/g, "''");
    return { path, text, code, imports: importsOf(path, bare) };
  });

function importsOf(path: string, text: string): Import[] {
  const fixed = [...text.matchAll(/^\s*(?:import|export)\s+([^'"`;]*?\s+from\s+)?'([^']+)'/gm)].map(
    ([, clause = '', specifier = '']) => ({ specifier, isType: isTypeOnly(clause) }),
  );
  const dynamic = [...text.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)].map(([, specifier = '']) => {
    return { specifier, isType: false };
  });
  return [...fixed, ...dynamic].map(({ specifier, isType }) => {
    const isOurs = specifier.startsWith('.');
    return { target: isOurs ? normalize(join(dirname(path), specifier)) : specifier, isOurs, isType };
  });
}

function isTypeOnly(clause: string): boolean {
  if (clause.startsWith('type ')) return true;
  const names = /^\{([^}]*)\}/
    .exec(clause)?.[1]
    ?.split(',')
    .map((name) => name.trim());
  return names?.filter((name) => name !== '').every((name) => name.startsWith('type ')) ?? false;
}

/** The module of a file: its first folder, or the file itself at the top. */
function moduleOf(path: string): string {
  return path.includes('/') ? (path.split('/')[0] ?? path) : path;
}

/** Imports that a rule forbids, as `who -> what`. */
function violations(
  isBound: (path: string) => boolean,
  isAllowed: (target: Import, path: string) => boolean,
): string[] {
  return sources
    .filter(({ path }) => isBound(path))
    .flatMap(({ path, imports }) =>
      imports.filter((each) => !isAllowed(each, path)).map(({ target }) => `${path} -> ${target}`),
    );
}

const inModule =
  (...names: string[]) =>
  (path: string) =>
    names.includes(moduleOf(path));

test('the sources are found', () => expect(sources.length).toBeGreaterThan(80));

/** The modules from the bottom up. A module knows those of the lines below its own, types included. */
const layers: readonly (readonly string[])[] = [
  ['domain', 'simulator'],
  ['redis'],
  ['providers', 'results', 'embedded'],
  ['accounts', 'orders'],
  ['config', 'observability'],
  ['audit', 'webhooks'],
  ['jobs', 'alerts'],
  ['workers', 'api'],
  ['reconcile'],
  ['index.ts', 'roles', 'doctor'],
  ['service.ts'],
  ['commands'],
  ['demo'],
  ['cli.ts'],
];

describe('the direction of imports', () => {
  test('every module has its layer, and src/ holds no loose file beyond the entries', () => {
    const modules = new Set(sources.map(({ path }) => moduleOf(path)));
    expect([...modules].sort()).toEqual(layers.flat().sort());
    const loose = [...modules].filter((name) => name.endsWith('.ts'));
    expect(loose.sort()).toEqual(['cli.ts', 'index.ts', 'service.ts']);
  });

  test('a module imports only what lies below it', () => {
    const layerOf = (path: string) => layers.findIndex((names) => names.includes(moduleOf(path)));
    expect(
      violations(
        () => true,
        ({ target, isOurs }, path) =>
          !isOurs || moduleOf(target) === moduleOf(path) || layerOf(target) < layerOf(path),
      ),
    ).toEqual([]);
  });

  test('no two folders import each other', () => {
    // A folder and those within it are one module with one outside.
    const isWithin = (path: string, folder: string) => `${path}/`.startsWith(`${folder}/`);
    const folderOf = (path: string) => (path.includes('/') ? dirname(path) : path);
    const arrows = new Set(
      sources.flatMap(({ path, imports }) =>
        imports
          .filter(({ isOurs }) => isOurs)
          .map(({ target }) => [folderOf(path), folderOf(target)] as const)
          .filter(([from, to]) => !isWithin(from, to) && !isWithin(to, from))
          .map((pair) => pair.join(' -> ')),
      ),
    );
    const mutual = [...arrows].filter((arrow) => arrows.has(arrow.split(' -> ').reverse().join(' -> ')));
    expect(mutual).toEqual([]);
  });

  test('a provider knows the domain and other providers only', () => {
    const known = inModule('domain', 'providers');
    expect(
      violations(inModule('providers'), ({ target, isOurs, isType }, path) => {
        // The shared access token is kept in Redis by whoever hands the connection in.
        if (path === 'providers/access-token.ts' && target === 'redis/connection.ts') return isType;
        return isOurs ? known(target) : !['bullmq', 'ioredis', 'pino'].includes(target);
      }),
    ).toEqual([]);
  });

  test('tests import neither the benchmarks nor the chaos test', () => {
    const tests = globSync('test/**/*.ts', { cwd: root });
    expect(tests.length).toBeGreaterThan(80);
    const importing = tests.filter((path) =>
      /from '(?:\.\.\/)+(?:bench|chaos)\//.test(readFileSync(join(root, path), 'utf8')),
    );
    expect(importing).toEqual([]);
  });

  test('tests wait with test/support/waiting.ts: elsewhere the default is one second, too short for a busy machine', () => {
    const tests = globSync(['test/**/*.ts', 'chaos/test/**/*.ts', 'bench/test/**/*.ts'], { cwd: root });
    const waiting = tests.filter((path) =>
      /\bvi\.(?:waitFor|waitUntil)\(|\bexpect\.poll\(/.test(readFileSync(join(root, path), 'utf8')),
    );
    expect(waiting).toEqual([]);
  });

  test('no circles, not even of types', () => {
    const edges = sources.map(({ path, imports }) => [path, imports.map(({ target }) => target)] as const);
    expect(circles(new Map(edges))).toEqual([]);
    const round = { a: ['b', 'x'], b: ['c'], c: ['b', 'zod'], x: ['b'] };
    expect(circles(new Map(Object.entries(round)))).toEqual(['b -> c']);
  });
});

/** Circles among files, each told once, from its first file in the alphabet; none only where there are none. */
function circles(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const found = new Set<string>();
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) {
      const circle = trail.slice(at);
      const first = circle.indexOf([...circle].sort()[0] ?? '');
      found.add([...circle.slice(first), ...circle.slice(0, first)].join(' -> '));
      return;
    }
    if (done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return [...found];
}

describe('who may do what', () => {
  function writers(pattern: RegExp): string[] {
    return sources.filter(({ code }) => pattern.test(code)).map(({ path }) => path);
  }

  test('only orders/ writes an order record or the results stream', () => {
    const elsewhere = (path: string) => moduleOf(path) !== 'orders';
    // The audit trail is a stream of its own.
    expect(writers(/\.xadd\(|\bXADD\b/i).filter(elsewhere)).toEqual(['audit/audit.ts']);
    expect(writers(/\.h(?:set|setnx|mset|del|incrby)\([^)]*keys\.order\(/i).filter(elsewhere)).toEqual([]);
    expect(writers(/\.(?:zadd|zrem)\([^)]*keys\.open\b/i).filter(elsewhere)).toEqual([]);
    const scripts = globSync('**/*.lua', { cwd: join(root, 'src') });
    expect(scripts.length).toBeGreaterThan(5);
    // Those of results/ keep the books of consumer groups; the one that writes entries parks them on the group's own stream.
    // The others touch no order: the queue's own scripts BullMQ's keys only, those of accounts/ the registry and the breakers.
    const others = scripts.filter((path) => elsewhere(path) && moduleOf(path) !== 'results');
    expect(others.sort()).toEqual([
      'accounts/breaker-answered.lua',
      'accounts/breaker-deadline.lua',
      'accounts/breaker-enter.lua',
      'accounts/breaker-failed.lua',
      'accounts/keep-pause.lua',
      'accounts/register.lua',
      'accounts/set-pause.lua',
      'alerts/lease.lua',
      'alerts/release.lua',
      'alerts/save.lua',
      'jobs/backend/add-jobs.lua',
      'jobs/backend/locked-jobs.lua',
      'jobs/backend/poll-exchange.lua',
      'jobs/bring-forward.lua',
      'jobs/promote-answer.lua',
      'redis/apart.lua',
      'redis/time.lua',
      'webhooks/destroy-group.lua',
      'webhooks/finish-delivery.lua',
      'webhooks/key-types.lua',
      'webhooks/queue-delivery.lua',
      'webhooks/take-deliveries.lua',
      'workers/adaptive/arrivals.lua',
      'workers/adaptive/learn.lua',
      'workers/job-places.lua',
    ]);
    const publishing = scripts.filter((path) =>
      readFileSync(join(root, 'src', path), 'utf8').includes("'XADD'"),
    );
    // What accounts/ publishes is a stream of its own: circuit breakers that open and close.
    expect(publishing.filter(elsewhere).sort()).toEqual([
      'accounts/breaker-answered.lua',
      'accounts/breaker-failed.lua',
      'accounts/set-pause.lua',
      'results/finish.lua',
    ]);
  });

  test('only the command line reads the environment and ends the process', () => {
    expect(writers(/\bprocess\.env\b/)).toEqual(['cli.ts']);
    expect(writers(/\bprocess\.(?:exit\(|exitCode)/)).toEqual(['cli.ts']);
  });

  test('nobody prints past the log and the terminal', () => {
    expect(writers(/\bconsole\.\w/)).toEqual([]);
  });
});

describe('conventions', () => {
  test('no drawer for odds and ends, and no barrels', () => {
    const vague = /(?:^|[/-])(?:utils?|helpers?|common|types|misc|base|manager)(?:[/.-]|$)/i;
    const named = sources.map(({ path }) => path).filter((path) => vague.test(path));
    expect(named).toEqual([]);
    const barrels = sources.filter(({ text }) => /^export (?:\*|\{[^}]*\}) from /m.test(text));
    expect(
      barrels
        .map(({ path }) => path)
        // The simulator's face is what keeps the rest of it to itself.
        .filter((path) => !['index.ts', 'simulator/simulator.ts'].includes(path))
        // Lists of declarations, one line each: they exist to be read as a whole.
        .filter((path) => !['providers/list.ts', 'simulator/apis/list.ts'].includes(path)),
    ).toEqual([]);
  });

  test('no default exports, no enums', () => {
    expect(
      sources.filter(({ code }) => /^export default\b|^(?:export )?(?:const )?enum\b/m.test(code)),
    ).toEqual([]);
  });

  test('no file over 300 lines', () => {
    const long = sources.map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }));
    expect(long.filter(({ lines }) => lines > 300)).toEqual([]);
  });

  test('every page that the sources cite exists, section by section', () => {
    const missing = sources.flatMap(({ path, text }) =>
      [...text.matchAll(/\b((?:docs\/(?:[a-z]+\/)?)?[a-z-]+\.md)(?: section (\d+(?:\.\d+)?))?/g)]
        .filter(([, page = '', section]) => !isThere(page, section))
        .map(([citation]) => `${path}: ${citation}`),
    );
    expect(missing).toEqual([]);
  });
});

function isThere(page: string, section: string | undefined): boolean {
  const file = join(root, page.startsWith('docs/') ? page : join('docs', page));
  try {
    const text = readFileSync(file, 'utf8');
    return section === undefined || new RegExp(`^#+ ${section.replace('.', '\\.')}\\.? `, 'm').test(text);
  } catch {
    return false;
  }
}
