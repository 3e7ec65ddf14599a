import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseAddress } from '../../../src/config/address.js';
import type { SurveyedServer } from '../../../src/topology/surveyed-server.js';
import {
  buildTopology,
  serverAt,
  serversAbove,
  serversBelow,
  type Topology,
} from '../../../src/topology/tree.js';
import { alive, dead } from './surveyed-servers.js';

function build(looks: readonly SurveyedServer[], start = 'db1'): Topology {
  return buildTopology(looks, [parseAddress(start)]);
}

/** `server: replicas` of each. */
function shape({ servers }: Topology): Record<string, readonly string[]> {
  return Object.fromEntries(servers.map(({ server, replicas }) => [server, replicas]));
}

const names = (servers: readonly { server: string }[]): string[] => servers.map(({ server }) => server);

test('a chain with two leaves, asked in its middle', () => {
  const topology = build(
    [
      alive('db2', { sources: ['db1'], replicas: ['db3', 'db4'] }),
      alive('db1', { replicas: ['db2'] }),
      alive('db3', { sources: ['db2'] }),
      alive('db4', { sources: ['db2'] }),
    ],
    'db2',
  );
  expect(topology.roots).toEqual(['db1:3306']);
  expect(shape(topology)).toEqual({
    'db1:3306': ['db2:3306'],
    'db2:3306': ['db3:3306', 'db4:3306'],
    'db3:3306': [],
    'db4:3306': [],
  });
  expect(names(serversBelow(topology, parseAddress('db1')))).toEqual(['db2:3306', 'db3:3306', 'db4:3306']);
  expect(names(serversAbove(topology, parseAddress('db4')))).toEqual(['db2:3306', 'db1:3306']);
  expect(serversBelow(topology, parseAddress('db9'))).toEqual([]);
  expect(serverAt(topology, parseAddress('db9'))).toBeNull();
});

test('a dead source and a dead replica hide nobody', () => {
  const topology = build(
    [
      alive('db2', { sources: ['db1'], replicas: ['db3'] }),
      dead('db1'),
      dead('db3'),
      alive('db4', { sources: ['db1'] }),
    ],
    'db2',
  );
  expect(topology.roots).toEqual(['db1:3306']);
  expect(shape(topology)).toEqual({
    'db1:3306': ['db2:3306', 'db4:3306'],
    'db2:3306': ['db3:3306'],
    'db3:3306': [],
    'db4:3306': [],
  });
});

test('what a replica says of its source counts for more than a list that is out of date', () => {
  const topology = build([
    alive('db1', { replicas: ['db2', 'db3'] }),
    alive('db2', { sources: ['db1'] }),
    alive('db3', { sources: ['db2'] }),
  ]);
  expect(shape(topology)).toEqual({ 'db1:3306': ['db2:3306'], 'db2:3306': ['db3:3306'], 'db3:3306': [] });
});

test('a replica that may not be asked stands where its source lists it', () => {
  const topology = build([alive('db1', { replicas: ['db2'] }), alive('db2', { channels: null })]);
  expect(shape(topology)).toEqual({ 'db1:3306': ['db2:3306'], 'db2:3306': [] });
});

test('a ring of two with a replica below: the first one is its root', () => {
  const looks = [
    alive('db2', { sources: ['db1'] }),
    alive('db1', { sources: ['db2'] }),
    alive('db3', { sources: ['db1'] }),
  ];
  const topology = build(looks, 'db2');
  expect(topology.roots).toEqual(['db2:3306']);
  expect(shape(topology)).toEqual({
    'db2:3306': ['db1:3306'],
    'db1:3306': ['db2:3306', 'db3:3306'],
    'db3:3306': [],
  });
  expect(names(serversBelow(topology, parseAddress('db2')))).toEqual(['db1:3306', 'db3:3306']);
  expect(names(serversAbove(topology, parseAddress('db2')))).toEqual(['db1:3306']);
});

test('a server that replicates from itself is its own root', () => {
  expect(build([alive('db1', { sources: ['db1'] })]).roots).toEqual(['db1:3306']);
});

test('several sources', () => {
  const topology = build([alive('db1'), alive('db2', { sources: ['db1', 'db3'] }), alive('db3')]);
  expect(topology.roots).toEqual(['db1:3306', 'db3:3306']);
  expect(serverAt(topology, parseAddress('db2'))?.sources.map(({ server }) => server)).toEqual([
    'db1:3306',
    'db3:3306',
  ]);
});

test('one server by two addresses is one', () => {
  const topology = build([
    alive('db1', { identity: 'a' }),
    alive('10.0.0.1', { identity: 'a' }),
    alive('db2', { sources: ['10.0.0.1'] }),
  ]);
  expect(shape(topology)).toEqual({ 'db1:3306': ['db2:3306'], 'db2:3306': [] });
  expect(serverAt(topology, parseAddress('10.0.0.1'))?.server).toBe('db1:3306');
  expect(names(serversAbove(topology, parseAddress('db2')))).toEqual(['db1:3306']);
});

test('a replica on the source’s own machine names it localhost', () => {
  const topology = build([alive('db1:3307', { sources: ['localhost:3306'] }), alive('db1')]);
  expect(topology.roots).toEqual(['db1:3306']);
});

test('who has nothing to do with the server that was asked for is left out', () => {
  expect(shape(build([alive('db1'), alive('db7')]))).toEqual({ 'db1:3306': [] });
});

test('whatever replicates from whatever: each server once, and every one is below a root', () => {
  const edge = fc.tuple(fc.nat(6), fc.nat(6));
  fc.assert(
    fc.property(fc.array(edge, { maxLength: 14 }), fc.uniqueArray(fc.nat(6)), (edges, deaths) => {
      const address = (index: number): string => `db${String(index)}`;
      const looks = Array.from({ length: 7 }, (_, index) =>
        deaths.includes(index)
          ? dead(address(index))
          : alive(address(index), {
              sources: edges.filter(([, replica]) => replica === index).map(([source]) => address(source)),
            }),
      );
      const topology = build(looks, 'db0');
      const found = names(topology.servers);
      expect(new Set(found).size).toBe(found.length);
      const below = topology.roots.flatMap((root) => [
        root,
        ...names(serversBelow(topology, parseAddress(root))),
      ]);
      expect(new Set(below)).toEqual(new Set(found));
      for (const { server } of topology.servers) {
        for (const other of serversBelow(topology, parseAddress(server))) {
          expect(names(serversAbove(topology, parseAddress(other.server)))).toContain(server);
        }
      }
    }),
  );
});
