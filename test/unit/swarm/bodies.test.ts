/** Our specs as a Docker Swarm takes them, whoever sends them. */
import { expect, test } from 'vitest';
import type { NetworkSpec } from '#model/object/network';
import type { ServiceSpec } from '#model/object/service-spec';
import type { StackSpec } from '#model/object/stack';
import { networkBody, serviceBody } from '#swarm/bodies';
import { planOfStack, servicesForDocker } from '../../../src/cli/deploy/docker/plan-of-stack.ts';

const overlay: NetworkSpec = { Name: 'n', Driver: 'overlay', IPAM: { Config: [{ Subnet: '10.0.0.0/24' }] } };

test('a network is sent with every field', () => {
  expect(networkBody(overlay, 44, 'swarm')).toEqual({
    Driver: 'overlay',
    Scope: '',
    IPAM: { Driver: '', Options: null, Config: [{ Subnet: '10.0.0.0/24' }] },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigOnly: false,
    ConfigFrom: null,
    Options: null,
    Labels: {},
    Name: 'n',
  });
});

test('engines before API 1.44 are told to refuse a second network of one name; other drivers are asked for in the swarm by name', () => {
  expect([networkBody(overlay, 43, 'swarm')['CheckDuplicate'], networkBody(overlay, 44, 'swarm')['CheckDuplicate']]).toEqual([true, undefined]);
  const scope = (spec: NetworkSpec, drivers: 'local' | 'swarm'): unknown => networkBody(spec, 47, drivers)['Scope'];
  expect([scope({ Name: 'n', Driver: 'bridge' }, 'swarm'), scope({ Name: 'n', Driver: 'bridge' }, 'local'), scope({ Name: 'n' }, 'swarm')]).toEqual([
    'swarm',
    '',
    '',
  ]);
});

const hinted: ServiceSpec = {
  Name: 's',
  Labels: { Shoal: 'x' },
  TaskTemplate: { ContainerSpec: { Image: 'i', Labels: { Shoal: 'y' }, Shoal: { PullPolicy: 'always' } } },
  Shoal: { DependsOn: [] },
};
const tied: ServiceSpec = { ...hinted, EndpointSpec: { Ports: [{ TargetPort: 80, Shoal: { HostIP: '127.0.0.1', AppProtocol: 'http' } }] } };
const refusal = "service s: Docker Swarm cannot do this, only a cluster of shoal's own can: EndpointSpec.Ports[0].HostIP";

test('hints of ours are left out and told, what changes containers is refused by name, and labels are free', () => {
  expect(serviceBody(hinted)).toEqual({
    body: { Name: 's', Labels: { Shoal: 'x' }, TaskTemplate: { ContainerSpec: { Image: 'i', Labels: { Shoal: 'y' } } } },
    leftOut: ['TaskTemplate.ContainerSpec.PullPolicy', 'DependsOn'],
  });
  expect(() => serviceBody(tied)).toThrow(refusal);
});

test('a command that is pointed at a Docker Swarm refuses the same, before anything is sent, and tells of the same hints', () => {
  const stack = (service: ServiceSpec): StackSpec => ({
    Name: 'web',
    Services: [service],
    Networks: [],
    Secrets: [],
    Configs: [],
    External: { Networks: [], Secrets: [], Configs: [] },
  });
  expect(() => planOfStack(stack(tied))).toThrow(refusal);
  expect(() => servicesForDocker(stack(tied))).toThrow(refusal);
  expect(planOfStack(stack(hinted)).lost).toEqual(['service s: Docker Swarm has no TaskTemplate.ContainerSpec.PullPolicy, DependsOn; left out']);
});
