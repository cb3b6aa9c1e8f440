import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { type AuditEntry, append } from '../audit/audit.ts';
import { readServiceSettings } from '../config/config.ts';
import { keyNameSchema } from '../config/named-keys.ts';
import type { ServiceSettings } from '../config/settings.ts';
import { secretPrefix, type WebhookEndpoint, webhookEndpointsSchema } from '../config/webhook-endpoints.ts';
import { awaitRedisForCommand, connectRedis, type Redis } from '../redis/connection.ts';
import { createKeys, type Keys } from '../redis/keys.ts';
import { createAddressGuard } from '../webhooks/address-guard.ts';
import { readDeadLetters } from '../webhooks/dead-letters.ts';
import { displayedUrl } from '../webhooks/displayed-url.ts';
import { type EndpointState, enableEndpoint, readEndpointState } from '../webhooks/endpoint-state.ts';
import { messageId, signedHeaders } from '../webhooks/message.ts';
import { resendEvents, resendFailed } from '../webhooks/resend.ts';
import { createWebhookSender } from '../webhooks/send.ts';
import { testEvent } from '../webhooks/test-event.ts';
import { type CommandContext, UsageError } from './command-context.ts';
import { originOfCommand } from './origin.ts';

const secretBytes = 32;

type Exit = (code: number) => void;

export function webhooksCommand(terminal: CommandContext, exit: Exit): Command {
  return new Command('webhooks')
    .description('list, test and repair the endpoints that receive results as webhooks')
    .addCommand(newCommand(terminal))
    .addCommand(listCommand(terminal))
    .addCommand(testCommand(terminal, exit))
    .addCommand(failuresCommand(terminal))
    .addCommand(resendCommand(terminal, exit))
    .addCommand(enableCommand(terminal));
}

function newCommand({ stdout, stderr }: CommandContext): Command {
  return new Command('new')
    .description('make an endpoint with a new secret, and print its entry for WEBHOOKS; needs no Redis')
    .argument('<name>', 'name of the endpoint in logs, metrics and commands')
    .argument('<url>', 'https URL that receives the webhooks')
    .action((name: string, url: string) => {
      const secret = secretPrefix + randomBytes(secretBytes).toString('base64');
      const entry = JSON.stringify({ name, url, secrets: [secret] });
      const parsed = webhookEndpointsSchema.safeParse(`[${entry}]`);
      if (!parsed.success)
        throw new UsageError(parsed.error.issues.map(({ message }) => `${message}.`).join(' '));
      stderr.write('The entry for the JSON list WEBHOOKS of the service; the receiver needs the secret:\n');
      stdout.write(`${entry}\n`);
    });
}

function listCommand(terminal: CommandContext): Command {
  return new Command('list')
    .description('show the endpoints and what waits for them')
    .option('--json', 'print one JSON object per line')
    .action(({ json }: { json?: boolean }) =>
      withRedis(terminal, async ({ redis, keys, webhooks }) => {
        if (webhooks.length === 0)
          terminal.stderr.write('WEBHOOKS is empty; payment-poller webhooks new makes an endpoint.\n');
        for (const endpoint of webhooks) {
          const state = await readEndpointState(redis, keys, endpoint.name);
          terminal.stdout.write(`${json ? listedJson(endpoint, state) : listed(endpoint, state)}\n`);
        }
      }),
    );
}

function listed(endpoint: WebhookEndpoint, state: EndpointState): string {
  const { accounts, types } = endpoint;
  const facts: (string | false)[] = [
    `${endpoint.name}  ${displayedUrl(endpoint.url)}  ${stateOf(state)}`,
    accounts !== null && `  accounts: ${accounts.join(', ')}`,
    types !== null && `  types: ${types.join(', ')}`,
    `  orders waiting: ${state.queued}${state.oldestAt === null ? '' : `, since ${time(state.oldestAt)}`}`,
    `  failures: ${state.deadLetters}`,
    `  last delivered: ${time(state.deliveredAt)}, last failed: ${time(state.failedAt)}`,
    state.answer !== null && `  last answer: ${state.answer}`,
  ];
  return facts.filter((fact) => fact !== false).join('\n');
}

function listedJson({ name, url, accounts, types }: WebhookEndpoint, state: EndpointState): string {
  const { queued, deadLetters, answer } = state;
  const facts = { name, url: displayedUrl(url), accounts, types, state: stateOf(state), queued, deadLetters };
  const [oldestAt, deliveredAt, failedAt] = [state.oldestAt, state.deliveredAt, state.failedAt].map(
    isoOrNull,
  );
  return JSON.stringify({ ...facts, oldestAt, deliveredAt, failedAt, answer });
}

function stateOf({ disabled, isOpen }: EndpointState): 'disabled' | 'failing' | 'active' {
  if (disabled !== null) return 'disabled';
  return isOpen ? 'failing' : 'active';
}

function testCommand(terminal: CommandContext, exit: Exit): Command {
  return new Command('test')
    .description('send a webhook of type webhook.test to an endpoint and print the answer; needs no Redis')
    .argument('<name>', 'name of the endpoint')
    .action(async (name: string) => {
      const settings = readServiceSettings(terminal.environment);
      const { url, secrets } = endpointNamed(settings, name);
      const guard = createAddressGuard(settings.webhookAllowedAddresses);
      const timeoutMs = settings.webhookTimeoutMs;
      const sender = createWebhookSender({ url, guard, timeoutMs, connections: 1 });
      try {
        const event = testEvent(name, Date.now());
        const body = JSON.stringify(event);
        const headers = signedHeaders(secrets, messageId(event.id, event.time), body, Date.now());
        const outcome = await sender.send(headers, body);
        const answer = outcome.kind === 'aborted' ? 'stopped' : outcome.answer;
        if (outcome.kind === 'delivered') {
          terminal.stdout.write(`${name} answered ${answer}\n`);
          return;
        }
        terminal.stderr.write(`${name} did not accept the webhook: ${answer}\n`);
        exit(1);
      } finally {
        await sender.close();
      }
    });
}

function failuresCommand(terminal: CommandContext): Command {
  return new Command('failures')
    .description('show the results that were given up, oldest first')
    .argument('[name]', 'name of an endpoint (default: all)')
    .option('--json', 'print one JSON object per line')
    .action((name: string | undefined, { json }: { json?: boolean }) =>
      withRedis(terminal, async (parts) => {
        const endpoints = name === undefined ? parts.webhooks : [endpointNamed(parts, name)];
        for (const endpoint of endpoints) {
          for await (const letter of readDeadLetters(parts.redis, parts.keys, endpoint.name)) {
            const { event: _event, ...facts } = letter;
            const line = json
              ? JSON.stringify(facts)
              : `${facts.at}  ${facts.endpoint}  ${facts.eventId}  ${facts.type}  ${facts.answer}`;
            terminal.stdout.write(`${line}\n`);
          }
        }
      }),
    );
}

function resendCommand(terminal: CommandContext, exit: Exit): Command {
  return new Command('resend')
    .description('send results to an endpoint again')
    .argument('<name>', 'name of the endpoint')
    .argument('[eventIds...]', 'ids of the results, e.g. ord-1:1')
    .option('--failed', 'all results that were given up')
    .action((name: string, eventIds: readonly string[], { failed }: { failed?: boolean }) => {
      if ((failed === true) === eventIds.length > 0)
        throw new UsageError(
          'Give the ids of results, e.g. ord-1:1, or --failed for all that were given up.',
        );
      return withRedis(terminal, async (parts) => {
        const endpoint = endpointNamed(parts, name).name;
        const lifeMs = parts.retentionDays * 86_400_000;
        const target = { redis: parts.redis, keys: parts.keys, retentionMs: lifeMs, endpoint };
        const { sent, missing } = failed
          ? { sent: await resendFailed(target), missing: [] }
          : await resendEvents(target, eventIds);
        for (const id of missing)
          terminal.stderr.write(`${id} is no result on the stream and was not given up; nothing is sent.\n`);
        terminal.stdout.write(`${sent} ${sent === 1 ? 'result' : 'results'} queued for ${endpoint}\n`);
        await audit(terminal, parts, { action: 'webhooks-resent', outcome: `${sent} to ${endpoint}` });
        if (missing.length > 0) exit(1);
      });
    });
}

function enableCommand(terminal: CommandContext): Command {
  return new Command('enable')
    .description('send webhooks again to an endpoint that answered 410')
    .argument('<name>', 'name of the endpoint')
    .action((name: string) =>
      withRedis(terminal, async (parts) => {
        const endpoint = endpointNamed(parts, name).name;
        await enableEndpoint(parts.redis, parts.keys, endpoint);
        terminal.stdout.write(`${endpoint} is enabled\n`);
        await audit(terminal, parts, { action: 'webhook-enabled', outcome: endpoint });
      }),
    );
}

interface Parts extends ServiceSettings {
  readonly redis: Redis;
  readonly keys: Keys;
}

async function withRedis(
  { environment }: CommandContext,
  work: (parts: Parts) => Promise<void>,
): Promise<void> {
  const settings = readServiceSettings(environment);
  const redis = connectRedis(settings.redisUrl, 'patient');
  try {
    await awaitRedisForCommand(redis, settings.redisUrl);
    await work({ ...settings, redis, keys: createKeys(settings.prefix) });
  } finally {
    redis.disconnect();
  }
}

function endpointNamed({ webhooks }: ServiceSettings, name: string): WebhookEndpoint {
  const endpoint = webhooks.find((each) => each.name === name);
  if (endpoint !== undefined) return endpoint;
  // Something else than a name could be a misplaced secret.
  const shown = keyNameSchema.safeParse(name).success ? `"${name}"` : 'this name';
  const known =
    webhooks.length === 0 ? 'it is empty' : `it has ${webhooks.map((each) => each.name).join(', ')}`;
  throw new UsageError(`WEBHOOKS has no endpoint with ${shown}; ${known}.`);
}

async function audit(
  { stderr }: CommandContext,
  { redis, keys }: Parts,
  entry: Pick<AuditEntry, 'action' | 'outcome'>,
): Promise<void> {
  await append(redis, keys, { ...originOfCommand(), ...entry }).catch((error: Error) =>
    stderr.write(`The audit trail could not be written: ${error.message}\n`),
  );
}

function time(at: number | null): string {
  return isoOrNull(at) ?? 'never';
}

function isoOrNull(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
