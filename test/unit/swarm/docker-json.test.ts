/** Docker's JSON as ours. */
import { expect, test } from 'vitest';
import { isLeftover, networkOf, withIds, type DockerNetwork } from '#swarm/docker-json';

const listed: DockerNetwork = {
  Id: 'n1',
  Name: 'front',
  Created: '2026-01-01T00:00:00Z',
  Driver: 'overlay',
  Options: { 'com.docker.network.driver.overlay.vxlanid_list': '4097', encrypted: '' },
  Labels: null,
  IPAM: { Driver: 'default', Options: null, Config: [{ Subnet: '10.0.1.0/24', Gateway: '10.0.1.1' }] },
  Containers: null,
};

test('a listed network loses what the engine chose', () => {
  expect(networkOf(listed)).toMatchObject({ ID: 'n1', Spec: { Name: 'front', Labels: {}, Driver: 'overlay', Options: { encrypted: '' }, Ingress: false } });
  expect(networkOf(listed).Spec.Options).toEqual({ encrypted: '' });
});

test("a node's copy of a removed network is none", () => {
  expect(isLeftover(listed)).toBe(false);
  expect(isLeftover({ ...listed, Containers: {}, Peers: [{}] })).toBe(true);
});

test('made-up ids give way to real ones at any depth', () => {
  expect(withIds({ a: ['x', { b: 'made' }], c: 1, d: null }, new Map([['made', 'real']]))).toEqual({ a: ['x', { b: 'real' }], c: 1, d: null });
});
