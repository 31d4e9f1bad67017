/** From a cluster network to the engine's create request. */
import { describe, expect, test } from 'vitest';
import type Docker from 'dockerode';
import { DockerNetworks, networkRequest } from '#engine/docker-networks';
import { bridgeName } from '#model/object/network';
import { makeNetwork } from '#test/support/worker';

test('a bridge of ours with subnet, gateway, labels, and only those options that a bridge knows', () => {
  const network = makeNetwork('abcdefghijklmnopqrstuvwxy', 'web_default', '10.0.1.0/24');
  const Options = { encrypted: '', 'com.docker.network.driver.mtu': '1400' };
  const spec = { ...network.Spec, Options, Labels: { 'com.docker.stack.namespace': 'web' }, Internal: true };
  expect(networkRequest({ ...network, Spec: spec }, '10.0.1.254', 'web_default', { nodeId: 'node1' })).toEqual({
    Name: 'web_default',
    CheckDuplicate: true,
    Driver: 'bridge',
    Internal: true,
    IPAM: { Driver: 'default', Config: [{ Subnet: '10.0.1.0/24', Gateway: '10.0.1.254' }] },
    Options: { 'com.docker.network.driver.mtu': '1400', 'com.docker.network.bridge.name': 'sh-abcdefghijk' },
    Labels: { 'com.docker.stack.namespace': 'web', 'shoal.network.id': network.ID, 'com.docker.swarm.node.id': 'node1' },
  });
});

test('the name of a bridge fits the kernel', () => {
  expect(bridgeName('abcdefghijklmnopqrstuvwxy').length).toBeLessThanOrEqual(15);
});

describe('a network of ours that the engine has already', () => {
  const wanted = makeNetwork('abcdefghijklmnopqrstuvwxy', 'web_default', '10.0.1.0/24');
  const engine = (calls: string[]): Docker => {
    let Gateway = '10.0.1.254';
    const Labels = { 'shoal.network.id': wanted.ID, 'com.docker.swarm.node.id': 'node1' };
    return {
      listNetworks: () => Promise.resolve(Gateway ? [{ Id: 'e1', Name: 'web_default', Labels, IPAM: { Config: [{ Subnet: '10.0.1.0/24', Gateway }] } }] : []),
      getNetwork: (name: string) => ({ remove: () => Promise.resolve(((Gateway = ''), calls.push(`removed ${name}`))) }),
      createNetwork: ({ IPAM }: Docker.NetworkCreateOptions) => {
        Gateway = IPAM?.Config?.[0]?.['Gateway'] ?? '';
        calls.push(`made ${Gateway}`);
        return Promise.resolve({ id: 'e2', remove: () => Promise.resolve() });
      },
    } as unknown as Docker;
  };

  test.each([
    ['stays, where the node has the same address in it', '10.0.1.254', { ok: true }, []],
    ['is made anew, where the node has another one now', '10.0.1.9', { ok: true, made: true }, ['removed web_default', 'made 10.0.1.9']],
  ] as const)('%s', async (_name, gateway, outcome, expected) => {
    const calls: string[] = [];
    expect(await new DockerNetworks(engine(calls), 'node1').create(wanted, gateway)).toEqual(outcome);
    expect(calls).toEqual(expected);
  });
});

describe('an engine whose subnet is taken', () => {
  const wanted = makeNetwork('abcdefghijklmnopqrstuvwxy', 'web_default', '10.0.1.0/24');
  /** An engine that has one network with `labels` and refuses every other. */
  const engine = (labels: Readonly<Record<string, string>>, Subnet: string): Docker =>
    ({
      listNetworks: ({ filters }: { filters: { label?: string[] } }) =>
        Promise.resolve(
          !filters.label || labels['com.docker.swarm.node.id'] === 'node1' ? [{ Name: 'other', Labels: labels, IPAM: { Config: [{ Subnet }] } }] : [],
        ),
      createNetwork: () => Promise.reject(Object.assign(new Error('Pool overlaps with other one on this address space'), { statusCode: 403 })),
    }) as unknown as Docker;
  const ours = { 'com.docker.swarm.node.id': 'node1', 'shoal.network.id': 'old' };
  const message = 'creating network web_default failed: Pool overlaps with other one on this address space';

  test.each([
    ['by a network of ours that is going: soon', ours, '10.0.1.0/24', false],
    ["by somebody else's network: never", {}, '10.0.1.0/24', true],
    ['by a wider network: never', ours, '10.0.0.0/16', true],
  ] as const)('%s', async (_name, labels, subnet, permanent) => {
    const networks = new DockerNetworks(engine(labels, subnet), 'node1');
    expect(await networks.create(wanted, '10.0.1.1')).toEqual({ ok: false, permanent, message });
  });
});

describe('a name that somebody else takes', () => {
  const wanted = makeNetwork('abcdefghijklmnopqrstuvwxy', 'shop_net', '10.0.1.0/24');
  const suffixed = `shop_net.${wanted.ID}`;

  /** An engine in which `rival` is called after each creation, and names are unique if `unique`. */
  function engine(names: string[], rival: () => void, unique: boolean): Docker {
    return {
      listNetworks: ({ filters }: { filters: { name?: string[] } }) => Promise.resolve(filters.name ? names.map((Name) => ({ Name, Labels: {} })) : []),
      createNetwork: ({ Name, CheckDuplicate }: Docker.NetworkCreateOptions) => {
        if ((unique || CheckDuplicate) && names.includes(Name)) return Promise.reject(Object.assign(new Error('already exists'), { statusCode: 409 }));
        names.push(Name);
        rival();
        return Promise.resolve({ remove: () => Promise.resolve(names.splice(names.indexOf(Name), 1)) });
      },
    } as unknown as Docker;
  }

  test.each([
    ['before: ours gets its id', ['shop_net'], () => {}, ['shop_net', suffixed]],
    ['not at all: ours has it', [], () => {}, ['shop_net']],
  ])('%s', async (_name, names, rival, expected) => {
    const networks = new DockerNetworks(engine(names, rival, false), 'node1');
    expect(await networks.create(wanted, '10.0.1.1')).toEqual({ ok: true, made: true });
    expect(names).toEqual(expected);
    expect(networks.name(wanted.ID)).toBe(expected.at(-1));
  });

  test('at the same moment: ours gives way', async () => {
    const names: string[] = [];
    let once = true;
    const rival = (): void => {
      if (once) names.push('shop_net');
      once = false;
    };
    const networks = new DockerNetworks(engine(names, rival, false), 'node1');
    await networks.create(wanted, '10.0.1.1');
    expect(names).toEqual(['shop_net', suffixed]);
    expect(networks.name(wanted.ID)).toBe(suffixed);
  });

  test('one that was made when nobody heard of it any more is taken for what it is', async () => {
    const Labels = { 'shoal.network.id': wanted.ID, 'com.docker.swarm.node.id': 'node1' };
    const made: Docker.NetworkInspectInfo[] = [];
    const lost = {
      listNetworks: () => Promise.resolve(made),
      createNetwork: () => {
        const status = made.length > 0 ? 409 : 500;
        if (made.length === 0)
          made.push({ Id: 'e1', Name: 'shop_net', Labels, IPAM: { Config: [{ Gateway: '10.0.1.1' }] } } as unknown as Docker.NetworkInspectInfo);
        return Promise.reject(Object.assign(new Error(status === 500 ? 'socket hang up' : 'already exists'), { statusCode: status }));
      },
    } as unknown as Docker;
    const networks = new DockerNetworks(lost, 'node1');
    await networks.observe();
    expect(await networks.create(wanted, '10.0.1.1')).toEqual({ ok: true, made: true });
    const again = new DockerNetworks({ listNetworks: async () => [], createNetwork: () => lost.createNetwork({ Name: '' }) } as unknown as Docker, 'node1');
    await again.observe();
    again.docker.listNetworks = lost.listNetworks.bind(lost);
    expect(await again.create(wanted, '10.0.1.1')).toEqual({ ok: true, made: true });
    expect([networks.name(wanted.ID), made.length]).toEqual(['shop_net', 1]);
  });

  test('one that is new costs two calls of the engine', async () => {
    const calls: string[] = [];
    const docker = engine([], () => {}, true);
    const counted = {
      listNetworks: (options: never) => (calls.push('list'), docker.listNetworks(options)),
      createNetwork: (options: never) => (calls.push('create'), docker.createNetwork(options)),
    } as unknown as Docker;
    const networks = new DockerNetworks(counted, 'node1');
    await networks.observe();
    calls.length = 0;
    expect(await networks.create(wanted, '10.0.1.1')).toEqual({ ok: true, made: true });
    expect(calls).toEqual(['create', 'list']);
  });
});
