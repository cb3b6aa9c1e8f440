import { findExecutable, runCommand } from './executables.ts';
import { defaultRedisImage, type FindRedisOptions, type FoundRedis } from './found-redis.ts';
import { awaitGreeting } from './greet.ts';
import { startWatchdog } from './watchdog.ts';

const engineAnswersWithinMs = 2_000;
const commandWithinMs = 30_000;
/** Long, because Docker may have to download the image. */
const runWithinMs = 300_000;
const startWithinMs = 30_000;

/**
 * Starts Redis in a container on a free loopback port; `undefined` if no Docker engine answers within 2 s.
 *
 * @throws when the engine answers but the container does not start
 */
export async function startDockerRedis(options: FindRedisOptions): Promise<FoundRedis | undefined> {
  const docker = await findExecutable(['docker'], options.path);
  if (docker === undefined || !(await isEngineUp(docker))) return undefined;
  const image = options.image ?? defaultRedisImage;
  options.announce?.(`Starting ${image} with Docker, which downloads it the first time.`);
  const run = ['run', '--rm', '-d', '-p', '127.0.0.1::6379', image, ...settings(options)];
  const container = (await runCommand(docker, run, runWithinMs)).split('\n').at(-1) ?? '';
  const remove = ['rm', '-f', '-v', container];
  const watchdog = await startWatchdog('exec "$@"', [docker, ...remove]);
  const end = async () => {
    await runCommand(docker, remove, commandWithinMs);
    await watchdog.dismiss();
  };
  try {
    const port = portOf(await runCommand(docker, ['port', container, '6379/tcp'], commandWithinMs));
    const { version } = await awaitGreeting(port, AbortSignal.timeout(startWithinMs));
    let closing: Promise<void> | undefined;
    return {
      url: `redis://127.0.0.1:${port}`,
      kind: 'docker',
      durable: true,
      description: `Redis ${version} in the Docker container ${container.slice(0, 12)} (${image}) on 127.0.0.1:${port}`,
      close() {
        closing ??= end();
        return closing;
      },
    };
  } catch (err) {
    await end();
    throw new Error(`The Docker container of ${image} did not start`, { cause: err });
  }
}

async function isEngineUp(docker: string): Promise<boolean> {
  try {
    await runCommand(docker, ['info', '--format', '{{.ServerVersion}}'], engineAnswersWithinMs);
    return true;
  } catch {
    // A docker client without an engine counts as no Docker: the next option is tried.
    return false;
  }
}

/** Only flags: the image's entry point prepends its own server, Redis or Valkey. */
function settings({ appendfsync = 'everysec' }: FindRedisOptions): string[] {
  return [
    ...['--appendonly', 'yes', '--appendfsync', appendfsync, '--save', ''],
    ...['--maxmemory-policy', 'noeviction', '--hz', '100', '--hash-max-ziplist-value', '1024'],
  ];
}

function portOf(published: string): number {
  const port = /:(\d+)$/m.exec(published)?.[1];
  if (port === undefined) throw new Error(`Docker published no port: ${published}`);
  return Number(port);
}
