/** The members of a JSON object with their values as they stand in the text, to the last digit. */
export function jsonCells(object: string): Map<string, string> {
  const cells = new Map<string, string>();
  let at = 1;
  while (object[at] !== '}') {
    if (object[at] === ',') at += 1;
    const key = endOfValue(object, at);
    const value = endOfValue(object, key + 1);
    const name = JSON.parse(object.slice(at, key)) as string;
    if (cells.has(name)) throw new Error(`${name} comes twice in ${object.slice(0, 200)}`);
    cells.set(name, object.slice(key + 1, value));
    at = value;
  }
  if (at !== object.length - 1)
    throw new Error(`something stands behind the object: ${object.slice(0, 200)}`);
  return cells;
}

/** Behind the value that begins at a place. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  let at = start;
  for (; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (character === '"') at = endOfString(text, at) - 1;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') {
      if (depth === 0) return at;
      depth -= 1;
    } else if (depth === 0 && (character === ',' || character === ':')) return at;
  }
  return at;
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at + 1;
  }
  throw new Error('a string has no end');
}

/** JSON without the blanks between its tokens. */
export function withoutBlanks(json: string): string {
  return json.replace(/("(?:[^"\\]|\\.)*")|\s+/gs, (_, text: string | undefined) => text ?? '');
}

/** Whether an object in a JSON text has two members of one name. */
export function namesTwice(json: string): boolean {
  const open: Set<string>[] = [];
  for (const [token, name] of json.matchAll(/("(?:[^"\\]|\\.)*")(?:\s*:)?|[{}]/gs)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (token.endsWith(':')) {
      const member = JSON.parse(name ?? '""') as string;
      if (open.at(-1)?.has(member) === true) return true;
      open.at(-1)?.add(member);
    }
  }
  return false;
}
