/** What a doctor of the network makes of what it sees: packets that came, rules of others, answers inside a container, services that nodes hold. */
import { expect, test } from 'vitest';
import { endpointDigest, type Finding } from '#model/doctor/examination';
import { probePayload, probeSizes } from '#model/doctor/probe';
import { judgeEncryption, judgeSeat, judgeServices, judgeWay, type Participant } from '#model/doctor/verdict';
import { networkNumbers } from '#model/options/network-options';
import { probeNumber } from '#model/doctor/probe';
import { foreignIptables, foreignNft } from '#network/doctor/foreign-rules';
import { judgeInside, planInside } from '#network/doctor/inside-plan';
import { NameTable } from '#network/names';
import { heardIn } from '#network/doctor/probe-rules';
import { overlayRules } from '#network/rules/overlay-rules';
import type { NodeEncryption } from '#model/object/node';
import { aNode } from '#test/support/cluster-objects';
import { testDescription } from '#test/support/memory-cluster';
import { clusterNetwork } from '#test/support/endpoints';

const needs = { port: 4789, managerPort: 2377 };

test('a probe is a packet of the size that it tries, of a network that nobody can make', () => {
  expect(probeSizes(1500)).toEqual([1500, 1492, 1480, 1460, 1450, 1440, 1420, 1400, 1380, 1350, 1280, 576]);
  expect(probeSizes(9001)[0]).toBe(9001);
  expect(probePayload(1500)).toHaveLength(1472);
  expect(probePayload(1500).subarray(0, 8).toString('hex')).toBe('08000000ffffff00');
  expect(probeNumber).toBeGreaterThan(networkNumbers.last);
  expect(overlayRules('t', ['10.0.0.2'], 4789).text).toContain('udp dport 4789 ip saddr != @members @th,96,24 != 16777215 drop;');
});

test('of each sender the largest packets that came, and that the firewall let through', () => {
  const set = (name: string, ...elements: [string, number][]) => ({
    set: { name, elem: elements.map((concat) => ({ elem: { val: { concat }, expires: 59 } })) },
  });
  const listing = {
    nftables: [
      { metainfo: {} },
      set('arrived', ['10.0.0.1', 576], ['10.0.0.1', 1500], ['10.0.0.3', 1400]),
      set('accepted', ['10.0.0.1', 1450]),
      set('other', ['10.0.0.9', 1]),
    ],
  };
  expect(heardIn(JSON.stringify(listing))).toEqual([
    { address: '10.0.0.1', arrived: 1500, accepted: 1450 },
    { address: '10.0.0.3', arrived: 1400, accepted: 0 },
  ]);
});

test.each([
  [[], 'data path', 'does not arrive at 10.0.0.2'],
  [[{ address: '10.0.0.1', arrived: 1500, accepted: 0 }], 'firewall', "this host's own firewall drops it"],
  [[{ address: '10.0.0.1', arrived: 1400, accepted: 1400 }], 'mtu', 'those of 1400 bytes arrive, and those of 1500 do not'],
  [[{ address: '10.0.0.1', arrived: 1500, accepted: 1380 }], 'mtu', 'those of 1380 bytes arrive'],
  [[{ address: '10.0.0.1', arrived: 1500, accepted: 1500 }], undefined, undefined],
] as const)('the way to one who heard %j: %s', (heard, check, text) => {
  const one = (id: number, mtu: number): Participant => ({
    nodeId: `n${id}`,
    name: `host${id}`,
    address: `10.0.0.${id}`,
    listening: { address: `10.0.0.${id}`, mtu, port: 4789 },
    heard: [],
  });
  const finding = judgeWay(one(1, 1500), { ...one(2, 9000), heard });
  expect(finding?.check).toBe(check);
  if (text !== undefined) expect(finding?.text).toContain(text);
});

test('a manager that nobody reaches where it was, and that speaks from another address, is told as one that moved', () => {
  const manager = (Addr: string, State: 'ready' | 'down' = 'ready') =>
    aNode('n3', { Status: { State, Addr }, Shoal: { Role: 'manager', ManagerAddr: '10.0.0.3:2377' } });
  const unreached = (place: string): Finding => ({
    level: 'error',
    check: 'managers',
    text: `the manager at ${place} is not reached by TCP: EHOSTUNREACH`,
    advice: 'let it through',
  });
  const [told] = judgeSeat(manager('10.0.0.33'), [unreached('10.0.0.3:2377')]);
  expect(told?.text).toBe('the others know this manager at 10.0.0.3:2377, where it is not reached, and it speaks from 10.0.0.33 itself');
  expect(told?.advice).toContain('shoal node demote');
  // One that says where it is gets there by itself; what keeps it from that is its status.
  const said = manager('10.0.0.33');
  const Description = { ...testDescription, Shoal: { ManagerAddr: '10.0.0.33:2377' } };
  const Status = { ...said.Status, Message: 'is still known at its address of before: no answer' };
  const [waits] = judgeSeat({ ...said, Description, Status }, [unreached('10.0.0.3:2377')]);
  expect(waits?.text).toContain('and it says that it is at 10.0.0.33:2377: it is still known at its address of before: no answer');
  expect(waits?.advice).toContain('let TCP to 10.0.0.33:2377 through from the leader');
  // Others are not reached, or it is where it was; behind a translation of addresses it speaks from another and is reached.
  expect(judgeSeat(manager('10.0.0.33'), [unreached('10.0.0.30:2377')])).toEqual([]);
  expect(judgeSeat(manager('10.0.0.33'), [])).toEqual([]);
  expect(judgeSeat(manager('10.0.0.3'), [unreached('10.0.0.3:2377')])).toEqual([]);
  expect(judgeSeat(manager('10.0.0.33', 'down'), [unreached('10.0.0.3:2377')])).toEqual([]);
});

test('rules of iptables that drop before ours, or what nodes send one another; what drops after ours, or something else, is nobody’s business', () => {
  const ours = '-A DOCKER-USER -m connmark --mark 0x5000 -j ACCEPT';
  const texts = (...lines: string[]) => foreignIptables(lines.join('\n'), needs).map(({ text }) => text.slice(text.indexOf(': ') + 2));
  expect(
    texts('-P FORWARD DROP', '-A FORWARD -j DOCKER-USER', '-A FORWARD -j DROP', ours, '-A DOCKER-USER -j RETURN', '-A DOCKER-USER -j DROP', '-A INPUT -j DROP'),
  ).toEqual([]);
  const before = ['-A FORWARD -i eth0 -j DROP', '-A DOCKER-USER -s 10.0.0.0/8 -j REJECT --reject-with icmp-port-unreachable'];
  expect(texts(before[0] ?? '', '-A FORWARD -j DOCKER-USER', before[1] ?? '', ours)).toEqual(before);
  expect(texts('-A FORWARD -j DOCKER-USER', '-A DOCKER-USER -j RETURN', ours)).toEqual(['-A DOCKER-USER -j RETURN']);
  const input = [
    '-A INPUT -p udp -m udp --dport 4789 -j DROP',
    '-A INPUT -p udp -m multiport --dports 53,4000:5000 -j DROP',
    '-A INPUT -p tcp -m tcp --dport 2377 -j REJECT',
  ];
  expect(texts(...input, '-A INPUT -p udp -m udp --dport 478 -j DROP', '-A INPUT -p udp -m udp --dport 4789 -j ACCEPT')).toEqual(input);
  expect(foreignIptables(Array.from({ length: 50 }, () => input[0]).join('\n'), needs)).toHaveLength(8);
});

test('chains of nft that drop what they do not know, and rules that name our ports; ours and those of iptables are left out', () => {
  const chain = (table: string, name: string, hook: string, policy: string) => ({
    chain: { family: 'inet', table, name, hook, policy, type: 'filter', prio: 0 },
  });
  const rule = (table: string, name: string, ...expr: object[]) => ({ rule: { family: 'inet', table, chain: name, expr } });
  const match = (right: unknown) => ({ match: { op: '==', left: { payload: { protocol: 'udp', field: 'dport' } }, right } });
  const found = (...nftables: object[]) =>
    foreignNft(JSON.stringify({ nftables: [{ metainfo: {} }, ...nftables] }), needs).map(({ text }) => text.slice(text.indexOf(': ') + 2));
  expect(found(chain('fw', 'pass', 'forward', 'drop'))).toEqual(['nft chain inet fw pass (hook forward, policy drop)']);
  const accept = rule('fw', 'pass', { match: { op: '==', left: { ct: { key: 'mark' } }, right: 0x5000 } }, { accept: null });
  expect(found(chain('fw', 'pass', 'forward', 'drop'), accept)).toEqual([]);
  expect(found(chain('fw', 'pass', 'forward', 'accept'), rule('fw', 'pass', { drop: null }))).toEqual(['nft rule in inet fw pass: [{"drop":null}]']);
  expect(found(chain('fw', 'pass', 'forward', 'accept'), rule('fw', 'pass', match(25), { drop: null }))).toEqual([]);
  expect(found(chain('fw', 'in', 'input', 'accept'), rule('fw', 'in', match(4789), { reject: { type: 'icmp' } }))).toHaveLength(1);
  expect(found(chain('fw', 'in', 'input', 'drop'), rule('fw', 'in', match(22), { drop: null }))).toEqual([]);
  const ofIptables = { chain: { ...chain('filter', 'FORWARD', 'forward', 'drop').chain, family: 'ip' } };
  expect(found(ofIptables, chain('shoal_1_overlay', 'x', 'forward', 'drop'))).toEqual([]);
  // A table of that name that iptables does not make.
  expect(found(chain('filter', 'forward', 'forward', 'drop'))).toEqual(['nft chain inet filter forward (hook forward, policy drop)']);
  const input = chain('fw', 'in', 'input', 'accept');
  for (const right of [{ set: [53, 4789] }, { range: [4000, 5000] }, { set: [{ range: [2000, 3000] }] }])
    expect([right, found(input, rule('fw', 'in', match(right), { drop: null })).length]).toEqual([right, 1]);
  for (const right of [47_890, { set: [53, 47_890] }, { range: [5000, 6000] }, '@ports'])
    expect([right, found(input, rule('fw', 'in', match(right), { drop: null }))]).toEqual([right, []]);
});

test('inside a container the names must give what the managers say, and somebody must answer', () => {
  const network = { ID: 'net', Spec: { Name: 'front' } } as never;
  const at = (TaskID: string, NodeID: string, Address: string, Ready = true) => ({
    TaskID,
    NodeID,
    Ready,
    Networks: [{ NetworkID: 'net', Address, Aliases: [] }],
  });
  const Tasks = [at('a', 'n1', '10.0.0.5'), at('b', 'n2', '10.0.0.6'), at('c', 'n2', '10.0.0.7', false)];
  const services = [
    { ServiceID: 's', Name: 'web', Ports: [], VirtualIPs: [{ NetworkID: 'net', Address: '10.0.0.2' }], Tasks },
    { ServiceID: 'idle', Name: 'idle', Ports: [], Tasks: [] },
    {
      ServiceID: 'other',
      Name: 'other',
      Ports: [],
      Tasks: [{ ...at('d', 'n1', '10.1.0.5'), Networks: [{ NetworkID: 'x', Address: '10.1.0.5', Aliases: [] }] }],
    },
  ];
  const traffic = { services, networks: [] };
  const asked = { network, traffic, table: new NameTable(services), nodeId: 'n1' };
  const plan = planInside({ ...asked, networkIds: new Set(['net']) });
  expect(plan.names).toEqual([
    { name: 'web', addresses: ['10.0.0.2'] },
    { name: 'tasks.web', addresses: ['10.0.0.5', '10.0.0.6'] },
  ]);
  // Those of other nodes first.
  expect(plan.addresses.map(({ address }) => address)).toEqual(['10.0.0.2', '10.0.0.6', '10.0.0.5']);
  // A container that is on another network of the service too finds what is there as well.
  const both = services.map((service) => ({
    ...service,
    VirtualIPs: service.Name === 'web' ? [...(service.VirtualIPs ?? []), { NetworkID: 'x', Address: '10.1.0.2' }] : [],
  }));
  const wide = planInside({ ...asked, traffic: { services: both, networks: [] }, table: new NameTable(both), networkIds: new Set(['net', 'x']) });
  // Another host need not be on both.
  expect([plan.elsewhere, wide.elsewhere]).toEqual(['web', undefined]);
  expect(wide.names[0]).toEqual({ name: 'web', addresses: ['10.0.0.2', '10.1.0.2'] });
  const well = { web: ['10.0.0.2'], 'tasks.web': ['10.0.0.6', '10.0.0.5'] };
  expect(judgeInside(plan, { names: well, addresses: {} })).toEqual([]);
  const bad = judgeInside(plan, {
    names: { web: 'ESERVFAIL', 'tasks.web': ['10.0.0.5', '10.0.0.9'] },
    addresses: { '10.0.0.6': 'EHOSTUNREACH' },
    elsewhere: 'ETIMEOUT',
  });
  expect(bad.map(({ text }) => text)).toEqual([
    'from a container of network front the name web gives no address (ESERVFAIL), not 10.0.0.2',
    'from a container of network front the name tasks.web gives 10.0.0.5, 10.0.0.9, not 10.0.0.5, 10.0.0.6',
    "from a container of network front another host's name server does not tell web (ETIMEOUT): nobody would while this host's own is dead",
    'from a container of network front nobody answers at 10.0.0.6, a task of web on node n2: EHOSTUNREACH',
  ]);
});

test('what a node holds of services is compared by tasks and addresses, in whatever order they came', () => {
  const task = (TaskID: string, Ready = true) => ({ TaskID, NodeID: 'n', Ready, Networks: [{ NetworkID: 'net', Address: `10.0.0.${TaskID}`, Aliases: [] }] });
  const digest = (...Tasks: ReturnType<typeof task>[]) => endpointDigest({ Name: 'web', Tasks });
  expect(digest(task('1'), task('2'), task('3', false))).toBe(digest(task('2'), task('1')));
  expect(digest(task('1'))).not.toBe(digest(task('2')));
  const expected = new Map([
    ['a', { name: 'web', digest: '1' }],
    ['b', { name: 'db', digest: '2' }],
    ['c', { name: 'well', digest: '3' }],
  ]);
  expect(judgeServices(expected, { a: '9', c: '3', d: '4' })).toEqual(['web is another', 'db is missing', 'service d is there and should not be']);
});

test('a node without a key is told of where networks are encrypted, as what it is: nothing is sent to it', () => {
  const sealed = clusterNetwork('sealed', { Options: { encrypted: '' } });
  const lacks = (Gateways: Record<string, string>, Encryption: NodeEncryption) =>
    aNode('n1', { Description: { ...aNode('n1').Description!, Shoal: { Encryption } }, Shoal: { Gateways } });
  const none = { Lacks: 'the program wg' };
  expect(judgeEncryption(lacks({}, none), [])).toEqual([]);
  expect(judgeEncryption(lacks({}, { Key: 'k', Port: 1 }), [sealed])).toEqual([]);
  expect(judgeEncryption(lacks({}, none), [sealed])).toMatchObject([
    { level: 'warning', text: 'this node has no key for encrypted networks (the program wg), and nothing of them is sent to it: it gets no task of sealed' },
  ]);
  expect(judgeEncryption(lacks({ [sealed.ID]: '10.0.1.1' }, none), [sealed])).toMatchObject([
    { level: 'error', text: expect.stringContaining('sealed reach no other node') },
  ]);
});
