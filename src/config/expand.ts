/** The path of a value: keys and indexes from the top of the file. */
export type KeyPath = readonly (string | number)[];

/** Something wrong with the file: where, and what. */
export type ConfigProblem = { readonly path: KeyPath; readonly message: string };

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Replaces `${NAME}` in every text of a document by that environment variable, and `$${` by `${`. A text with a
 * problem becomes undefined. The input isn't changed.
 */
export function expandVariables(
  value: unknown,
  environment: Environment,
): { readonly value: unknown; readonly problems: readonly ConfigProblem[] } {
  const problems: ConfigProblem[] = [];
  const visit = (node: unknown, path: KeyPath): unknown => {
    if (typeof node === 'string') {
      const { text, wrong } = expandText(node, environment);
      problems.push(...wrong.map((message) => ({ path, message })));
      return wrong.length === 0 ? text : undefined;
    }
    if (Array.isArray(node)) return node.map((item, index) => visit(item, [...path, index]));
    if (typeof node !== 'object' || node === null) return node;
    return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, visit(item, [...path, key])]));
  };
  return { value: visit(value, []), problems };
}

function expandText(source: string, environment: Environment): { text: string; wrong: readonly string[] } {
  const wrong: string[] = [];
  const text = source.replace(/\$\$\{|\$\{([^}]*)(\}?)/g, (match, name: string | undefined, end: string) => {
    if (match === '$${') return '${';
    // The text may be a password. Show nothing of it but a name.
    if (end === '' || name === undefined || !/^[A-Za-z_]\w*$/.test(name)) {
      wrong.push('"${" must be followed by the name of a variable and "}" (for a plain "${" write "$${")');
      return '';
    }
    const replacement = environment[name];
    if (replacement !== undefined) return replacement;
    wrong.push(`the environment variable ${name} is not set`);
    return '';
  });
  return { text, wrong };
}

/** Whether `path` is `ancestor` or lies below it. */
export function isBelow(path: KeyPath, ancestor: KeyPath): boolean {
  return ancestor.every((key, index) => path[index] === key);
}

/** A copy of `root` with another value at `path`. Missing parts on the way become sections. */
export function withValueAt(root: unknown, path: readonly string[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const section: Readonly<Record<string, unknown>> =
    typeof root === 'object' && root !== null && !Array.isArray(root) ? { ...root } : {};
  return { ...section, [key]: withValueAt(section[key], rest, value) };
}
