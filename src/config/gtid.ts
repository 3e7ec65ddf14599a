/** One GTID: `uuid:number` or `uuid:tag:number` of MySQL, `domain-server-number` of MariaDB. */
const form =
  /^(?:\d{1,10}-\d{1,10}-\d{1,20}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?::[a-z_]\w{0,31})?:\d{1,19})$/i;

/** Whether a text that a person has written is one GTID. */
export function isGtid(text: string): boolean {
  return form.test(text);
}
