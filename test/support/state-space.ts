/** What may happen next in a state. */
export type Step<State> = {
  readonly what: string;
  readonly state: State;
  /** Which promise it breaks. */
  readonly broken?: string | undefined;
};

/** Something whose states are values, and can all be visited. */
export type Model<State> = {
  readonly first: State;
  /** States of one key have the same future: only one of them is visited. */
  key(state: State): string;
  /** All that may happen next, faults included. */
  steps(state: State): Iterable<Step<State>>;
  /** What happens next when nothing goes wrong any more; one of `steps`. Null: the aim is reached. */
  calmStep(state: State): Step<State> | null;
};

/** What a search has visited. */
export type Visited = {
  readonly states: number;
  readonly steps: number;
  /** Ways of up to `longestWay` steps from the first state on. */
  readonly interleavings: number;
  readonly longestWay: number;
  /** From the state that is furthest from the aim, without faults. */
  readonly calmSteps: number;
};

/** A promise was broken: the message tells the way there. */
class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise';
  readonly promise: string;

  constructor(promise: string, way: readonly string[]) {
    super(`${promise}, after:\n  ${way.join('\n  ')}`);
    this.promise = promise;
  }
}

/** A state, how it was reached first, and where its steps lead. */
type Place<State> = {
  readonly state: State;
  readonly from: number;
  readonly what: string;
  next: Int32Array;
};

/** Ways are counted up to this length. */
const longestWay = 40;
/** A search that grows beyond this has lost its bounds. */
const mostStates = 20_000_000;

/**
 * Visits every state that can be reached, depth first.
 * @throws BrokenPromise with the shortest way, when a step breaks a promise, or a state has no calm way to the aim.
 */
export function visitAll<State>(model: Model<State>, mostCalmSteps: number): Visited {
  const space = new StateSpace(model);
  try {
    space.visit('deepest');
    const calmSteps = space.checkCalmWays(mostCalmSteps);
    return { ...space.size, interleavings: space.countWays(), longestWay, calmSteps };
  } catch (error) {
    if (!(error instanceof BrokenPromise)) throw error;
    // The same again, breadth first: its way is the shortest.
    const again = new StateSpace(model);
    again.visit('nearest');
    again.checkCalmWays(mostCalmSteps);
    throw error;
  }
}

class StateSpace<State> {
  readonly #model: Model<State>;
  readonly #numbers = new Map<string, number>();
  readonly #places: Place<State>[] = [];
  #steps = 0;

  constructor(model: Model<State>) {
    this.#model = model;
    this.#numberOf({ what: '', state: model.first }, -1);
  }

  get size(): Pick<Visited, 'states' | 'steps'> {
    return { states: this.#places.length, steps: this.#steps };
  }

  visit(first: 'deepest' | 'nearest'): void {
    const open = [0];
    for (let head = 0; head < open.length;) {
      const number = first === 'deepest' ? open.pop() : open[head];
      if (first === 'nearest') head += 1;
      if (number === undefined) return;
      const place = this.#place(number);
      const next: number[] = [];
      for (const step of this.#model.steps(place.state)) {
        if (step.broken !== undefined)
          throw new BrokenPromise(step.broken, [...this.#wayTo(number), step.what]);
        const known = this.#places.length;
        const reached = this.#numberOf(step, number);
        next.push(reached);
        if (reached === known) open.push(reached);
      }
      place.next = Int32Array.from(next);
      this.#steps += next.length;
      if (this.#places.length > mostStates) throw new Error('the states have no end');
    }
  }

  /** @returns the longest of the calm ways. */
  checkCalmWays(most: number): number {
    const left = new Int32Array(this.#places.length).fill(-1);
    let longest = 0;
    for (let start = 0; start < this.#places.length; start += 1) {
      const way: number[] = [];
      let at = start;
      let known = left[at] ?? -1;
      while (known < 0) {
        if (way.length > most) {
          throw new BrokenPromise(`there is no calm way to the aim within ${most} steps`, this.#wayTo(start));
        }
        const step = this.#model.calmStep(this.#place(at).state);
        if (step === null) {
          left[at] = known = 0;
          break;
        }
        way.push(at);
        const key = this.#model.key(step.state);
        const next = this.#numbers.get(key);
        if (next === undefined) throw new Error(`a calm step is none of the model's: ${step.what}`);
        at = next;
        known = left[at] ?? -1;
      }
      for (const number of way.reverse()) left[number] = known += 1;
      longest = Math.max(longest, known);
    }
    if (longest > most) throw new BrokenPromise(`a calm way takes ${longest} steps`, []);
    return longest;
  }

  /** How many ways of up to {@link longestWay} steps there are; a way may end anywhere before only where nothing is next. */
  countWays(): number {
    let ways = new Float64Array(this.#places.length);
    ways[0] = 1;
    let ended = 0;
    for (let step = 0; step < longestWay; step += 1) {
      const longer = new Float64Array(ways.length);
      for (const [number, count] of ways.entries()) {
        if (count === 0) continue;
        const { next } = this.#place(number);
        if (next.length === 0) ended += count;
        for (const reached of next) longer[reached] = (longer[reached] ?? 0) + count;
      }
      ways = longer;
    }
    return ways.reduce((sum, count) => sum + count, ended);
  }

  #numberOf({ what, state }: Step<State>, from: number): number {
    const key = this.#model.key(state);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#places.length;
    this.#numbers.set(key, number);
    this.#places.push({ state, from, what, next: new Int32Array(0) });
    return number;
  }

  #place(number: number): Place<State> {
    const place = this.#places[number];
    if (place === undefined) throw new RangeError(`no state has the number ${number}`);
    return place;
  }

  #wayTo(number: number): string[] {
    const way: string[] = [];
    for (let at = number; at > 0;) {
      const { what, from } = this.#place(at);
      way.push(what);
      at = from;
    }
    return way.reverse();
  }
}
