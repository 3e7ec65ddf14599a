const mib = 1024 * 1024;

/** So many MiB of what makes careless scanners go over the same text again and again, each with its name. */
export function largeTexts(sizeMib: number): [name: string, text: string][] {
  // As text that comes out of an event: one run of characters, not a tree of them.
  return repetitions(sizeMib).map(([name, text]) => [name, Buffer.from(text).toString()]);
}

function repetitions(sizeMib: number): [name: string, text: string][] {
  const of = (unit: string): string => unit.repeat(Math.ceil((sizeMib * mib) / unit.length));
  return [
    ['single quotes', of("'")],
    ['odd single quotes', `${of("'")}'`],
    ['double quotes', of('"')],
    ['backticks', of('`')],
    ['backslashes in a string', `'${of('\\')}`],
    ['escaped quotes', `'${of("\\'")}`],
    ['quotes and backslashes', of("'\\")],
    ['comment openers', of('/*')],
    ['comments', of('/**/')],
    ['a comment that nothing closes', `/*${of('*')}`],
    ['executable comments', of('/*!50000 a */')],
    ['dashes', of('-')],
    ['line comments', of('-- \n#\n')],
    ['dots', of('.')],
    ['dots and blanks', of('. ')],
    ['one word', of('a')],
    ['words', of('word ')],
    ['names', of('a.b,')],
    ['names in backticks', of('`a`.`b`,')],
    ['backticks and dots', of('`.')],
    ['blanks', of(' ')],
    ['"database" and blanks', of('database   ')],
    ['an ordinary INSERT', `INSERT INTO t VALUES ${of("(1.5,'it''s -- # /* x */',NULL), ")}`],
  ];
}

/** How long a processor works at it, whatever else the machine does. */
export function millisecondsFor(action: () => unknown): number {
  const began = process.cpuUsage();
  action();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1000;
}
