/** What containers ask of services' own addresses is led inside them, and counted there. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ServiceEndpoint } from '#model/object/assignment';
import { bridgeName, type Network } from '#model/object/network';
import { type Host, loadImage, startHost, until, whyNoHost } from '../../support/machine.mjs';
import { type NetworkClient, startNetworkClient } from '../../support/network-client.ts';

const meta = { Version: { Index: 1 }, CreatedAt: '', UpdatedAt: '' };
const network = {
  ID: 'countnetworkidcountnetwo',
  ...meta,
  IPAMOptions: { Configs: [{ Subnet: '10.92.1.0/24' }] },
  Spec: { Name: 'count_default', Labels: {} },
} as Network;
const gateway = '10.92.1.1';
const address = { web: '10.92.1.200', other: '10.92.1.201' };
const names = ['one', 'two'];

describe.skipIf(whyNoHost() !== undefined)('what containers ask of services is counted', () => {
  let host: Host;
  let client: NetworkClient;

  const endpoint = (name: 'web' | 'other', ready: readonly string[]): ServiceEndpoint => ({
    ServiceID: `service-${name}`,
    Name: name,
    Ports: [],
    VirtualIPs: [{ NetworkID: network.ID, Address: address[name] }],
    Tasks: names.map((task, index) => ({
      TaskID: task,
      NodeID: 'node1',
      Slot: index + 1,
      Ready: ready.includes(task),
      Networks: [{ NetworkID: network.ID, Address: `10.92.1.1${index}`, Aliases: [] }],
    })),
  });
  const put = (...services: ServiceEndpoint[]) => client.publish({ services, networks: [{ network, gateway }] });
  const pidOf = (container: string): number => Number(host.docker(['inspect', '-f', '{{.State.Pid}}', container]));
  const inside = (container: string, ...command: string[]): string =>
    execFileSync('nsenter', ['-t', String(pidOf(container)), '-n', ...command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const begin = async (): Promise<void> => {
    client = startNetworkClient(host.enter, { instance: 'count', socket: `${host.folder}/names.sock` });
    await client.call('start');
  };
  const attach = (taskId: string) =>
    client.call('attached', { taskId, pid: pidOf(taskId), networks: [{ networkId: network.ID, address: '', macAddress: '' }] });
  const ask = (container: string, to: string): number => {
    try {
      inside(container, 'curl', '-s', '-m', '3', '-o', '/dev/null', `http://${to}/`);
      return 0;
    } catch (error) {
      return (error as { status: number }).status;
    }
  };
  const counted = async (wanted: unknown): Promise<void> => {
    let seen: unknown;
    await until(
      async () => {
        const { lookups: _, ...counts } = await client.call('serviceCounts');
        return isDeepStrictEqual((seen = counts), wanted);
      },
      20_000,
      () => JSON.stringify(seen),
    );
  };

  beforeAll(async () => {
    host = await startHost();
    loadImage(host.socket, 'replica:1');
    const place = ['--subnet', '10.92.1.0/24', '--gateway', gateway];
    host.docker(['network', 'create', '-d', 'bridge', '-o', `com.docker.network.bridge.name=${bridgeName(network.ID)}`, ...place, network.Spec.Name]);
    for (const [index, name] of names.entries())
      host.docker(['run', '-d', '--name', name, '--network', 'count_default', '--ip', `10.92.1.1${index}`, 'replica:1']);
    await begin();
  }, 60_000);
  afterAll(async () => {
    await client?.kill();
    await host?.stop();
  });

  test(
    'connections, refusals and resets, of each container, whatever becomes of tasks, rules, the daemon and the container',
    { timeout: 120_000 },
    async () => {
      await put(endpoint('web', names), endpoint('other', []));
      for (const name of names) await attach(name);
      for (let at = 0; at < 3; at++) expect(ask('one', address.web)).toBe(0);
      expect(ask('two', address.web)).toBe(0);
      // Nobody listens there, so the task resets it; and of the other service nobody is ready.
      expect(ask('one', `${address.web}:9`)).toBe(7);
      expect(ask('two', address.other)).toBe(7);
      // By a task's own address, it is no service's.
      expect(ask('one', '10.92.1.11')).toBe(0);
      await counted({ other: { connections: 0, refusals: 1, resets: 0 }, web: { connections: 5, refusals: 0, resets: 1 } });

      await put(endpoint('web', []), endpoint('other', ['one']));
      expect([ask('one', address.web), ask('two', address.other)]).toEqual([7, 0]);
      await counted({ other: { connections: 1, refusals: 1, resets: 0 }, web: { connections: 5, refusals: 1, resets: 1 } });

      // Somebody in the container takes them away: they begin anew there, and what was counted stays.
      inside('one', 'nft', 'delete', 'table', 'ip', 'shoal_counts');
      await put(endpoint('web', ['two']), endpoint('other', ['one']));
      expect(ask('one', address.web)).toBe(0);
      await counted({ other: { connections: 1, refusals: 1, resets: 0 }, web: { connections: 6, refusals: 1, resets: 1 } });

      // What containers that live counted is known to the next life.
      await client.kill();
      await begin();
      await put(endpoint('web', ['two']), endpoint('other', ['one']));
      await attach('two');
      await counted({ other: { connections: 1, refusals: 1, resets: 0 }, web: { connections: 1, refusals: 0, resets: 0 } });

      await put(endpoint('web', ['two']));
      await counted({ web: { connections: 1, refusals: 0, resets: 0 } });

      // One who makes as many counters as he likes is read no more, and keeps no other from being read.
      await attach('one');
      const rules = `${host.folder}/many.nft`;
      writeFileSync(rules, Array.from({ length: 60_000 }, (_, at) => `add counter ip shoal_counts c_x${at}\n`).join(''));
      inside('one', 'nft', '-f', rules);
      expect([ask('one', address.web), ask('two', address.web)]).toEqual([0, 0]);
      await counted({ web: { connections: 2, refusals: 0, resets: 0 } });
    },
  );
});
