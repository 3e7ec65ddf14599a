import { printable } from '../util/printable.js';
import { errorDocument, type ErrorCode, WaymarkError } from '../util/errors.js';

/** What a request is answered with. */
export type HttpResponse = {
  readonly code: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** A JSON document. */
export function json(code: number, document: object, headers: HttpResponse['headers'] = {}): HttpResponse {
  return { code, type: 'application/json', body: `${JSON.stringify(document)}\n`, headers };
}

/** Plain text, for people. */
export function plain(code: number, text: string): HttpResponse {
  return { code, type: 'text/plain; charset=utf-8', body: `${printable(text)}\n` };
}

/** An error that has no code of the agent's: about the request itself. */
export function refusal(code: number, message: string, headers: HttpResponse['headers'] = {}): HttpResponse {
  return json(code, { error: { code: 'usage', message } }, headers);
}

/** An error as its document; what nobody foresaw is told in the log alone. */
export function errorResponse(error: unknown): HttpResponse {
  if (!(error instanceof WaymarkError)) {
    return json(500, { error: { code: 'unexpected', message: "unexpected error: see the agent's log" } });
  }
  const headers: HttpResponse['headers'] =
    error.code === 'token-refused' ? { 'www-authenticate': 'Bearer' } : {};
  return json(httpCodeOf(error.code), { error: errorDocument(error) }, headers);
}

/** What else can go wrong lies with the agent's servers: the request was right, and can't be met now. */
function httpCodeOf(code: ErrorCode): number {
  return httpCodes.get(code) ?? 409;
}

const httpCodes: ReadonlyMap<ErrorCode, number> = new Map([
  ['usage', 400],
  ['token-refused', 401],
  ['config', 403],
]);
