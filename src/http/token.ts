import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Secret } from '../config/secret.js';
import { WaymarkError } from '../util/errors.js';

/** Whether whoever asks has shown the token. */
export function showsToken(request: IncomingMessage, token: Secret | null): boolean {
  return token !== null && sameText(givenToken(request), token.reveal());
}

/**
 * @param what needs the token, for the message: `An order`.
 * @throws WaymarkError `token-refused`
 */
export function requireToken(request: IncomingMessage, token: Secret | null, what: string): void {
  if (showsToken(request, token)) return;
  throw new WaymarkError(
    'token-refused',
    givenToken(request) === ''
      ? `${what} needs the token: "Authorization: Bearer …", with http.token of the agent's config file`
      : "The token is not the agent's: it must be http.token of the config file that the agent was started with",
  );
}

/** What a request shows the token by, as its headers; none where there is no token. */
export function tokenHeaders(token: Secret | undefined): Readonly<Record<string, string>> {
  return token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` };
}

function givenToken({ headers }: IncomingMessage): string {
  return /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
}

/** Compares in a time that says nothing of either, not even how long they are. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
