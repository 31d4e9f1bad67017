/** Docker's JSON and ours. */
import { expect, test } from 'vitest';
import { isLeftover, networkBody, networkOf, serviceBody, withIds, type DockerNetwork } from '#swarm/docker-json';

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

test('networks of other drivers are asked for in the swarm by name', () => {
  expect(networkBody({ Name: 'n', Driver: 'overlay', Attachable: true })).toEqual({ Name: 'n', Driver: 'overlay', Attachable: true, CheckDuplicate: true });
  expect(networkBody({ Name: 'n', Driver: 'bridge', IPAM: { Config: [{ Subnet: '10.9.0.0/24' }] } })).toEqual({
    Name: 'n',
    Driver: 'bridge',
    CheckDuplicate: true,
    Scope: 'swarm',
    IPAM: { Driver: 'default', Config: [{ Subnet: '10.9.0.0/24' }] },
  });
});

test('hints of ours are left out, what changes containers is refused by name, and labels are free', () => {
  const spec = {
    Name: 's',
    Labels: { Shoal: 'x' },
    TaskTemplate: { ContainerSpec: { Image: 'i', Labels: { Shoal: 'y' }, Shoal: { PullPolicy: 'always' } } },
    Shoal: { DependsOn: [] },
  };
  expect(serviceBody(spec)).toEqual({ Name: 's', Labels: { Shoal: 'x' }, TaskTemplate: { ContainerSpec: { Image: 'i', Labels: { Shoal: 'y' } } } });
  const Ports = [{ TargetPort: 80, Shoal: { HostIP: '127.0.0.1', AppProtocol: 'http' } }];
  expect(() => serviceBody({ ...spec, EndpointSpec: { Ports } })).toThrow("only a cluster of shoal's own can: EndpointSpec.Ports[0].HostIP");
});

test('made-up ids give way to real ones at any depth', () => {
  expect(withIds({ a: ['x', { b: 'made' }], c: 1, d: null }, new Map([['made', 'real']]))).toEqual({ a: ['x', { b: 'real' }], c: 1, d: null });
});
