/**
 * Writes a software bill of materials, CycloneDX 1.5 in JSON, of what package-lock.json pins:
 *
 *     node scripts/sbom.ts [file] [--all]
 *
 * Default: to standard output, and only what is installed with the package; `--all` adds development dependencies.
 * Made by `npm sbom`, without the network. What would differ from run to run or from machine to machine is left out, so
 * two bills of one lock file are equal.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';

const root = join(import.meta.dirname, '..');

const componentSchema = z.looseObject({
  name: z.string(),
  'bom-ref': z.string(),
  version: z.string(),
  scope: z.string().optional(),
  properties: z.unknown().optional(),
  externalReferences: z.unknown().optional(),
});
type Component = z.infer<typeof componentSchema>;
const billSchema = z.looseObject({
  bomFormat: z.literal('CycloneDX'),
  serialNumber: z.string().optional(),
  metadata: z.looseObject({ timestamp: z.string().optional(), component: componentSchema }),
  components: z.array(componentSchema),
  dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()) })),
});
type Bill = z.infer<typeof billSchema>;
const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      dev: z.boolean().optional(),
      devOptional: z.boolean().optional(),
    }),
  ),
});

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { all: { type: 'boolean', default: false } },
});
const whole = billSchema.parse(makeBill());
const bill = `${JSON.stringify(reproducible(values.all ? whole : installed(whole)), null, 2)}\n`;
const [file] = positionals;
if (file === undefined) process.stdout.write(bill);
else writeFileSync(file, bill);

/** Runs `npm sbom` on the lock file. @throws when it fails */
function makeBill(): unknown {
  const args = ['sbom', '--sbom-format=cyclonedx', '--package-lock-only'];
  // Under `npm run` use the same npm, otherwise the one on the PATH.
  const npm = process.env.npm_execpath;
  const [command, before] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  const { status, stdout, stderr } = spawnSync(command, [...before, ...args], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`npm sbom failed; it needs npm 10 or newer: ${stderr}`);
  return JSON.parse(stdout);
}

/**
 * Removes development-only packages by the lock file. npm's own `--omit=dev` also removes packages that development uses
 * too, such as ioredis.
 */
function installed({ components, dependencies, metadata, ...bill }: Bill): Bill {
  const shipped = shippedPackages();
  const kept = components.filter(({ name, version }) => shipped.has(`${name}@${version}`));
  const refs = new Set([metadata.component, ...kept].map((component) => component['bom-ref']));
  return {
    ...bill,
    metadata,
    components: kept.map(({ scope: _, properties: __, ...component }) => component),
    dependencies: dependencies
      .filter(({ ref }) => refs.has(ref))
      .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((each) => refs.has(each)) })),
  };
}

/** `name@version` of everything that is installed with the package. */
function shippedPackages(): Set<string> {
  const { packages } = lockSchema.parse(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')));
  return new Set(
    Object.entries(packages)
      .filter(([path, { dev, devOptional }]) => path !== '' && dev !== true && devOptional !== true)
      .map(([path, { version }]) => `${path.split('node_modules/').at(-1)}@${version}`),
  );
}

/** Removes the time, the random serial number, the folder name and download URLs. */
function reproducible({ serialNumber: _, metadata, components, ...rest }: Bill) {
  const { timestamp: __, component, ...facts } = metadata;
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { name: string };
  return {
    ...rest,
    metadata: { ...facts, component: { ...withoutPlaces(component), name: manifest.name } },
    components: components.map(withoutPlaces),
  };
}

function withoutPlaces({ externalReferences: _, ...component }: Component) {
  return component;
}
