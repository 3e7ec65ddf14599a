/**
 * The name of the lease of a stream's injectors. No stream has this name: a stream's name has no "@". Agents and
 * injectors may share an election's store.
 */
export function injectorLease(stream: string): string {
  return `${stream}@inject`;
}
