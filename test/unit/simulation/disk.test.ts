import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Disk, OpenFile } from '../../../src/runtime/disk.js';
import type { Machine } from '../../simulation/world/machine.js';
import { behavesAsDisk, type DiskUnderTest } from '../runtime/disk-contract.js';
import { seeds, settled, smallWorld, watched } from './small-world.js';

/** A machine with a process, whose disk is worked with while the world runs. */
function oneDisk(seed: string) {
  const { world, machines } = smallWorld(seed, 1);
  const [machine] = machines as [Machine];
  const { fileSystem } = machine;
  const process = machine.start('agent');
  const work = <T>(action: (disk: Disk) => Promise<T>, by = process): Promise<T> =>
    settled(
      world,
      by.run(() => action(by.runtime.disk)),
    );
  /** Power is lost and comes again; the disk of a new process. */
  const crash = (): Disk => {
    machine.losePower();
    machine.boot();
    return machine.start('agent').runtime.disk;
  };
  const look = <T>(disk: Disk, action: (disk: Disk) => Promise<T>): Promise<T> =>
    settled(world, action(disk));
  return { world, machine, fileSystem, process, work, crash, look };
}

async function withNew<T>(disk: Disk, path: string, action: (file: OpenFile) => Promise<T>): Promise<T> {
  const file = await disk.open(path, 'create', 0o600);
  const result = await action(file);
  await file.close();
  return result;
}

async function syncFolder(disk: Disk, path: string): Promise<void> {
  const folder = await disk.open(path, 'read');
  await folder.sync();
  await folder.close();
}

/** A file in a folder, all of it on the disk. */
async function writeDurably(disk: Disk, path: string, content: string): Promise<void> {
  await withNew(disk, path, async (file) => {
    await file.writeFile(content);
    await file.sync();
  });
  await syncFolder(disk, path.slice(0, path.lastIndexOf('/')) || '/');
}

const text = async (disk: Disk, path: string): Promise<string> => (await disk.readFile(path)).toString();

describe('a simulated disk', () => {
  let under: DiskUnderTest;
  let isOver: boolean;
  let running: Promise<void>;

  beforeEach(() => {
    const { world, process } = oneDisk('1');
    under = { disk: process.runtime.disk, folder: tmpdir() };
    isOver = false;
    running = (async () => {
      while (!isOver) await world.run({ forMs: 1000, until: () => isOver });
    })();
  });

  afterEach(async () => {
    isOver = true;
    await running;
  });

  behavesAsDisk(() => under);
});

describe('files', () => {
  test('are read as they were written, and cut', async () => {
    const { work } = oneDisk('1');
    await work(async (disk) => {
      await withNew(disk, '/a', async (file) => {
        await file.writeFile('hello ');
        const { bytesWritten } = await file.write(Buffer.from('the world'), 4, 5);
        expect(bytesWritten).toBe(5);
        const room = Buffer.alloc(20, '.');
        expect(await file.read(room, 2, 4, 3)).toEqual({ bytesRead: 4 });
        expect(room.toString()).toBe('..lo w..............');
        expect(await file.read(room, 0, 20, 11)).toEqual({ bytesRead: 0 });
        await file.write(Buffer.from('J'), 0, 1, 0);
        await file.truncate(7);
        await file.truncate(9);
        expect(await file.status()).toMatchObject({ kind: 'file', size: 9, links: 1 });
        expect((await file.readFile()).toString()).toBe('Jello w\0\0');
      });
      expect(await text(disk, '/a')).toBe('Jello w\0\0');
    });
  });

  test('are told apart by their inodes, which may be had again once a file is gone', async () => {
    const again = new Set<boolean>();
    for (const seed of seeds(20)) {
      const { work } = oneDisk(seed);
      await work(async (disk) => {
        await disk.writeNewFile('/a', '', 0o600);
        await disk.writeNewFile('/b', '', 0o600);
        const [a, b] = [await disk.status('/a'), await disk.status('/b')];
        expect(a.inode).not.toBe(b.inode);
        await disk.unlink('/a');
        await disk.writeNewFile('/c', '', 0o600);
        again.add((await disk.status('/c')).inode === a.inode);
      });
    }
    expect(again.size).toBe(2);
  });

  test('say when they were changed, by the wall clock, or as they were told', async () => {
    const { work, machine } = oneDisk('1');
    await work(async (disk) => {
      await disk.writeNewFile('/a', 'x', 0o600);
      expect(Math.abs((await disk.status('/a')).changedMs - machine.epochMs)).toBeLessThan(100);
      await disk.touch('/a', 12_345);
      expect((await disk.status('/a')).changedMs).toBe(12_345);
    });
  });

  test('that are closed are not used any more', async () => {
    const { work } = oneDisk('1');
    const again = work((disk) => withNew(disk, '/new', (file) => file.close()));
    await expect(again).rejects.toMatchObject({ code: 'EBADF' });
  });

  test('of /proc tell the processes of a machine apart', async () => {
    const { work, machine, process } = oneDisk('1');
    const other = machine.start('other');
    await work(async (disk) => {
      expect(await text(disk, '/proc/sys/kernel/random/boot_id')).toBe(`${machine.bootId}\n`);
      expect(await disk.readLink('/proc/self/ns/pid')).toMatch(/^pid:/);
      const fields = (await text(disk, `/proc/${String(other.pid)}/stat`)).split(' ');
      expect([fields[0], fields[2], fields[21]]).toEqual([
        ...[String(other.pid), 'S', String(other.startedAtTick)],
      ]);
    });
    other.kill();
    await expect(work((disk) => disk.readFile(`/proc/${String(other.pid)}/stat`))).rejects.toThrow('ENOENT');
    expect(process.isAlive).toBe(true);
  });

  test('can be held where large transactions are', async () => {
    const { work } = oneDisk('1');
    expect(await work((disk) => disk.status(tmpdir()))).toMatchObject({ kind: 'folder' });
  });
});

describe('a disk', () => {
  test('that is full takes what fits, and then nothing, until there is room', async () => {
    const { work, fileSystem } = oneDisk('1');
    await work(async (disk) => {
      const file = await disk.open('/a', 'create', 0o600);
      await file.writeFile('12345');
      fileSystem.capacityBytes = fileSystem.usedBytes + 3;
      expect(await file.write(Buffer.from('6789'), 0, 4)).toEqual({ bytesWritten: 3 });
      await expect(file.write(Buffer.from('9'), 0, 1)).rejects.toMatchObject({ code: 'ENOSPC' });
      await expect(file.truncate(100)).rejects.toMatchObject({ code: 'ENOSPC' });
      await file.write(Buffer.from('over'), 0, 4, 0);
      expect((await file.readFile()).toString()).toBe('over5678');
      await file.truncate(4);
      await disk.writeNewFile('/b', '1234', 0o600);
      await expect(disk.writeNewFile('/c', '1', 0o600)).rejects.toMatchObject({ code: 'ENOSPC' });
      await disk.unlink('/a');
      await expect(disk.writeNewFile('/d', '1', 0o600)).rejects.toMatchObject({ code: 'ENOSPC' });
      await file.close();
      await disk.writeNewFile('/e', '1', 0o600);
      expect(fileSystem.usedBytes).toBe(5);
    });
  });

  test('that is slow answers late', async () => {
    const { world, work, fileSystem } = oneDisk('1');
    fileSystem.meanMs = 1000;
    const before = world.nowMs;
    await work((disk) => disk.list('/'));
    expect(world.nowMs - before).toBeGreaterThan(100);
  });

  test('keeps what a process that is killed had written; what was under way is done or not', async () => {
    const seen = new Set<string>();
    for (const seed of seeds(40)) {
      const { world, machine, fileSystem, process, work } = oneDisk(seed);
      const file = await work((disk) => disk.open('/a', 'create', 0o600));
      await work(() => file.writeFile('one'));
      const open = process.run(() => watched(world, file.write(Buffer.from('two'), 0, 3)));
      await world.run({ forMs: 0.05 });
      const known = open().state;
      process.kill();
      await world.run({ forMs: 1000 });
      expect(open().state).toBe(known);
      const later = machine.start('later');
      const content = await work((disk) => text(disk, '/a'), later);
      if (known === 'done') expect(content).toBe('onetwo');
      seen.add(`${known} ${content}`);
      await work((disk) => disk.unlink('/a'), later);
      expect(fileSystem.usedBytes).toBe(0);
    }
    expect([...seen].sort()).toEqual(['done onetwo', 'open one', 'open onetwo']);
  });

  test('does for a process that stands still what was under way when it goes on, or did it before', async () => {
    const before = new Set<boolean>();
    for (const seed of seeds(40)) {
      const { world, fileSystem, process, work } = oneDisk(seed);
      await work((disk) => disk.writeNewFile('/a', 'one', 0o600));
      const open = process.run(() => watched(world, process.runtime.disk.unlink('/a')));
      await world.run({ forMs: 0.05 });
      if (open().state !== 'open') continue;
      process.stop(10_000);
      await world.run({ forMs: 9000 });
      before.add(fileSystem.list('/').length === 1);
      expect(open().state).toBe('open');
      await world.run({ forMs: 2000 });
      expect(open().state).toBe('done');
      expect(fileSystem.list('/')).toEqual([{ name: 'tmp', kind: 'folder' }]);
    }
    expect(before.size).toBe(2);
  });
});

describe('when power is lost', () => {
  test('what was synced is there, and its name when its folder was', async () => {
    for (const seed of seeds(50)) {
      const { work, crash, look } = oneDisk(seed);
      await work(async (disk) => {
        await disk.makeFolder('/data', 0o700);
        await syncFolder(disk, '/');
        await writeDurably(disk, '/data/a', 'kept');
      });
      expect(await look(crash(), (disk) => text(disk, '/data/a'))).toBe('kept');
    }
  });

  test('a name whose folder was not synced is there or is not, with what was synced of its file', async () => {
    const seen = new Set<string>();
    for (const seed of seeds(50)) {
      const { work, crash, look } = oneDisk(seed);
      await work(async (disk) => {
        await withNew(disk, '/a', async (file) => {
          await file.writeFile('kept');
          await file.sync();
        });
      });
      seen.add(await look(crash(), (disk) => text(disk, '/a').catch(() => 'none')));
    }
    expect([...seen].sort()).toEqual(['kept', 'none']);
  });

  test('what was not synced is lost, kept, torn, or full of holes', async () => {
    const seen = new Set<string>();
    const added = 'x'.repeat(1300);
    for (const seed of seeds(200)) {
      const { work, crash, look } = oneDisk(seed);
      await work(async (disk) => {
        await writeDurably(disk, '/a', 'kept');
        const file = await disk.open('/a', 'append');
        await file.writeFile(added);
      });
      const content = await look(crash(), (disk) => text(disk, '/a'));
      expect(content).toMatch(/^kept[x\0]*$/);
      expect(content.length).toBeLessThanOrEqual(added.length + 4);
      const end = content.slice(4);
      if (end === '') seen.add('lost');
      else if (end === added) seen.add('kept');
      else if (/^x+$/.test(end)) seen.add('torn');
      else if (/^x*\0+$/.test(end)) seen.add('zeros at its end');
      else seen.add('holes');
    }
    expect([...seen].sort()).toEqual(['holes', 'kept', 'lost', 'torn', 'zeros at its end']);
  });

  test('a file that was put in the place of another is the one or the other', async () => {
    const seen = new Set<string>();
    for (const seed of seeds(50)) {
      const { work, crash, look } = oneDisk(seed);
      await work(async (disk) => {
        await writeDurably(disk, '/a', 'old');
        await writeDurably(disk, '/b', 'new');
        await disk.rename('/b', '/a');
      });
      const disk = crash();
      const names = (await look(disk, () => disk.list('/'))).map(({ name }) => name);
      const content = await look(disk, () => text(disk, '/a'));
      expect(names.sort()).toEqual(content === 'new' ? ['a', 'tmp'] : ['a', 'b', 'tmp']);
      seen.add(content);
    }
    expect([...seen].sort()).toEqual(['new', 'old']);
  });

  test('names come to the disk in the order of their changes', async () => {
    const seen = new Set<string>();
    for (const seed of seeds(60)) {
      const { work, crash, look } = oneDisk(seed);
      await work(async (disk) => {
        await disk.writeNewFile('/1', '', 0o600);
        await disk.writeNewFile('/2', '', 0o600);
        await disk.writeNewFile('/3', '', 0o600);
      });
      const names = await look(crash(), (disk) => disk.list('/'));
      seen.add(
        names
          .map(({ name }) => name)
          .filter((name) => name !== 'tmp')
          .sort()
          .join(''),
      );
    }
    expect([...seen].sort()).toEqual(['', '1', '12', '123']);
  });

  test('what a sync has failed for is lost, though it can be read before and a later sync succeeds', async () => {
    for (const seed of seeds(20)) {
      const { work, fileSystem, crash, look } = oneDisk(seed);
      await work(async (disk) => {
        await writeDurably(disk, '/a', 'kept ');
        const file = await disk.open('/a', 'append');
        await file.writeFile('refused ');
        fileSystem.syncFailures = 1;
        await expect(file.datasync()).rejects.toMatchObject({ code: 'EIO' });
        fileSystem.syncFailures = 0;
        expect(await text(disk, '/a')).toBe('kept refused ');
        await file.sync();
        await file.writeFile('after');
        await file.sync();
      });
      expect(await look(crash(), (disk) => text(disk, '/a'))).toBe('kept \0\0\0\0\0\0\0\0after');
    }
  });

  test('links are counted and room is reckoned by what is there', async () => {
    for (const seed of seeds(20)) {
      const { work, fileSystem, crash, look } = oneDisk(seed);
      await work(async (disk) => {
        await writeDurably(disk, '/a', '12345');
        await disk.link('/a', '/b');
        await disk.writeNewFile('/gone', 'gone', 0o600);
        await disk.unlink('/gone');
        await disk.open('/a', 'change');
      });
      const disk = crash();
      const names = (await look(disk, () => disk.list('/'))).map(({ name }) => name);
      const { links } = await look(disk, () => disk.status('/a'));
      expect(links).toBe(names.includes('b') ? 2 : 1);
      const gone = names.includes('gone') ? (await look(disk, () => disk.status('/gone'))).size : 0;
      expect(fileSystem.usedBytes).toBe(5 + gone);
    }
  });
});
