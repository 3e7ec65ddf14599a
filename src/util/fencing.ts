/**
 * The leadership that a write is made under. Of two leaderships of one stream, the one with the higher token is later.
 */
export type Fencing = { readonly stream: string; readonly token: number };
