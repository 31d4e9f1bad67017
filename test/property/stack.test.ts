import fc from 'fast-check';
import { expect, test } from 'vitest';
import { updateService } from '#control/service/services';
import { deployStack } from '#control/stack/stacks';
import type { ContainerSpec, ServiceSpec, TaskSpec } from '#model/object/service-spec';
import { initialisedCluster, type MemoryCluster } from '#test/support/memory-cluster';

const word = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const words = fc.uniqueArray(word, { maxLength: 4 });

function optional<T extends object>(shape: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> {
  return fc.record(shape, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;
}

const container = optional<ContainerSpec>({
  Env: words.map((list) => list.map((name) => `${name}=1`)),
  Args: words,
  Labels: fc.dictionary(word, word),
  CapabilityAdd: words,
  StopGracePeriod: fc.constantFrom(0, 10e9, 20e9),
  ReadOnly: fc.boolean(),
  Init: fc.boolean(),
  Isolation: fc.constantFrom('', 'default'),
  Mounts: words.map((list) => list.map((name) => ({ Type: 'volume' as const, Source: name, Target: `/${name}`, ReadOnly: false }))),
  Secrets: words.map((list) => list.map((name) => ({ SecretName: 'shop_key', File: { Name: name, UID: '0', GID: '0', Mode: 292 } }))),
});

const spec: fc.Arbitrary<ServiceSpec> = fc
  .record({
    container,
    task: optional<TaskSpec>({
      RestartPolicy: optional({ Condition: fc.constantFrom('', 'any', 'none'), Delay: fc.constantFrom(0, 5e9), MaxAttempts: fc.nat(3) }),
      Placement: optional({ Constraints: words.map((list) => list.map((name) => `node.labels.${name}x == 1`)), MaxReplicas: fc.nat(2) }),
      Networks: fc.constant([{ Target: 'shop_default', Aliases: ['b', 'a'] }]),
    }),
    replicas: fc.option(fc.nat(3), { nil: undefined }),
    update: fc.option(optional({ Parallelism: fc.nat(2), Delay: fc.constantFrom(0, 1e9), Order: fc.constantFrom('', 'stop-first', 'start-first') }), {
      nil: undefined,
    }),
    ports: words.map((list) => list.map((name) => ({ TargetPort: name.charCodeAt(0), PublishedPort: 8000 + name.charCodeAt(0) }))),
  })
  .map(({ container: own, task, replicas, update, ports }) => ({
    Name: 'shop_web',
    TaskTemplate: { ...task, ContainerSpec: { ...own, Image: 'app:1' } },
    Mode: { Replicated: replicas === undefined ? {} : { Replicas: replicas } },
    ...(update && { UpdateConfig: update }),
    ...(ports.length > 0 && { EndpointSpec: { Ports: ports } }),
  }));

/** The same wish in other words: sets turned round, defaults said. */
function otherWords(service: ServiceSpec): ServiceSpec {
  const { ContainerSpec, RestartPolicy, Placement, ...task } = service.TaskTemplate;
  const turned = <T>(list: readonly T[] | undefined): T[] => [...(list ?? [])].reverse();
  return {
    ...service,
    Labels: {},
    TaskTemplate: {
      ...task,
      Runtime: 'container',
      ForceUpdate: 0,
      RestartPolicy: { ...RestartPolicy, Condition: RestartPolicy?.Condition || 'any', Delay: RestartPolicy?.Delay ?? 5e9 },
      Placement: { ...Placement, Constraints: turned(Placement?.Constraints) },
      ContainerSpec: {
        ...ContainerSpec,
        Env: turned(ContainerSpec?.Env),
        Mounts: turned(ContainerSpec?.Mounts).map((mount) => ({ ...mount, Consistency: 'default' })),
        Secrets: turned(ContainerSpec?.Secrets),
        CapabilityAdd: turned(ContainerSpec?.CapabilityAdd),
        Privileges: { CredentialSpec: null, SELinuxContext: null },
      },
    },
    EndpointSpec: {
      Mode: 'vip',
      Ports: turned(service.EndpointSpec?.Ports).map((port) => ({ ...port, Protocol: 'tcp' as const, PublishMode: 'ingress' as const })),
    },
  };
}

function deploy(cluster: MemoryCluster, service: ServiceSpec) {
  const stack = {
    Name: 'shop',
    Networks: [{ Name: 'shop_default' }],
    Secrets: [{ Name: 'shop_key', Data: 'eA==' }],
    Configs: [],
    Services: [service],
    External: { Networks: [], Secrets: [], Configs: [] },
  };
  return cluster.run(deployStack(stack, { source: { Kind: 'deploy' }, digest: 'same', prune: true }));
}

test('the same stack in other words writes nothing', () => {
  fc.assert(
    fc.property(spec, (service) => {
      const cluster = initialisedCluster();
      deploy(cluster, service);
      const { entries } = cluster;
      const answer = deploy(cluster, otherWords(service));
      expect(answer.Services).toMatchObject([{ Change: 'unchanged' }]);
      expect(cluster.entries).toBe(entries);
    }),
    { seed: 15, numRuns: 300 },
  );
});

test('two different wishes are told apart and the second one is what is stored', () => {
  fc.assert(
    fc.property(spec, spec, (one, two) => {
      const cluster = initialisedCluster();
      deploy(cluster, one);
      const answer = deploy(cluster, two);
      const changed = answer.Services[0]?.Change === 'updated';
      expect(changed).toBe((answer.Services[0]?.Differences?.length ?? 0) > 0);
      const { entries } = cluster;
      deploy(cluster, two);
      expect(cluster.entries).toBe(entries);
      if (changed) expect(deploy(cluster, one).Services[0]?.Change).toBe('updated');
    }),
    { seed: 16, numRuns: 300 },
  );
});

test('an edit by hand of any field is undone', () => {
  fc.assert(
    fc.property(spec, fc.constantFrom('User', 'Hostname', 'Dir', 'StopSignal'), word, (service, field, value) => {
      const cluster = initialisedCluster();
      deploy(cluster, service);
      const current = cluster.store.byName('service', 'shop_web');
      if (!current) throw new Error('no service');
      const { TaskTemplate } = current.Spec;
      const edited = { ...current.Spec, TaskTemplate: { ...TaskTemplate, ContainerSpec: { ...TaskTemplate.ContainerSpec, [field]: value } } };
      cluster.run(updateService('shop_web', current.Version.Index, edited));
      expect(deploy(cluster, service).Services).toMatchObject([{ Change: 'updated', Differences: [`TaskTemplate.ContainerSpec.${field}`] }]);
      expect(cluster.store.byName('service', 'shop_web')?.Spec).toEqual(current.Spec);
    }),
    { seed: 17, numRuns: 100 },
  );
});
