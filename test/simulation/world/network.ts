import type { Socket, Endpoint } from '../../../src/runtime/network.js';
import type { Draws } from './draws.js';
import type { Machine } from './machine.js';
import { Pipe, type Route } from './pipe.js';
import type { SimulatedProcess } from './process.js';
import { SimulatedSocket } from './socket.js';
import { systemError } from './system-error.js';
import type { World } from './world.js';

/** Takes a connection, as the process that listens. */
export type Listener = (socket: SimulatedSocket) => void;

/** A connection that stands. */
export type Connection = {
  readonly from: Machine;
  readonly to: Machine;
  readonly port: number;
  /** Nothing comes through any more, and neither end is told: it is half-open. */
  silence(): void;
  /** Both ends are told that it is reset. */
  reset(): void;
};

type Link = Connection & { readonly ends: readonly SimulatedSocket[]; readonly pipes: readonly Pipe[] };

/** No segment takes less: milliseconds. */
const leastDelayMs = 0.05;
/** A segment that was lost is sent again after so long: milliseconds (Linux: 200 at least). */
const sentAgainMs = 200;
/** Who gets no answer to his knocking knocks so often, after a second, two, four, … (Linux: tcp_syn_retries). */
const knocks = 7;
const firstPauseMs = 1000;

/** The network between machines. */
export class Network {
  /** How long a segment takes beyond the least: milliseconds, on average. */
  meanDelayMs = 0.3;
  /** How probable it is that a segment is lost, and comes later. */
  loss = 0.001;
  readonly #world: World;
  readonly #draws: Draws;
  readonly #machines: Machine[] = [];
  /** The machines that names stand for, beside their own names. */
  readonly #names = new Map<string, readonly Machine[]>();
  readonly #listeners = new Map<string, { readonly process: SimulatedProcess; readonly accept: Listener }>();
  readonly #cuts = new Set<string>();
  readonly #links = new Set<Link>();

  constructor(world: World) {
    this.#world = world;
    this.#draws = world.draws.fork('network');
  }

  /** The connections that stand. */
  get connections(): readonly Connection[] {
    this.#forgetGone();
    return [...this.#links];
  }

  /** Machines add themselves. */
  add(machine: Machine): void {
    this.#machines.push(machine);
  }

  /** Has a process take the connections to a port of its machine, until it ends or says so. */
  listen(process: SimulatedProcess, port: number, accept: Listener): () => void {
    const key = `${process.machine.address}:${String(port)}`;
    if (this.#listeners.has(key)) throw new Error(`somebody listens at ${key} already`);
    this.#listeners.set(key, { process, accept });
    const stop = (): void => {
      this.#listeners.delete(key);
    };
    const unwatch = process.onEnd(stop);
    return () => {
      unwatch();
      stop();
    };
  }

  /** A connection from a process, which is being made. */
  connect(process: SimulatedProcess, target: Endpoint): Socket {
    const socket = new SimulatedSocket(process, false);
    const failing = (error: Error): SimulatedSocket => {
      process.after(this.#delayMs(), 'arrival', error.message, () => {
        socket.destroy(error);
      });
      return socket;
    };
    if ('path' in target) return failing(systemError('ENOENT', 'connect', target.path));
    const machine = this.#find(target.host);
    if (machine === undefined) return failing(systemError('ENOTFOUND', 'getaddrinfo', target.host));
    this.#knock(socket, { from: process.machine, to: machine, port: target.port }, 1);
    return socket;
  }

  /** What a name server says to a process: a host is known by its name and by its address. */
  addressesOf(process: SimulatedProcess, host: string): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      process.after(this.#delayMs(), 'arrival', `looks up ${host}`, () => {
        const machines = this.#names.get(host) ?? [this.#find(host)].flatMap((machine) => machine ?? []);
        if (machines.length === 0) reject(systemError('ENOTFOUND', 'getaddrinfo', host));
        else resolve(machines.map(({ address }) => address));
      });
    });
  }

  /** From now on a name stands for these machines, until it is given others. Nobody connects by such a name. */
  name(host: string, machines: readonly Machine[]): void {
    this.#names.set(host, machines);
  }

  /** Nothing gets from the one machine to the other any more, nor back. */
  cut(one: Machine, other: Machine): void {
    this.#world.note(`${one.name} and ${other.name} are cut off from each other`);
    this.#cuts.add(pairOf(one, other));
  }

  /** The way between two machines is open again. */
  heal(one: Machine, other: Machine): void {
    this.#world.note(`${one.name} and ${other.name} reach each other again`);
    this.#cuts.delete(pairOf(one, other));
    this.opened();
  }

  /** Some way may be open again: what was lost on it is sent once more. */
  opened(): void {
    for (const { pipes } of this.#links) for (const pipe of pipes) pipe.opened();
  }

  #knock(
    socket: SimulatedSocket,
    way: { readonly from: Machine; readonly to: Machine; readonly port: number },
    count: number,
  ): void {
    const { from, to, port } = way;
    const address = `${to.address}:${String(port)}`;
    this.#world.after(this.#delayMs(), `${from.name} knocks at ${to.name}:${String(port)}`, () => {
      if (socket.isGone) return;
      const listener = this.#listeners.get(address);
      if (!this.isOpen(from, to)) this.#knockAgain(socket, way, count);
      else if (listener !== undefined) this.#link(socket, way, listener);
      else {
        this.#world.after(this.#delayMs(), `${to.name} refuses ${from.name}`, () => {
          socket.fail(systemError('ECONNREFUSED', 'connect', address));
        });
      }
    });
  }

  #knockAgain(
    socket: SimulatedSocket,
    way: { readonly from: Machine; readonly to: Machine; readonly port: number },
    count: number,
  ): void {
    const { from, to } = way;
    const pauseMs = firstPauseMs * 2 ** (count - 1);
    this.#world.after(pauseMs, `${from.name} hears nothing from ${to.name}`, () => {
      if (count < knocks) this.#knock(socket, way, count + 1);
      else socket.fail(systemError('ETIMEDOUT', 'connect', `${to.address}:${String(way.port)}`));
    });
  }

  #link(
    client: SimulatedSocket,
    { from, to, port }: { readonly from: Machine; readonly to: Machine; readonly port: number },
    { process, accept }: { readonly process: SimulatedProcess; readonly accept: Listener },
  ): void {
    const server = new SimulatedSocket(process, true);
    const toServer = new Pipe(this.#route(from, to), this.#draws, server);
    const toClient = new Pipe(this.#route(to, from), this.#draws, client);
    client.join({ out: toServer, in: toClient });
    server.join({ out: toClient, in: toServer });
    const pipes = [toServer, toClient];
    const ends = [client, server];
    this.#forgetGone();
    this.#links.add({
      from,
      to,
      port,
      pipes,
      ends,
      silence: () => {
        this.#world.note(`the connection from ${from.name} to ${to.name} is half-open`);
        for (const pipe of pipes) pipe.silence();
      },
      reset: () => {
        this.#world.note(`the connection from ${from.name} to ${to.name} is reset`);
        for (const pipe of pipes) pipe.silence();
        for (const end of ends) end.arrive({ kind: 'reset' });
      },
    });
    toClient.send({ kind: 'accepted' });
    process.happen('arrival', 'accepts a connection', () => {
      accept(server);
    });
  }

  #route(from: Machine, to: Machine): Route {
    return {
      from,
      to,
      isOpen: () => this.isOpen(from, to),
      delayMs: () => this.#delayMs(),
    };
  }

  /** Whether anything gets from the one machine to the other. */
  isOpen(from: Machine, to: Machine): boolean {
    const answers = (machine: Machine): boolean => machine.isUp && !machine.isAsleep;
    const isCut = this.#cuts.size > 0 && this.#cuts.has(pairOf(from, to));
    return answers(from) && answers(to) && !isCut;
  }

  #delayMs(): number {
    let lostMs = 0;
    for (let again = sentAgainMs; this.#draws.chance(this.loss); again *= 2) lostMs += again;
    return leastDelayMs + this.#draws.exponential(this.meanDelayMs) + lostMs;
  }

  #find(host: string): Machine | undefined {
    return this.#machines.find(({ name, address }) => name === host || address === host);
  }

  #forgetGone(): void {
    for (const link of this.#links) if (link.ends.every((end) => end.isGone)) this.#links.delete(link);
  }
}

function pairOf(one: Machine, other: Machine): string {
  return [one.name, other.name].sort().join(' ');
}
