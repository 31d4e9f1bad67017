/** What every node's network must hold: the real one, in a namespace of its own, and the one in memory that the agent's tests use. */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ServiceEndpoint } from '#model/object/assignment';
import { bridgeName } from '#model/object/network';
import type { BridgedNetwork, NodeNetwork, Overlay, Traffic } from '#network/contract';
import { NameTable } from '#network/names';
import { publishedPorts } from '#network/published-ports';
import { clusterNetwork, endpointTask, serviceEndpoint } from '../support/endpoints.ts';
import { endResolvers } from '../support/end-resolvers.mjs';
import { whyNoHost } from '../support/machine.mjs';
import { type NetworkClient, startNetworkClient } from '../support/network-client.ts';
import { RecordingNetwork } from '../support/recording-network.ts';

const front = { network: clusterNetwork('frontnetworkfront'), gateway: '10.93.1.1' };
const back = { network: clusterNetwork('backnetworkback'), gateway: '10.93.2.1' };
const networks = [front, back];
/** A container that belongs to no task: it asks by the network that it sits on. */
const strangers = { [front.network.ID]: '10.93.1.200', [back.network.ID]: '10.93.2.200' };

const task = (id: string, ready: boolean, address: string) => endpointTask(id, Number(id.slice(1)), ready, `${front.network.ID} ${address} api`);
const web = (...tasks: ServiceEndpoint['Tasks']): ServiceEndpoint => serviceEndpoint('shop_web', ['18080:80/tcp'], tasks);
const traffic = (...services: ServiceEndpoint[]): Traffic => ({ services, networks });
const [t1, t2] = [task('t1', true, '10.93.1.11'), task('t2', true, '10.93.1.12')];

interface Subject {
  network: Omit<NodeNetwork, 'start' | 'stop'>;
  /** What a container of the network learns of a name; undefined: there is none. */
  resolves(networkId: string, name: string): Promise<readonly string[] | undefined>;
  /** Where a published port leads. */
  leadsTo(port: number): Promise<readonly string[]>;
  /** Somebody changes what was applied; absent where nobody can. */
  damage?(): Promise<void>;
  end(): Promise<void>;
}

/** In the order in which an agent does it. */
async function publish({ network }: Subject, wanted: Traffic): Promise<void> {
  await network.names.apply(wanted);
  await network.bridges.apply(bridged(network, wanted));
  await network.ports.apply(wanted);
}

function bridged({ names }: Subject['network'], wanted: Traffic): BridgedNetwork[] {
  return wanted.networks.map((local) => {
    const server = names.servers().find(({ networkId }) => networkId === local.network.ID);
    return { ...local, ...(server && { nameServerPort: server.port }) };
  });
}

function suite(make: () => Promise<Subject>): void {
  let subject: Subject;
  beforeAll(async () => {
    subject = await make();
  });
  afterAll(() => subject?.end());
  beforeEach(() => publish(subject, traffic()));

  test('what was applied is in force when that resolves', async () => {
    await publish(subject, traffic(web(t1, t2)));
    expect(await subject.resolves(front.network.ID, 'api')).toEqual(['10.93.1.11', '10.93.1.12']);
    expect(await subject.leadsTo(18_080)).toEqual(['10.93.1.11', '10.93.1.12']);
  });

  test('what is not named goes', async () => {
    await publish(subject, traffic(web(t1)));
    await publish(subject, traffic());
    expect(await subject.resolves(front.network.ID, 'api')).toBeUndefined();
    expect(await subject.leadsTo(18_080)).toEqual([]);
  });

  test('a name exists on its networks only, and without a ready task it is empty', async () => {
    await publish(subject, traffic(web(task('t1', false, '10.93.1.11'))));
    expect(await subject.resolves(front.network.ID, 'api')).toEqual([]);
    expect(await subject.resolves(back.network.ID, 'api')).toBeUndefined();
  });

  test('of several that overlap the newest counts, and all resolve', async () => {
    const wanted = [traffic(web(t1)), traffic(), traffic(web(t1, t2)), traffic(web(t2))];
    await Promise.all(wanted.map((each) => subject.network.names.apply(each)));
    await Promise.all(wanted.map((each) => subject.network.ports.apply(each)));
    await subject.network.bridges.apply(bridged(subject.network, traffic()));
    expect(await subject.resolves(front.network.ID, 'api')).toEqual(['10.93.1.12']);
    expect(await subject.leadsTo(18_080)).toEqual(['10.93.1.12']);
  });

  test('the same again changes nothing', async () => {
    await publish(subject, traffic(web(t1)));
    const before = (await subject.network.ports.counters())['rules_loaded'];
    await publish(subject, traffic(web(t1)));
    expect((await subject.network.ports.counters())['rules_loaded']).toBe(before);
  });

  test('nothing leads to a task that is detaching, whatever is applied later, until it is detached', async () => {
    await publish(subject, traffic(web(t1, t2)));
    await subject.network.detaching('t1');
    expect(await subject.resolves(front.network.ID, 'api')).toEqual(['10.93.1.12']);
    expect(await subject.leadsTo(18_080)).toEqual(['10.93.1.12']);
    // The managers have not heard of it yet.
    await publish(subject, traffic(web(t1, t2)));
    expect(await subject.resolves(front.network.ID, 'api')).toEqual(['10.93.1.12']);
    expect(await subject.leadsTo(18_080)).toEqual(['10.93.1.12']);
    subject.network.detached('t1');
    await publish(subject, traffic(web(t1, t2)));
    expect(await subject.leadsTo(18_080)).toEqual(['10.93.1.11', '10.93.1.12']);
  });

  test('a task that detaches before anything was applied is out of what comes', async () => {
    await subject.network.detaching('t1');
    await publish(subject, traffic(web(t1, t2)));
    expect(await subject.leadsTo(18_080)).toEqual(['10.93.1.12']);
    subject.network.detached('t1');
  });

  test('what the engine gave is taken', async () => {
    const attached = [{ networkId: front.network.ID, address: '10.93.1.11', macAddress: '02:42:0a:5d:01:0b' }];
    await subject.network.attached({ taskId: 't1', pid: 1, networks: attached });
  });

  test('another node that cannot be reached is told by name, and keeps nothing else from its place', async () => {
    const peer = { nodeId: 'node2', networkId: front.network.ID, gateway: '10.93.1.254' };
    const overlay: Overlay = { ...traffic(web(t1)), peers: [{ ...peer, address: 'fd00::7' }] };
    await subject.network.overlay.apply(overlay);
    expect(subject.network.overlay.problems()).toEqual([expect.stringContaining("node node2 is known by the address 'fd00::7'")]);
    await subject.network.overlay.apply({ ...overlay, peers: [{ ...peer, address: '192.0.2.7' }] });
    expect(subject.network.overlay.problems()).toEqual([expect.stringContaining(`network ${front.network.Spec.Name} has no number`)]);
    await subject.network.overlay.apply({ ...overlay, peers: [] });
    expect(subject.network.overlay.problems()).toEqual([]);
  });

  test('an audit of what is whole mends nothing', async () => {
    await publish(subject, traffic(web(t1)));
    const { bridges, overlay, ports, names } = subject.network;
    for (const facet of [names, bridges, overlay, ports]) expect(await facet.audit()).toEqual([]);
    for (const facet of [names, bridges, overlay, ports]) expect(facet.problems()).toEqual([]);
  });

  test('an audit mends what somebody else changed, says so, and counts it', async ({ skip }) => {
    if (!subject.damage) return skip('nobody else can be at it');
    await publish(subject, traffic(web(t1)));
    const { bridges, ports } = subject.network;
    const before = await Promise.all([bridges, ports].map(async (facet) => (await facet.counters())['repairs'] ?? 0));
    await subject.damage();
    for (const facet of [bridges, ports]) expect(await facet.audit()).toEqual([expect.stringContaining('changed by someone else')]);
    expect(await Promise.all([bridges, ports].map(async (facet) => (await facet.counters())['repairs'] ?? 0))).toEqual(before.map((count) => count + 1));
    expect(await subject.resolves(front.network.ID, 'api')).toEqual(['10.93.1.11']);
    expect(await subject.leadsTo(18_080)).toEqual(['10.93.1.11']);
  });
}

describe('in memory', () => {
  suite(async () => {
    const network = new RecordingNetwork();
    const wanted = (part: 'names' | 'ports'): Traffic => network.parts[part].wanted ?? traffic();
    return {
      network,
      resolves: async (networkId, name) => {
        const found = new NameTable(wanted('names').services).lookUp(name, strangers[networkId] ?? '', networkId);
        return found?.toSorted();
      },
      leadsTo: async (port) => {
        return publishedPorts(wanted('ports'), 'node1')
          .filter((each) => each.port === port)
          .flatMap(({ targets }) => targets.map(({ address }) => address));
      },
      end: async () => {},
    };
  });
});

const reason = whyNoHost();
describe.skipIf(reason !== undefined)(reason ? `on a real host (skipped: ${reason})` : 'on a real host', () => {
  suite(realSubject);

  test('who is not on a network’s bridge gets no answer of its name server', async () => {
    const subject = await realSubject();
    try {
      await publish(subject, traffic(web(t1)));
      const port = subject.network.names.servers().find(({ networkId }) => networkId === front.network.ID)?.port ?? 0;
      expect(await subject.asks('front', '10.93.1.1', 53)).toBe('10.93.1.11');
      // By another network, from the host itself, and at the port behind 53.
      expect(await subject.asks('back', '10.93.1.1', 53)).toBe('no answer');
      expect(await subject.asks('back', '10.93.1.1', port)).toBe('no answer');
      expect(await subject.asks('host', '10.93.1.1', 53)).toBe('no answer');
      expect(await subject.asks('host', '10.93.1.1', port)).toBe('no answer');
      expect(await subject.asks('front', '10.93.1.1', port)).toBe('10.93.1.11');
    } finally {
      await subject.end();
    }
  });

  test('a bridge that vanishes and comes back answers again, by the same process', async () => {
    const subject = await realSubject();
    try {
      await publish(subject, traffic(web(t1)));
      expect(await subject.asks('front', '10.93.1.1', 53)).toBe('10.93.1.11');
      subject.removeBridge(front);
      await publish(subject, traffic(web(t1)));
      subject.makeBridge(front, 'front');
      await subject.network.bridges.audit();
      expect(await subject.asks('front', '10.93.1.1', 53)).toBe('10.93.1.11');
      expect(subject.network.names.problems()).toEqual([]);
    } finally {
      await subject.end();
    }
  });
});

interface RealSubject extends Subject {
  /** What `api` is for somebody in that namespace who asks there: addresses, or `no answer`. */
  asks(where: 'front' | 'back' | 'host', server: string, port: number): Promise<string>;
  makeBridge(local: { network: { ID: string }; gateway: string }, name: string): void;
  removeBridge(local: { network: { ID: string } }): void;
}

/** Bridges made by hand in a namespace, with a container's namespace on each. */
async function realSubject(): Promise<RealSubject> {
  const tag = randomBytes(3).toString('hex');
  const host = `shoal-c${tag}`;
  const folder = mkdtempSync(join(tmpdir(), 'shoal-contract-'));
  const inside = (namespace: string): string[] => ['nsenter', `--net=/run/netns/${namespace}`];
  const run = (namespace: string, ...command: string[]): string => {
    const [program = '', ...args] = [...inside(namespace), ...command];
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  };
  const containers = { front: `shoal-f${tag}`, back: `shoal-b${tag}` };
  for (const name of [host, ...Object.values(containers)]) execFileSync('ip', ['netns', 'add', name]);
  for (const name of [host, ...Object.values(containers)]) run(name, 'ip', 'link', 'set', 'lo', 'up');
  const makeBridge: RealSubject['makeBridge'] = ({ network, gateway }, name) => {
    const bridge = bridgeName(network.ID);
    const container = name === 'front' ? containers.front : containers.back;
    run(host, 'ip', 'link', 'add', bridge, 'type', 'bridge');
    run(host, 'ip', 'addr', 'add', `${gateway}/24`, 'dev', bridge);
    run(host, 'ip', 'link', 'set', bridge, 'up');
    run(host, 'ip', 'link', 'add', `v${name}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', container);
    run(host, 'ip', 'link', 'set', `v${name}`, 'master', bridge, 'up');
    run(container, 'ip', 'addr', 'add', `${gateway.replace(/1$/, '200')}/24`, 'dev', 'eth0');
    run(container, 'ip', 'link', 'set', 'eth0', 'up');
    run(container, 'ip', 'route', 'add', 'default', 'via', gateway);
  };
  const removeBridge: RealSubject['removeBridge'] = ({ network }) => {
    run(host, 'ip', 'link', 'del', 'vfront');
    run(host, 'ip', 'link', 'del', bridgeName(network.ID));
  };
  makeBridge(front, 'front');
  makeBridge(back, 'back');
  const client = startNetworkClient(inside(host), { instance: tag, socket: join(folder, 'resolver.sock') });
  await client.call('start');
  const network = await overWire(client);
  const asks: RealSubject['asks'] = async (where, server, port) => {
    const script = `const r = new (require('dns').promises.Resolver)({ timeout: 700, tries: 1 }); r.setServers([process.argv[1]]);
      r.resolve4('api').then((a) => console.log(a.sort().join(' ')), (e) => console.log({ ENODATA: '', ETIMEOUT: 'no answer', ECONNREFUSED: 'no answer' }[e.code] ?? e.code));`;
    return run(where === 'host' ? host : containers[where], process.execPath, '-e', script, `${server}:${port}`).trim();
  };
  return {
    network,
    asks,
    makeBridge,
    removeBridge,
    async resolves(networkId) {
      const found = await asks(networkId === front.network.ID ? 'front' : 'back', networkId === front.network.ID ? front.gateway : back.gateway, 53);
      if (/^E|no answer/.test(found)) return undefined;
      return found === '' ? [] : found.split(' ');
    },
    async leadsTo(port) {
      const chain = run(host, 'nft', 'list', 'table', 'ip', `shoal_${tag}`).split(`chain p_tcp_${port} {`)[1]?.split('}\n')[0] ?? '';
      return [...chain.matchAll(/(10\.93\.1\.\d+)(?::| \. )80/g)].map(([, address = '']) => address).toSorted();
    },
    async damage() {
      run(host, 'nft', 'flush', 'ruleset');
      // The engine's own chain is not ours to flush here: only the tables are the damage.
      run(host, 'iptables', '-N', 'DOCKER-USER');
      run(host, 'iptables', '-I', 'FORWARD', '-j', 'DOCKER-USER');
      run(host, 'iptables', '-I', 'DOCKER-USER', '-m', 'connmark', '--mark', '0x5000', '-j', 'ACCEPT');
      run(host, 'iptables', '-I', 'INPUT', '-m', 'connmark', '--mark', '0x5053', '-j', 'ACCEPT');
      run(host, 'iptables', '-A', 'FORWARD', '-i', 'sh-+', '-m', 'physdev', '--physdev-is-bridged', '-j', 'ACCEPT');
    },
    async end() {
      await client.kill();
      await endResolvers(folder);
      for (const name of [...Object.values(containers), host]) spawnSync('ip', ['netns', 'del', name]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The driver's network as if it were here; what only remembers is asked beforehand. */
async function overWire(client: NetworkClient): Promise<Subject['network']> {
  let servers = await client.call('servers');
  let problems: readonly string[] = [];
  const facet = (part: 'bridges' | 'overlay' | 'ports' | 'names') => ({
    async apply(wanted: never): Promise<void> {
      await client.call('facet', part, 'apply', wanted);
      servers = await client.call('servers');
      problems = await client.call('problems');
    },
    async audit() {
      const mended = (await client.call('facet', part, 'audit')) as string[];
      problems = await client.call('problems');
      return mended;
    },
    problems: () => problems,
    counters: () => client.call('facet', part, 'counters') as Promise<Record<string, number>>,
  });
  return {
    bridges: facet('bridges'),
    overlay: facet('overlay'),
    ports: { ...facet('ports'), clashes: () => [], connected: async () => false },
    names: { ...facet('names'), servers: () => servers },
    attaching: (attachment) => client.call('attaching', attachment),
    attached: (attachment) => client.call('attached', attachment),
    detaching: (id) => client.call('detaching', id),
    detached: (id) => void client.call('detached', id),
  };
}
