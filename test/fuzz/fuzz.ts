/**
 * `npm run fuzz -- --minutes 10 --seed 7`: changes inputs that are kept, again and again, and reads them as a log or as
 * what else servers answer; ends at the first defect, and prints the input that shows it. Unit tests read what is kept.
 * `--of login` reads that kind alone.
 *
 * Changes are blind: no well-kept fuzzer that is guided by coverage runs on all of our systems (the binaries of
 * @jazzer.js/fuzzer 4.0.0 want glibc 2.38, which Debian 12 hasn't). Where one runs, `readAsLog` is its target.
 */
import { parseArgs } from 'node:util';
import { Script } from 'node:vm';
import { Random } from '../support/random.js';
import { answerKinds, keptAnswers, readAnswer } from './answers.js';
import { keptInputs } from './corpus.js';
import { readAsLog } from './target.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    of: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
});
const longestInput = 4000;
/** One that doesn't come back is stopped. */
const hangsMs = 5000;

/** What is read, and where what shows a defect is kept. */
type Target = {
  readonly name: string;
  readonly file: string;
  readonly inputs: readonly Buffer[];
  readonly read: (data: Buffer) => void | Promise<void>;
};

const random = new Random(Number(values.seed));
const all: readonly Target[] = [
  { name: 'events', file: 'corpus/found.txt', inputs: keptInputs(), read: readAsLog },
  ...answerKinds.map((kind) => ({
    name: kind,
    file: `answers/${kind}.txt`,
    inputs: keptAnswers(kind),
    read: (data: Buffer) => readAnswer(kind, data),
  })),
];
const targets = all.filter(({ name }) => values.of === undefined || name === values.of);
const until = performance.now() + Number(values.minutes) * 60_000;
/** How many are read of one kind before the next has its turn. */
const turns = 200;

let target: Target | undefined;
let input: Buffer = Buffer.alloc(0);
let reading: void | Promise<void> = undefined;
Object.assign(globalThis, {
  readInput: () => {
    reading = target?.read(input);
  },
});
const script = new Script('readInput()');

console.log(
  `seed ${values.seed}, ${targets.map(({ name, inputs }) => `${inputs.length} ${name}`).join(', ')}`,
);
// mysql2 tells of what it can't read, again and again.
const tell = console.error.bind(console);
console.error = console.warn = console.trace = () => undefined;
process.on('uncaughtException', (error) => {
  report(error);
  process.exit();
});
const counts = new Map<string, number>();
try {
  for (let round = 0; performance.now() < until && targets.length > 0; round += 1) {
    target = targets[Math.floor(round / turns) % targets.length];
    if (target === undefined) break;
    input = changed(random.pick(target.inputs), target.inputs);
    script.runInThisContext({ timeout: hangsMs });
    await settled(reading);
    counts.set(target.name, (counts.get(target.name) ?? 0) + 1);
  }
  console.log(`no defect: ${[...counts].map(([name, count]) => `${count} ${name}`).join(', ')}`);
} catch (error) {
  report(error);
}

function report(error: unknown): void {
  tell(error);
  tell(`The input, for test/fuzz/${target?.file ?? ''}:\n${input.toString('base64')}`);
  process.exitCode = 1;
}

/** One that comes to no end is as bad as one that hangs. */
async function settled(read: void | Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error('it comes to no end'));
    }, 2 * hangsMs);
  });
  try {
    await Promise.race([read, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Some changes to an input. */
function changed(original: Buffer, inputs: readonly Buffer[]): Buffer {
  let bytes: Buffer = Buffer.from(original);
  for (let left = random.between(1, 5); left > 0; left -= 1) {
    bytes = changedOnce(bytes, inputs).subarray(0, longestInput);
    if (bytes.length === 0) bytes = Buffer.from(original);
  }
  return bytes;
}

function changedOnce(bytes: Buffer, inputs: readonly Buffer[]): Buffer {
  const at = random.between(0, bytes.length - 1);
  const length = random.between(1, Math.min(40, bytes.length - at));
  const part = bytes.subarray(at, at + length);
  const [before, behind] = [bytes.subarray(0, at), bytes.subarray(at + length)];
  switch (random.between(0, 6)) {
    case 0:
      bytes[at] = random.pick([0, 1, 0x7f, 0x80, 0xfb, 0xfc, 0xfd, 0xfe, 0xff, random.between(0, 255)]);
      return bytes;
    case 1:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.between(0, 7));
      return bytes;
    case 2:
      return Buffer.concat([before, random.bytes(random.between(1, 8)), part, behind]);
    case 3:
      return Buffer.concat([before, behind]);
    case 4:
      return Buffer.concat([before, part, part, behind]);
    case 5: {
      const number = random.pick([0, 1, 0xff, 0x100, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, bytes.length]);
      const size = random.pick([2, 4] as const);
      if (at + size <= bytes.length) bytes.writeUIntLE(number % 2 ** (8 * size), at, size);
      return bytes;
    }
    default: {
      const other = random.pick(inputs);
      const from = random.between(0, other.length - 1);
      return Buffer.concat([before, other.subarray(from, from + random.between(1, 200)), behind]);
    }
  }
}
