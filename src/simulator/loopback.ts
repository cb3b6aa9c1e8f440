import { z } from 'zod';

/** Whether a URL is plain HTTP to this very machine: 127.0.0.0/8, localhost or ::1. */
export function isLoopbackUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  if (protocol !== 'http:') return false;
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** A URL that the simulator may post to; a simulator that posts anywhere else would be a weapon. */
export const loopbackUrl = z
  .string()
  .refine(isLoopbackUrl, 'The simulator posts only to http:// URLs on 127.0.0.0/8, localhost or [::1].');
