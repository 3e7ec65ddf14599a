import { JsonTokens } from '../decode/json-tokens.js';

/**
 * JSON as the servers print it: a space behind each comma and colon.
 * @param json without spaces between its tokens.
 */
export function spacedJson(json: string): string {
  const tokens = new JsonTokens(json);
  const parts: string[] = [];
  for (let token = tokens.next(); token !== null; token = tokens.next()) {
    parts.push(token === ',' || token === ':' ? `${token} ` : token);
  }
  return parts.join('');
}

/** The members of a JSON object, each one's value as it is written. */
export function membersOf(json: string): ReadonlyMap<string, string> {
  const members = new Map<string, string>();
  const tokens = new JsonTokens(json);
  let depth = 0;
  let key: string | null = null;
  let from = 0;
  for (let token = tokens.next(); token !== null; token = tokens.next()) {
    const closes = token === '}' || token === ']';
    if (closes) depth -= 1;
    if (depth === 1 && token === ':' && key !== null) from = tokens.end;
    else if (depth === 1 && key === null && token.startsWith('"')) key = String(JSON.parse(token));
    else if (key !== null && (depth === 0 || (depth === 1 && token === ','))) {
      members.set(key, json.slice(from, tokens.end - 1));
      key = null;
    }
    if (token === '{' || token === '[') depth += 1;
  }
  return members;
}
