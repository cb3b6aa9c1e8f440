import type { AccessTokens } from '../../providers/access-token.ts';
import type { ProviderAnswer, ProviderRequest } from '../../providers/provider.ts';
import type { Transport } from '../../providers/transport.ts';

/** Sends requests with the account's access token, and again with a new one where the first is refused. */
export function createPullClient(transport: Transport, tokens: AccessTokens) {
  /** @returns the answer as read, or why there is none */
  return async <Answer>(
    request: (token: string) => ProviderRequest,
    read: (answer: ProviderAnswer) => Answer,
    isTokenRefused: (answer: Answer) => boolean,
  ): Promise<{ readonly answer: Answer; readonly body: Uint8Array } | { readonly reason: string }> => {
    let granted = await tokens.current();
    for (let attempt = 1; ; attempt += 1) {
      if (granted.token === null) return { reason: granted.reason };
      const sent = await transport.send(request(granted.token));
      if ('fault' in sent) return { reason: sent.reason };
      const answer = read(sent);
      if (!isTokenRefused(answer) || attempt === 2) return { answer, body: sent.body };
      granted = await tokens.renew(granted.token);
    }
  };
}
export type PullClient = ReturnType<typeof createPullClient>;
