import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { promisify } from 'node:util';
import { acquit, entrust } from '../servers/reaper.js';

const run = promisify(execFile);

async function ip(...args: string[]): Promise<void> {
  await run('ip', args, { timeout: 10_000 });
}

/** A way between a network namespace and this machine that can be cut: a pair of interfaces. */
export type Link = {
  /** This machine, as the namespace sees it over this link. */
  readonly host: string;
  /** Nothing gets through any more, and nobody is told. */
  cut(): Promise<void>;
  mend(): Promise<void>;
};

/** A network of its own for a process: it reaches this machine over links alone. Needs root and `ip`. */
export class Network {
  readonly name: string;
  readonly links: readonly Link[];

  private constructor(name: string, links: readonly Link[]) {
    this.name = name;
    this.links = links;
  }

  /** Why there can be none; empty when there can. */
  static async obstacle(): Promise<string> {
    const name = `wm-try-${String(process.pid)}`;
    try {
      await ip('netns', 'add', name);
      await ip('netns', 'delete', name);
      return '';
    } catch (error) {
      return `no network namespaces: ${String(error).split('\n')[0] ?? ''}`;
    }
  }

  static async make(linkCount: number): Promise<Network> {
    const id = randomInt(36 ** 5).toString(36);
    const name = `wm-${id}`;
    entrust('namespace', name);
    await ip('netns', 'add', name);
    await ip('-netns', name, 'link', 'set', 'lo', 'up');
    const net = `10.${String(randomInt(64, 192))}.${String(randomInt(256))}`;
    const links: Link[] = [];
    for (let number = 0; number < linkCount; number += 1) {
      const [outer, inner] = [`wm-${id}-${String(number)}`, `in${String(number)}`];
      const [host, guest] = [`${net}.${String(4 * number + 1)}`, `${net}.${String(4 * number + 2)}`];
      await ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', name);
      await ip('address', 'add', `${host}/30`, 'dev', outer);
      await ip('-netns', name, 'address', 'add', `${guest}/30`, 'dev', inner);
      await ip('-netns', name, 'link', 'set', inner, 'up');
      const link = {
        host,
        cut: () => ip('link', 'set', outer, 'down'),
        mend: () => ip('link', 'set', outer, 'up'),
      };
      await link.mend();
      links.push(link);
    }
    return new Network(name, links);
  }

  async remove(): Promise<void> {
    await ip('netns', 'delete', this.name);
    acquit('namespace', this.name);
  }
}
