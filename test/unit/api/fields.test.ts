/** Every field of every create and update body is used, or refused by name: the list comes from the shapes, so a new field without effect fails here. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clusterNetworkRequest, initRequest, joinRequest, networkCreateRequest, stackDeployRequest } from '#api/request/bodies';
import { clusterSpec, configSpec, networkSpec, nodeSpec, repositorySpec, secretSpec } from '#model/shape/object-shapes';
import { serviceSpec } from '#model/shape/service-shape';
import type { Kind } from '#model/shape/shape';
import type { TaskSpec } from '#model/object/service-spec';
import { containerRequest, type BodyContext } from '#task/container-body';
import { startApi, type ApiFixture } from '#test/support/api-fixture';
import { engineFields, type FieldTree } from '#test/support/engine-fields';
import { makeTask } from '#test/support/worker';

const bodies: Readonly<Record<string, Kind>> = {
  ServiceSpec: serviceSpec.kind,
  SecretSpec: secretSpec.kind,
  ConfigSpec: configSpec.kind,
  NetworkSpec: networkSpec.kind,
  NetworkCreateRequest: networkCreateRequest.kind,
  ClusterNetworkRequest: clusterNetworkRequest.kind,
  NodeSpec: nodeSpec.kind,
  ClusterSpec: clusterSpec.kind,
  InitRequest: initRequest.kind,
  JoinRequest: joinRequest.kind,
  StackDeployRequest: stackDeployRequest.kind,
  RepositorySpec: repositorySpec.kind,
};

interface Leaf {
  path: string[];
  kind: Kind;
}

/** Places of values; `0` is any item of a list. */
function leaves(kind: Kind, path: string[] = []): Leaf[] {
  if (kind.type === 'object' && Object.keys(kind.fields).length > 0)
    return Object.entries(kind.fields).flatMap(([name, field]) => leaves(field, [...path, name]));
  if (kind.type === 'list' && kind.of.type === 'object') return leaves(kind.of, [...path, '0']);
  return [{ path, kind }];
}

/** One of two values of a kind. */
function sample(kind: Kind, other: boolean): unknown {
  switch (kind.type) {
    case 'text':
    case 'base64':
      return other ? '/one' : '/two';
    case 'flag':
      return other;
    case 'word':
      return kind.words[other ? 1 : 0];
    case 'list':
      return [sample(kind.of, other)];
    case 'record':
      return { [other ? 'one' : 'two']: 'v' };
    case 'object':
      return other ? {} : undefined;
    case 'refused':
      return other;
    default:
      return other ? 5e9 : 3e9;
  }
}

function put(path: readonly string[], value: unknown): Record<string, unknown> {
  return path.reduceRight<unknown>((inner, key) => (key === '0' ? [inner] : { [key]: inner }), value) as Record<string, unknown>;
}

const context: BodyContext = { nodeId: 'n', gateways: ['10.0.0.1'], networkName: (id) => `name-${id}`, filePath: (kind, index) => `/f/${kind}${index}` };

function containerOf({ path, kind }: Leaf, other: boolean): string {
  const template = put(path, sample(kind, other))['TaskTemplate'] as TaskSpec;
  const Spec = { ...template, ContainerSpec: { Image: 'a', ...template.ContainerSpec } };
  try {
    return JSON.stringify(containerRequest({ ...makeTask('t1', {}), Spec }, context));
  } catch {
    // A file without a path is refused before it comes here.
    return '';
  }
}

/** True when another value makes another container. */
function changesContainer(leaf: Leaf): boolean {
  return leaf.path[0] === 'TaskTemplate' && containerOf(leaf, true) !== containerOf(leaf, false);
}

/**
 * Who reads the others: body and path (a beginning is enough) → a file of the product that names the last word of the path.
 * What is only shown says so: it tells people and other programs something, and promises nothing.
 */
const readers: readonly (readonly [path: string, file: string])[] = [
  ['ClusterSpec CAConfig.ExternalCAs.0.Protocol', 'src/model/shape/object-shapes.ts'],
  // CFSSL's are told nothing more: Docker keeps them as well.
  ['ClusterSpec CAConfig.ExternalCAs.0.Options', 'src/model/shape/object-shapes.ts'],
  ['ClusterSpec CAConfig.ExternalCAs', 'src/ca/external.ts'],
  ['ServiceSpec Name', 'src/control/service/services.ts'],
  ['ServiceSpec Labels', 'src/task/labels.ts'],
  ['ServiceSpec TaskTemplate.ContainerSpec.Privileges.CredentialSpec.Config', 'src/control/service/references.ts'],
  ['ServiceSpec TaskTemplate.ContainerSpec.Privileges.Seccomp', 'src/task/host-config.ts'],
  ['ServiceSpec TaskTemplate.ContainerSpec.Privileges.AppArmor', 'src/task/host-config.ts'],
  ['ServiceSpec TaskTemplate.ContainerSpec.Mounts.0.ClusterOptions', 'src/model/object/service-spec.ts'],
  ['ServiceSpec TaskTemplate.ContainerSpec.Hosts', 'src/task/host-config.ts'],
  ['ServiceSpec TaskTemplate.ContainerSpec.Secrets.0.SecretID', 'src/control/service/references.ts'],
  ['ServiceSpec TaskTemplate.ContainerSpec.Secrets.0.SecretName', 'src/control/service/references.ts'],
  ['ServiceSpec TaskTemplate.ContainerSpec.Secrets.0.File', 'src/engine/mounts/secret-files.ts'],
  ['ServiceSpec TaskTemplate.ContainerSpec.Configs.0.ConfigID', 'src/control/service/references.ts'],
  ['ServiceSpec TaskTemplate.ContainerSpec.Configs.0.ConfigName', 'src/control/service/references.ts'],
  ['ServiceSpec TaskTemplate.ContainerSpec.Configs.0.File', 'src/engine/mounts/secret-files.ts'],
  ['ServiceSpec TaskTemplate.ContainerSpec.Configs.0.Runtime', 'src/control/service/container-check.ts'],
  ['ServiceSpec TaskTemplate.ContainerSpec.Shoal.MacAddress', 'src/task/container-body.ts'],
  ['ServiceSpec TaskTemplate.ContainerSpec.Shoal.PullPolicy', 'src/engine/images.ts'],
  ['ServiceSpec TaskTemplate.Resources.Reservations.NanoCPUs', 'src/stages/scheduler'],
  ['ServiceSpec TaskTemplate.Resources.Reservations.MemoryBytes', 'src/stages/scheduler'],
  ['ServiceSpec TaskTemplate.Resources.Reservations.GenericResources', 'src/stages/scheduler'],
  ['ServiceSpec TaskTemplate.RestartPolicy', 'src/stages/orchestrator/restart.ts'],
  ['ServiceSpec TaskTemplate.Placement.Constraints', 'src/stages/scheduler/filters.ts'],
  ['ServiceSpec TaskTemplate.Placement.Preferences', 'src/stages/scheduler/spread.ts'],
  ['ServiceSpec TaskTemplate.Placement.MaxReplicas', 'src/stages/scheduler/filters.ts'],
  ['ServiceSpec TaskTemplate.Placement.Platforms', 'src/stages/scheduler/filters.ts'],
  ['ServiceSpec TaskTemplate.Networks.0.Target', 'src/control/service/references.ts'],
  ['ServiceSpec TaskTemplate.Networks.0.Aliases', 'src/network/names.ts'],
  ['ServiceSpec TaskTemplate.Networks.0.DriverOpts', 'src/control/service/references.ts'],
  ['ServiceSpec TaskTemplate.LogDriver.Options', 'src/task/host-config.ts'],
  ['ServiceSpec TaskTemplate.ForceUpdate', 'src/control/stack/stack-services.ts'],
  ['ServiceSpec TaskTemplate.Runtime', 'src/control/service/conversion-check.ts'],
  ['ServiceSpec Mode.Replicated', 'src/stages/orchestrator'],
  ['ServiceSpec Mode.ReplicatedJob', 'src/stages/orchestrator'],
  ['ServiceSpec Mode', 'src/model/object/service.ts'],
  ['ServiceSpec UpdateConfig', 'src/stages/orchestrator'],
  ['ServiceSpec RollbackConfig', 'src/stages/orchestrator'],
  ['ServiceSpec Networks.0.Target', 'src/control/service/references.ts'],
  ['ServiceSpec Networks.0.Aliases', 'src/network/names.ts'],
  ['ServiceSpec Networks.0.DriverOpts', 'src/control/service/references.ts'],
  ['ServiceSpec EndpointSpec.Mode', 'src/control/service/service-check.ts'],
  // Only shown: as Docker's port names, and as Compose's hint for what reads stacks.
  ['ServiceSpec EndpointSpec.Ports.0.Name', 'src/model/object/service-spec.ts'],
  ['ServiceSpec EndpointSpec.Ports.0.Shoal.AppProtocol', 'src/model/object/service-spec.ts'],
  ['ServiceSpec EndpointSpec.Ports', 'src/model/port/port.ts'],
  ['ServiceSpec Shoal.DependsOn', 'src/model/object/service-spec.ts'],
  // With a driver of any name the whole secret is refused.
  ['SecretSpec Driver.Options', 'src/model/object/secret.ts'],
  ['SecretSpec', 'src/control/secrets-and-configs.ts'],
  ['ConfigSpec', 'src/control/secrets-and-configs.ts'],
  ['NetworkSpec Name', 'src/control/networks.ts'],
  ['NetworkSpec Labels', 'src/control/networks.ts'],
  ['NetworkSpec Driver', 'src/control/networks.ts'],
  ['NetworkSpec Options', 'src/stages/allocator/subnets.ts'],
  ['NetworkSpec EnableIPv6', 'src/control/network-check.ts'],
  ['NetworkSpec Internal', 'src/engine/docker-networks.ts'],
  ['NetworkSpec Attachable', 'src/control/networks.ts'],
  ['NetworkSpec Ingress', 'src/control/networks.ts'],
  ['NetworkSpec IPAM.Config.0.AuxiliaryAddresses', 'src/stages/allocator'],
  ['NetworkSpec IPAM', 'src/control/network-check.ts'],
  // Only shown: clients print it in place of the host's name.
  ['NodeSpec Name', 'src/model/object/node.ts'],
  ['NodeSpec Labels', 'src/model/constraint.ts'],
  ['NodeSpec Role', 'src/control/nodes.ts'],
  ['NodeSpec Availability', 'src/control/nodes.ts'],
  ['NodeSpec Shoal.DrainTimeout', 'src/stages/orchestrator/leave.ts'],
  ['ClusterSpec Name', 'src/control/clusters.ts'],
  ['ClusterSpec Labels', 'src/control/clusters.ts'],
  ['ClusterSpec Orchestration', 'src/stages/orchestrator'],
  ['ClusterSpec Raft.ElectionTick', 'src/control/clusters.ts'],
  ['ClusterSpec Raft.HeartbeatTick', 'src/control/clusters.ts'],
  ['ClusterSpec Raft', 'src/node/member/pace.ts'],
  ['ClusterSpec Dispatcher', 'src/manager/line/period.ts'],
  ['ClusterSpec CAConfig.ForceRotate', 'src/manager/authority/root-change.ts'],
  ['ClusterSpec CAConfig.SigningCACert', 'src/manager/authority/root-change.ts'],
  ['ClusterSpec CAConfig.SigningCAKey', 'src/manager/authority/root-change.ts'],
  ['ClusterSpec CAConfig.NodeCertExpiry', 'src/control/clusters.ts'],
  ['ClusterSpec EncryptionConfig', 'src/control/clusters.ts'],
  ['ClusterSpec TaskDefaults.LogDriver.Name', 'src/task/host-config.ts'],
  ['ClusterSpec TaskDefaults.LogDriver.Options', 'src/task/host-config.ts'],
  ['InitRequest', 'src/node'],
  ['JoinRequest', 'src/node'],
  ['RepositorySpec Allow', 'src/control'],
  ['RepositorySpec Rewrites', 'src/control/repository/rewrites.ts'],
  ['RepositorySpec Freeze', 'src/control/repository/stillness.ts'],
  ['RepositorySpec Deadline', 'src/control/stack/overdue.ts'],
  ['RepositorySpec PruneGrace', 'src/reconciler/grace.ts'],
  ['RepositorySpec WebhookSecret', 'src/node/webhooks/webhook-door.ts'],
  ['RepositorySpec', 'src/gitops'],
];

const root = resolve(import.meta.dirname, '../../..');

function names(file: string, word: string): boolean {
  const path = join(root, file);
  const files = statSync(path).isDirectory() ? readdirSync(path, { recursive: true }).map((name) => join(path, String(name))) : [path];
  return files.filter((each) => each.endsWith('.ts')).some((each) => new RegExp(`\\b${word}\\b`).test(readFileSync(each, 'utf8')));
}

/** Why a field may be accepted: refused by name, seen in the container, or read by the file that the table gives. */
function evidence(body: string, leaf: Leaf): string {
  if (leaf.kind.type === 'refused') return 'refused';
  if (body === 'ServiceSpec' && changesContainer(leaf)) return 'in the container';
  const path = `${body} ${leaf.path.join('.')}`;
  const [, file] = readers.find(([beginning]) => path === beginning || path.startsWith(`${beginning}.`) || beginning === body) ?? [];
  const word = leaf.path.findLast((part) => part !== '0') ?? '';
  if (file === undefined) return 'nobody reads it';
  return names(file, word) ? file : `${file} does not name it`;
}

/** Bodies made of others are walked as those. */
const own = Object.entries(bodies).filter(([body]) => !['NetworkCreateRequest', 'StackDeployRequest', 'InitRequest'].includes(body));

test.each(own)('every field of %s is used or refused', (body, kind) => {
  const without = leaves(kind)
    .map((leaf) => [leaf.path.join('.'), evidence(body, leaf)])
    .filter(([, why]) => why === 'nobody reads it' || why?.endsWith('does not name it'));
  expect(without).toEqual([]);
});

test("every field of an init request is used or refused, those of its spec with the cluster's", () => {
  const without = leaves(initRequest.kind).filter(
    (leaf) => leaf.path[0] !== 'Spec' && leaf.kind.type !== 'refused' && !names('src/node', leaf.path.at(-1) ?? ''),
  );
  expect(without.map(({ path }) => path.join('.'))).toEqual([]);
});

test('the table of readers names no field that is gone', () => {
  const known = own.flatMap(([body, kind]) => leaves(kind).map(({ path }) => `${body} ${path.join('.')}`));
  const stale = readers.filter(
    ([beginning]) =>
      !['InitRequest'].includes(beginning) && !known.some((path) => path === beginning || path.startsWith(`${beginning}.`) || path.startsWith(`${beginning} `)),
  );
  expect(stale).toEqual([]);
});

/** Paths of the Engine API's fields that a shape does not know: they would be dropped without a word. */
function unknown(tree: FieldTree, kind: Kind, path: string): string[] {
  const inner = kind.type === 'list' ? kind.of : kind;
  return Object.entries(tree).flatMap(([name, below]) => {
    const field = inner.type === 'object' ? inner.fields[name] : undefined;
    const place = `${path}.${name}`;
    if (!field) return inner.type === 'refused' ? [] : [place];
    return below === true ? [] : unknown(below, field, place);
  });
}

test.each(Object.entries(engineFields))('no field that the Engine API has for %s is dropped', (body, tree) => {
  expect(unknown(tree, bodies[body] as Kind, body)).toEqual([]);
});

let api: ApiFixture;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const template = { ContainerSpec: { Image: 'a' } };
const spec = { Name: 'default' };

test.each([
  ['/swarm/update?version=1', { ...spec, Raft: { ElectionTick: 5, HeartbeatTick: 1 } }, /^Raft.ElectionTick is not supported: it is 10; /],
  ['/swarm/update?version=1', { ...spec, Raft: { HeartbeatTick: 2 } }, /^Raft.HeartbeatTick is not supported: it is 1; /],
  ['/services/create', { Name: 'x', TaskTemplate: { ...template, PluginSpec: { Name: 'p' } } }, /^TaskTemplate.PluginSpec is not supported: /],
  [
    '/services/create',
    { Name: 'x', TaskTemplate: { ...template, NetworkAttachmentSpec: { ContainerID: 'c' } } },
    /^TaskTemplate.NetworkAttachmentSpec is not supported: /,
  ],
  ['/networks/create', { Name: 'n', Driver: 'overlay', EnableIPv6: true }, /^EnableIPv6 is not supported: /],
  ['/networks/create', { Name: 'n', Driver: 'overlay', ConfigOnly: true }, /^ConfigOnly is not supported: /],
  ['/networks/create', { Name: 'n', Driver: 'overlay', ConfigFrom: { Network: 'x' } }, /^ConfigFrom is not supported: /],
  ['/networks/create', { Name: 'n', Driver: 'overlay', IPAM: { Driver: 'mine' } }, /^IPAM.Driver mine is not supported: /],
  [
    '/networks/create',
    { Name: 'n', Driver: 'overlay', IPAM: { Options: { 'com.docker.network.ipam.serial': 'false' } } },
    /^IPAM.Options com.docker.network.ipam.serial=false is not supported: addresses are given one after the other/,
  ],
  ['/networks/create', { Name: 'n', Driver: 'overlay', EnableIPv4: false }, /^EnableIPv4=false is not supported: /],
])('%s %j is refused by name', async (path, body, message) => {
  if (path === '/swarm/init') api.status.LocalNodeState = 'inactive';
  const reply = await api.http('POST', path, body);
  api.status.LocalNodeState = 'active';
  expect([reply.status, reply.json.message]).toEqual([501, expect.stringMatching(message)]);
});

test('what a client sends back as it read it, or leaves empty, passes', async () => {
  const { Spec, Version } = (await api.http('GET', '/swarm')).json;
  expect((await api.http('POST', `/swarm/update?version=${Version.Index}`, { ...Spec, Orchestration: { TaskHistoryRetentionLimit: 3 } })).status).toBe(200);
  const again = (await api.http('GET', '/swarm')).json;
  const empty = {
    CAConfig: { ExternalCAs: null, SigningCACert: '', ForceRotate: 0 },
    EncryptionConfig: { AutoLockManagers: false },
    Raft: { ElectionTick: 0 },
  };
  expect((await api.http('POST', `/swarm/update?version=${again.Version.Index}`, empty)).status).toBe(200);
  expect(
    (
      await api.http('POST', '/networks/create', {
        Name: 'n',
        Driver: 'overlay',
        ConfigOnly: false,
        ConfigFrom: { Network: '' },
        EnableIPv6: false,
        IPAM: { Driver: 'default', Options: {} },
      })
    ).status,
  ).toBe(201);
});
