import { expect, test } from 'vitest';
import type { Peer } from '#network/contract';
import { containerRules } from '#network/rules/container-rules';
import { serversElsewhere } from '#network/servers-elsewhere';
import { clusterNetwork } from '../../support/endpoints.ts';

const local = (id: string, gateway: string, more = {}) => ({ network: clusterNetwork(id, more), gateway });
const networks = [local('front', '10.1.0.1'), local('back', '10.2.0.1', { Internal: true }), local('ingress', '10.3.0.1', { Ingress: true })];
const peer = (nodeId: string, networkId: string, more: Partial<Peer> = {}): Peer => ({
  nodeId,
  networkId,
  gateway: `10.${networkId === 'front' ? 1 : 2}.0.${nodeId.slice(1)}`,
  address: `192.0.2.${nodeId.slice(1)}`,
  ...more,
});
const of = (peers: readonly Peer[], networkIds: readonly string[], nodeId = 'n1') => serversElsewhere({ services: [], networks, peers }, nodeId)(networkIds);
const [two, three, four] = ['n2', 'n3', 'n4'].map((id) => peer(id, 'front')) as [Peer, Peer, Peer];

test('the next host that lives, round in a circle, so that each answers for one other', () => {
  expect(
    ['n1', 'n2', 'n3', 'n4'].map(
      (id) =>
        of(
          [two, three, four].filter(({ nodeId }) => nodeId !== id),
          ['front'],
          id,
        )?.address,
    ),
  ).toEqual(['10.1.0.2', '10.1.0.3', '10.1.0.4', '10.1.0.2']);
  expect(of([{ ...two, down: true }, three, four], ['front'])).toEqual({ address: '10.1.0.3' });
  expect(of([{ ...two, address: '2001:db8::2' }, three], ['front'])).toEqual({ address: '10.1.0.3' });
});

test('one that knows all of the container’s networks before one that knows some', () => {
  expect(of([two, three, peer('n3', 'back')], ['back', 'front'])).toEqual({ address: '10.2.0.3' });
  expect(of([two, three, peer('n3', 'back')], ['front'])).toEqual({ address: '10.1.0.2' });
});

test('without another host its own; nothing where no network has names', () => {
  expect(of([], ['front'])).toEqual({ address: '10.1.0.1' });
  expect(of([{ ...two, down: true }], ['front', 'ingress'])).toEqual({ address: '10.1.0.1' });
  expect(of([{ ...two, networkId: 'ingress' }], ['ingress'])).toBeUndefined();
  expect(of([two], ['elsewhere'])).toBeUndefined();
});

test('nobody is asked on an encrypted network to whom nothing is sent', () => {
  const encrypted = [local('front', '10.1.0.1', { Options: { encrypted: '' } })];
  const chosen = (peers: readonly Peer[]) => serversElsewhere({ services: [], networks: encrypted, peers }, 'n1')(['front'])?.address;
  expect(chosen([two, { ...three, encryption: { Key: 'k', Port: 1 } }])).toBe('10.1.0.3');
});

test('the container leads there what is asked at the second address of its list; out of networks that are closed by a route of its own', () => {
  const open = containerRules([], new Set(['front']), { elsewhere: of([two], ['front']) });
  expect(open.text).toContain('ip daddr 169.254.53.53 meta l4proto { tcp, udp } th dport 53 dnat ip to 10.1.0.2;');
  expect(open.text).toContain('ip daddr 10.1.0.2 meta l4proto { tcp, udp } th dport 53 ct status dnat masquerade;');
  expect(open.routes).toEqual([]);
  const closed = containerRules([], new Set(['back']), { elsewhere: of([peer('n2', 'back')], ['back']) });
  expect(closed.routes).toEqual(['route replace 169.254.53.53 via 10.2.0.1']);
  expect(containerRules([], new Set(['front'])).text).not.toContain('169.254');
  const names = { servers: ['192.0.2.53'], gateway: '10.1.0.1' };
  expect(containerRules([], new Set(['front']), { names, elsewhere: of([two], ['front']) }).text).toContain('ip daddr @servers meta l4proto');
});
