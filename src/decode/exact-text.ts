import type { RowImage } from './image-values.js';

/** The JSON of images that JSON.stringify would not give as they were written. */
const texts = new WeakMap<RowImage, string>();

/** Keeps an image's own JSON. */
export function keepText(image: RowImage, json: string): void {
  texts.set(image, json);
}

/** An image's own JSON, where JSON.stringify would change it: -0 to 0, 2.50 to 2.5, a number of many digits to text. */
export function exactText(image: RowImage | undefined): string | undefined {
  return image === undefined ? undefined : texts.get(image);
}
