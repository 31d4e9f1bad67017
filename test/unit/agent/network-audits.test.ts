/** What is lost and what nothing tells of: how long it stays so. */
import { expect, test } from 'vitest';
import { NetworkAudits } from '#agent/network-audits';
import { silentLogger } from '#test/support/silent-logger';
import { RecordingNetwork } from '#test/support/recording-network';
import { settle, VirtualClock } from '#test/support/virtual-clock';

const limitMs = 30_000;

/** A node whose network shows nobody what it loses; an audit mends it, each part by itself. */
function silentNetwork() {
  const clock = new VirtualClock();
  const network = new RecordingNetwork();
  const lost = new Map<string, number>();
  const mendedAfter: number[] = [];
  const broken = new Set<string>();
  for (const [name, part] of Object.entries(network.parts)) {
    part.audit = async () => {
      if (broken.has(name)) throw new Error(`${name} cannot be looked at`);
      const since = lost.get(name);
      if (!lost.delete(name) || since === undefined) return [];
      mendedAfter.push(clock.now() - since);
      return [`${name} is there again`];
    };
  }
  const stop = new AbortController();
  const audits = new NetworkAudits({ network, clock, logger: silentLogger }, { namesMoved: async () => {}, looked: () => {} }, stop.signal);
  return { clock, network, audits, stop, broken, mendedAfter, lost, lose: (name: string) => void lost.set(name, clock.now()) };
}

test('whenever something is lost, it is there again within half a minute', async () => {
  const { clock, network, audits, lose, mendedAfter, lost } = silentNetwork();
  audits.start();
  const parts = Object.keys(network.parts);
  // At all times of a period: right before a look, right after one, and in between.
  for (let turn = 0; turn < 40; turn++) {
    await clock.advance(7 * turn * 101 + 1);
    lose(parts[turn % parts.length] ?? '');
    await clock.advance(limitMs);
    await settle();
    expect([turn, [...lost.keys()]]).toEqual([turn, []]);
  }
  expect(mendedAfter).toHaveLength(40);
  expect(Math.max(...mendedAfter)).toBeLessThanOrEqual(limitMs);
  // Else the times above would all have been those of one moment.
  expect(Math.max(...mendedAfter) - Math.min(...mendedAfter)).toBeGreaterThan(limitMs / 2);
});

test('what is told of is mended at once, and a part that cannot be looked at keeps no other from it', async () => {
  const { clock, audits, lose, lost, broken, mendedAfter } = silentNetwork();
  audits.start();
  lose('ports');
  audits.soon();
  await settle();
  expect(mendedAfter).toEqual([0]);
  broken.add('names');
  lose('overlay');
  lose('names');
  audits.soon();
  await settle();
  expect([...lost.keys()]).toEqual(['names']);
  broken.clear();
  await clock.advance(2000);
  expect([...lost.keys()]).toEqual([]);
});

test('a node that stops looks no more', async () => {
  const { clock, audits, lose, lost, stop } = silentNetwork();
  audits.start();
  lose('ports');
  stop.abort();
  await clock.advance(3 * limitMs);
  expect(lost.has('ports')).toBe(true);
});
