/** A URL as it may be shown and logged: its path and query may contain a secret. */
export function displayedUrl(url: string): string {
  const { origin, pathname, search } = new URL(url);
  return pathname + search === '/' ? origin : `${origin}/…`;
}
