const token = /"(?:[^"\\]|\\.)*"|[^"[\]{},:]+|[[\]{},:]/gy;

/**
 * JSON as the servers print it: a space behind each comma and colon.
 * @param json without spaces between its parts.
 */
export function spacedJson(json: string): string {
  return [...json.matchAll(token)]
    .map(([part]) => (part === ',' || part === ':' ? `${part} ` : part))
    .join('');
}

/** The members of a JSON object, each one's value as it is written. */
export function membersOf(json: string): ReadonlyMap<string, string> {
  const members = new Map<string, string>();
  let depth = 0;
  let key: string | null = null;
  let from = 0;
  for (const { 0: part, index } of json.matchAll(token)) {
    const closes = part === '}' || part === ']';
    if (closes) depth -= 1;
    if (depth === 1 && part === ':' && key !== null) from = index + 1;
    else if (depth === 1 && key === null && part.startsWith('"')) key = String(JSON.parse(part));
    else if (key !== null && (depth === 0 || (depth === 1 && part === ','))) {
      members.set(key, json.slice(from, index));
      key = null;
    }
    if (part === '{' || part === '[') depth += 1;
  }
  return members;
}
