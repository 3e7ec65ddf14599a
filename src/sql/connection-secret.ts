const secret = '<secret>';

/** `Password=…;` (CONNECT, ODBC), `&password=…` (JDBC). */
const assigned = /\b(?:password|passwd|pwd)\s*[=:]/i;
/** `password "…"` (Spider). */
const quoted = /\b(?:password|passwd)\s*\\?["']/i;

/**
 * A table option's value without its password. From `CONNECTION='mysql://user:password@host/…'` (FEDERATED, CONNECT)
 * only the password is removed. Any other form with a password is removed whole.
 * @param option the word before the value, in lower case.
 * @param isAssigned whether there is `=` between them.
 * @param value what is between its quotation marks.
 */
export function connectionWithoutSecret(option: string, isAssigned: boolean, value: string): string {
  switch (option) {
    case 'connection': {
      const url = urlWithoutSecret(value);
      return assigned.test(url) || quoted.test(url) ? secret : url;
    }
    case 'comment':
      // Comments are for people. But Spider reads its connection from one.
      return quoted.test(value) ? secret : value;
    default:
      return isAssigned && (assigned.test(value) || quoted.test(value)) ? secret : urlWithoutSecret(value);
  }
}

/** `scheme://user:password@host` without what is between the first colon behind the scheme and the last `@`. */
function urlWithoutSecret(value: string): string {
  const scheme = value.indexOf('://');
  const at = value.lastIndexOf('@');
  const colon = scheme < 0 ? -1 : value.indexOf(':', scheme + 3);
  if (colon < 0 || colon > at) return value;
  return `${value.slice(0, colon + 1)}${secret}${value.slice(at)}`;
}
