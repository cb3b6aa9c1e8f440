import { serviceSettings } from './settings.ts';

/** Words that Daraja rejects in a ResultURL (docs/providers.md section 2.5). */
const forbiddenInUrl = /mpesa|m-pesa|safaricom|exec?|cmd|sql|query/i;

/** Checks that a provider with asynchronous results has a callback URL that it can reach and accepts. */
export function answerAddressFaults(id: string, publicUrl: string | undefined): string[] {
  if (publicUrl === undefined) {
    return [
      `PUBLIC_URL is missing: ${id} sends its answers to it (${serviceSettings.shape.publicUrl.description}).`,
    ];
  }
  const found = forbiddenInUrl.exec(`${publicUrl}/callbacks/${id}`);
  if (found === null) return [];
  return [
    `the callback address made of PUBLIC_URL and the account id ${id} contains "${found[0]}", which Daraja does not allow; change one of them.`,
  ];
}
