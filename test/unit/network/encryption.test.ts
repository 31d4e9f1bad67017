/** Encrypted networks: whose packets are encrypted by which key, and that nothing leaves in the clear. */
import { expect, test } from 'vitest';
import type { Peer } from '#network/contract';
import { encryptedMtu, encryptedNetworkMtu, encryptionIn, peerWords, unheard, wantedText } from '#network/encryption';
import { planOverlay } from '#network/overlay';
import { repairedOverlay, repairOverlay, type SeenOverlay } from '#network/overlay-repair';
import { overlayRules } from '#network/rules/overlay-rules';
import { endpointTask, numberedNetwork, serviceEndpoint } from '#test/support/endpoints';

const key = (letter: string): string => `${letter.repeat(43)}=`;
const [old, next, other] = [key('A'), key('E'), key('I')];
const sealed = { network: numberedNetwork('sealednetwork', 4100, { Options: { encrypted: '' } }), gateway: '10.5.0.1' };
const plain = { network: numberedNetwork('plainnetwork', 4101), gateway: '10.6.0.1' };
const peer = (nodeId: string, address: string, encryption?: Peer['encryption'], networkId = sealed.network.ID): Peer => ({
  nodeId,
  networkId,
  gateway: `10.5.0.${nodeId.length}`,
  address,
  ...(encryption && { encryption }),
});
const task = { ...endpointTask('t2', 1, true, `${sealed.network.ID} 10.5.0.30`), NodeID: 'n2' };
const overlay = (...peers: Peer[]) => ({ networks: [sealed, plain], peers, services: [serviceEndpoint('web', [], [task])] });
const two = peer('n2', '192.0.2.2', { Key: old, Port: 51820 });
const ground = { port: 4789, local: '192.0.2.1', mtu: 1450, encrypting: 'wg-node1', mark: 'shoal:node1' };
const fresh: SeenOverlay = {
  bridges: new Map([['sh-sealednetwo', { mac: '02:42:0a:05:00:01', answers: new Set<string>(), portMtu: 1390 }]]),
  devices: new Map(),
  neighbours: new Map(),
  forwards: new Map(),
};

test('what a host with larger packets fills up is still no longer than a link with smaller ones carries', () => {
  expect([encryptedMtu(1500), encryptedNetworkMtu(1450)]).toEqual([1440, 1390]);
  for (let linkMtu = 1280; linkMtu <= 9000; linkMtu++) {
    const [inner, device] = [encryptedNetworkMtu(linkMtu - 50), encryptedMtu(linkMtu)];
    const filled = Math.ceil((inner + 50) / 16) * 16;
    expect([linkMtu, filled, filled + 60 <= linkMtu, linkMtu - 60 - device < 16]).toEqual([linkMtu, device, true, true]);
  }
});

test('frames of an encrypted network leave by the device that encrypts alone, with room for what goes around them', () => {
  const plan = planOverlay(overlay(two));
  expect(plan.encryption).toEqual(new Map([['192.0.2.2', { key: old, port: 51820 }]]));
  const { ip, bridge } = repairOverlay(plan, fresh, ground);
  expect(ip).toContain('link add vx-sealednetwo mtu 1390 type vxlan id 4100 dev wg-node1 dstport 4789 local 192.0.2.1 nolearning');
  // Without the device in each entry the kernel would send by the way that it has for others.
  expect(bridge).toContain('fdb replace 02:42:0a:05:00:1e dev vx-sealednetwo self permanent dst 192.0.2.2 via wg-node1');
  expect(bridge.filter((line) => line.includes(' dst ')).every((line) => line.endsWith(' via wg-node1'))).toBe(true);
  const whole = repairedOverlay(plan, fresh, ground);
  expect(repairOverlay(plan, whole, ground).touched).toEqual([]);
  const bare = { ...whole, devices: new Map([...whole.devices].map(([name, device]) => [name, { ...device, via: '' }])) };
  expect(repairOverlay(plan, bare, ground).ip[0]).toBe('link del dev vx-sealednetwo');
});

test('a node without a key, as one that is down, is sent nothing, and that is no problem; networks that are not encrypted know no keys', () => {
  const plan = planOverlay(overlay(two, peer('n33', '192.0.2.3'), peer('n2', '192.0.2.2', undefined, plain.network.ID)));
  expect([...(plan.tunnels.find(({ encrypted }) => encrypted)?.ways.values() ?? [])].map(({ underlay }) => underlay)).toEqual(['192.0.2.2', '192.0.2.2']);
  expect(plan.problems).toEqual([]);
  expect(plan.tunnels.find(({ number }) => number === 4101)).toMatchObject({ encrypted: false });
  expect(planOverlay({ ...overlay(peer('n2', '192.0.2.2', undefined, plain.network.ID)), networks: [plain] }).encryption).toBeUndefined();
});

test('a host that joined anew is reached by the key of the node that it is now', () => {
  const { encryption, tunnels } = planOverlay(overlay(two, peer('n1', '192.0.2.2')));
  expect(encryption).toEqual(new Map([['192.0.2.2', { key: old, port: 51820 }]]));
  expect(tunnels[0]?.ways.has('10.5.0.30')).toBe(true);
});

test.each([
  ['a key', peer('n33', '192.0.2.3', { Key: old, Port: 51820 })],
  ['a key that another will have', peer('n33', '192.0.2.3', { Key: other, Next: old, Port: 51820 })],
  ['an address', peer('n33', '192.0.2.2', { Key: other, Port: 51820 })],
])('%s that two nodes claim is given to neither', (_, claimant) => {
  const { encryption, problems } = planOverlay(overlay(two, claimant));
  expect([...(encryption ?? [])]).toEqual([]);
  expect(problems.join('\n')).toContain('n33 among them');
});

test('what carries an encrypted network’s number goes out and comes in by that device, or not at all', () => {
  const { text } = overlayRules('t', ['192.0.2.2'], 4789, { device: 'wg-node1', numbers: [4100, 4102] });
  expect(text).toContain('udp dport 4789 @th,96,24 { 4100, 4102 } oifname != "wg-node1" drop;');
  expect(text).toContain('udp dport 4789 @th,96,24 { 4100, 4102 } iifname != "wg-node1" drop;');
  expect(overlayRules('t', [], 4789, { device: 'wg-node1', numbers: [] }).text).not.toContain('wg-node1');
});

const dump = (...peers: string[]): string => [`${key('Q')}\t${key('U')}\t51820\toff`, ...peers].join('\n');
const seen = (publicKey: string, allowed: string, more = '192.0.2.2:51820'): string => `${publicKey}\t(none)\t${more}\t${allowed}\t0\t0\t148\toff`;

test('a change of keys: the next one is known before the address moves to it, and the one of before goes last', () => {
  const host = '192.0.2.2';
  const words = (wanted: { key: string; next?: string; port: number }, ...peers: string[]) =>
    peerWords(new Map([[host, wanted]]), encryptionIn(dump(...peers)).peers).join(' ');
  expect(words({ key: old, port: 51820 })).toBe(`peer ${old} endpoint ${host}:51820 allowed-ips ${host}/32`);
  expect(words({ key: old, next, port: 51820 }, seen(old, `${host}/32`))).toBe(`peer ${next} endpoint ${host}:51820 allowed-ips `);
  const both = [seen(old, `${host}/32`), seen(next, '(none)')];
  expect(words({ key: old, next, port: 51820 }, ...both)).toBe('');
  expect(words({ key: next, port: 51820 }, ...both)).toBe(`peer ${old} remove peer ${next} endpoint ${host}:51820 allowed-ips ${host}/32`);
  // Where a peer was heard from last is not undone.
  expect(words({ key: old, port: 51820 }, seen(old, `${host}/32`, '198.51.100.7:1024'))).toBe('');
  expect(words({ key: old, port: 51820 }, seen(old, `${host}/32`), seen(other, '10.0.0.0/8'))).toBe(`peer ${other} remove`);
});

test('a peer more, a key that will come and another port are each told from what was applied', () => {
  const one = { key: old, port: 51820 };
  const of = (...peers: [string, typeof one & { next?: string }][]): string => wantedText(new Map(peers));
  const [second, third] = ['192.0.2.2', '192.0.2.3'];
  expect(of([second, one], [third, one])).toBe(of([third, one], [second, one]));
  expect(new Set([of([second, one]), of([second, one], [third, one]), of([second, { ...one, next }]), of([second, { ...one, port: 1 }]), of()]).size).toBe(5);
});

test('hosts that were sent to and never answered are told of', () => {
  const wanted = new Map([['192.0.2.2', { key: old, port: 51820 }]]);
  expect(unheard(wanted, encryptionIn(dump(seen(old, '192.0.2.2/32'))).peers)).toEqual(['192.0.2.2']);
  expect(unheard(wanted, encryptionIn(dump(seen(old, '192.0.2.2/32').replace('\t0\t0\t', '\t1700000000\t92\t'))).peers)).toEqual([]);
  expect(unheard(wanted, encryptionIn(dump()).peers)).toEqual([]);
});
