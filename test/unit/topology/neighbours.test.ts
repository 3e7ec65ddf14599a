import { expect, test } from 'vitest';
import { formatAddress, parseAddress } from '../../../src/config/address.js';
import { dumpHosts } from '../../../src/mysql/replica-list.js';
import { asSeenFrom, neighboursOf, sourcesOf } from '../../../src/topology/neighbours.js';
import { alive, channel } from './surveyed-servers.js';

const formatted = (look: ReturnType<typeof alive>): { certain: string[]; guesses: string[] } => {
  const { certain, guesses } = neighboursOf(look);
  return { certain: certain.map(formatAddress), guesses: guesses.map(formatAddress) };
};

test('sources and listed replicas', () => {
  expect(
    formatted(alive('db2', { sources: ['db1'], replicas: ['db3:3307'], dumpHosts: ['10.0.0.9'] })),
  ).toEqual({
    certain: ['db1:3306', 'db3:3307'],
    guesses: [],
  });
});

test('sources alone, of a replica of several', () => {
  const look = alive('db5', { sources: ['db1', '127.0.0.1:7'], replicas: ['db6'] });
  expect(sourcesOf(look).map(formatAddress)).toEqual(['db1:3306', 'db5:7']);
});

test('where the list tells nothing, whoever reads the log: at this server’s port, and at the usual one', () => {
  const guesses = ['10.0.0.9:3402', '10.0.0.9:3306'];
  const dumps = { dumpHosts: ['10.0.0.9'] };
  expect(formatted(alive('db1:3402', { listed: null, ...dumps })).guesses).toEqual(guesses);
  const unnamed = [{ serverId: 7, address: null }];
  expect(formatted(alive('db1:3402', { listed: unnamed, ...dumps })).guesses).toEqual(guesses);
});

test('a channel that was reset names nobody', () => {
  expect(formatted(alive('db1', { channels: [channel('db2', { sourceHost: '' })] })).certain).toEqual([]);
});

test('another machine’s localhost is that machine', () => {
  const seen = (address: string, speaker: string): string =>
    formatAddress(asSeenFrom(parseAddress(address), parseAddress(speaker)));
  expect(seen('localhost:3307', 'db1')).toBe('db1:3307');
  expect(seen('127.0.0.1', '10.0.0.1')).toBe('10.0.0.1:3306');
  expect(seen('[::1]:3307', 'db1')).toBe('db1:3307');
  expect(seen('127.0.0.1:3307', 'localhost')).toBe('127.0.0.1:3307');
  expect(seen('db2', 'db1')).toBe('db2:3306');
});

test('threads that send the log', () => {
  const threads = [
    { command: 'Binlog Dump', host: '10.0.0.9:40112' },
    { command: 'Binlog Dump GTID', host: 'Db3.example.com:40113' },
    { command: 'Binlog Dump', host: '10.0.0.9:40114' },
    { command: 'Binlog Dump', host: '[fe80::1]:40115' },
    { command: 'Binlog Dump', host: '' },
    { command: 'Query', host: '10.0.0.7:1' },
  ];
  expect(dumpHosts(threads)).toEqual(['10.0.0.9', 'db3.example.com', 'fe80::1']);
});

test('asked over a socket, what is on its own machine is on ours', () => {
  const look = alive('unix:/run/mysqld/mysqld.sock', {
    sources: ['127.0.0.1:3402'],
    listed: null,
    dumpHosts: ['localhost'],
  });
  expect(formatted(look)).toEqual({ certain: ['127.0.0.1:3402'], guesses: ['localhost:3306'] });
});
