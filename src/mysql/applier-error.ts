const mayHaveSecret = /identified|password|pwd|connection|mysql/i;

/**
 * What an applier stands on, as a server says it, without the password that may be in the statement: both vendors add the
 * statement's text (`Query: '…'`), and a syntax error quotes from it (`near '…'`).
 */
export function shownApplierError(error: string): string {
  const query = error.indexOf(" Query: '");
  if (query < 0 || !mayHaveSecret.test(error.slice(query))) return error;
  const before = error.slice(0, query);
  const near = before.indexOf("near '");
  const kept = near < 0 ? before : `${before.slice(0, near)}near '<secret>'`;
  return `${kept} Query: '<secret>'`;
}
