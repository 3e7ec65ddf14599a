import { z } from 'zod';

import { messageOf, WaymarkError } from '../util/errors.js';
import { parseDuration } from './duration.js';
import { nearest } from './spelling.js';

/**
 * The kinds of values in the config file. Their messages say what is allowed, and never repeat a value that could be
 * a secret.
 */

type RawIssue = { readonly input?: unknown };

function expected(what: string): (issue: RawIssue) => string {
  return ({ input }) => (input === undefined ? `is missing: it must be ${what}` : `must be ${what}`);
}

function didYouMean(word: string, known: readonly string[]): string {
  const meant = nearest(word, known);
  return meant === null ? `known are ${known.join(', ')}` : `did you mean "${meant}"?`;
}

/** A section with a fixed set of keys. The message for an unknown key names the nearest known one. */
export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => `unknown key "${key}": ${didYouMean(key, known)}`).join('; ')
        : expected(`a section with the keys ${known.join(', ')}`)(issue),
  });
}

/** Text that is not empty. */
export function text(what: string) {
  return z.string({ error: expected(what) }).min(1, { error: `is empty: it must be ${what}` });
}

/** Text of a given form. */
export function textLike(form: RegExp, what: string) {
  return text(what).regex(form, { error: `must be ${what}` });
}

/** Text that a parser reads. The parser's error is the message. */
export function parsed<Value>(what: string, parse: (text: string) => Value) {
  return text(what).transform((input, context): Value => {
    try {
      return parse(input);
    } catch (error) {
      context.addIssue({ code: 'custom', message: messageOf(error) });
      return z.NEVER;
    }
  });
}

/** A duration with its unit; milliseconds. */
export function duration() {
  return parsed('a duration with its unit, for example 30s or 500ms', parseDuration);
}

const sizeUnits: Readonly<Record<string, number>> = { K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/** A size with its unit, as servers write it; bytes. */
export function size() {
  return parsed('a size with its unit, for example 64M or 1G', (text) => {
    const [, digits = '', unit = ''] = /^(\d{1,6})([KMG])$/i.exec(text.trim()) ?? [];
    const bytes = Number(digits) * (sizeUnits[unit.toUpperCase()] ?? 0);
    if (bytes <= 0) throw new WaymarkError('usage', `"${text}" is not a size with its unit: write 64M or 1G`);
    return bytes;
  });
}

/** A whole number, also written as text (that is what `${NAME}` gives). */
export function wholeNumber(from: number, to: number) {
  const what = `a whole number from ${String(from)} to ${String(to)}`;
  return z.preprocess(
    (input) => (typeof input === 'string' && /^\d{1,15}$/.test(input) ? Number(input) : input),
    z
      .int({ error: expected(what) })
      .min(from, { error: `must be ${what}` })
      .max(to, { error: `must be ${what}` }),
  );
}

/** true or false, also written as text (that is what `${NAME}` gives). */
export function yesOrNo() {
  return z.preprocess(
    (input) => (input === 'true' ? true : input === 'false' ? false : input),
    z.boolean({ error: expected('true or false') }),
  );
}

/** One of a few words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words, { error: ({ input }) => wordMessage(words, input) });
}

/** Sections of several kinds, distinguished by the word under `key`. */
export function kinds<
  const Key extends string,
  const Options extends readonly [z.core.$ZodTypeDiscriminable, ...z.core.$ZodTypeDiscriminable[]],
>(key: Key, words: readonly string[], options: Options) {
  return z.discriminatedUnion(key, options, {
    error: (issue) => {
      if (typeof issue.input !== 'object' || issue.input === null) {
        return expected(
          `a section that begins with ${words.map((word) => `"${key}: ${word}"`).join(' or ')}`,
        )(issue);
      }
      return wordMessage(words, Reflect.get(issue.input, key));
    },
  });
}

function wordMessage(words: readonly string[], input: unknown): string {
  if (input === undefined) return `is missing: it must be one of ${words.join(', ')}`;
  if (typeof input !== 'string') return `must be one of ${words.join(', ')}`;
  const meant = nearest(input, words);
  return `must be one of ${words.join(', ')}, not "${input}"${meant === null ? '' : ` (did you mean "${meant}"?)`}`;
}

/** A value with several forms. `choose` looks at the input and returns the schema for it. */
export function chosen<Value>(choose: (input: unknown) => z.ZodType<Value>) {
  return z.unknown().transform((input, context): Value => {
    const result = choose(input).safeParse(input);
    if (result.success) return result.data;
    for (const { message, path } of result.error.issues) context.addIssue({ code: 'custom', message, path });
    return z.NEVER;
  });
}
