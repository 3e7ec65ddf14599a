/** A leadership, as who writes under it shows it: of two for the same stream, the higher token is the later one. */
export type Fencing = { readonly stream: string; readonly token: number };
