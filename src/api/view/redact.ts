/** The one table of what leaves: internal memory, secret data and registry credentials are stripped here, for every route. */
import { withLoginApart } from '#control/repository/repository-login';
import { shownRelease } from '#control/release/rollout';
import { forgeKinds, type NotifyTarget } from '#model/git/notify';
import type { Kind, ObjectOf } from '#model/object/object';
import type { Config, Secret } from '#model/object/secret';
import type { Node, NodeDescription } from '#model/object/node';
import type { Repository, VaultPlace } from '#model/object/repository';
import type { Service } from '#model/object/service';
import type { ServiceSpec } from '#model/object/service-spec';
import type { Task } from '#model/object/task';
import { compareStates, type TaskState } from '#model/object/task-state';
import type { View } from '../dependencies.ts';
import { nestedNetwork, shownNetwork } from './network.ts';
import { storedEndpoint, storedSpec, storedTask } from './stored-spec.ts';

/** Kinds that are shown as objects by themselves; the cluster and tasks have doors of their own (`shownCluster`, `shownTask`), stacks and their revisions are shown as summaries. */
export type ShownKind = Exclude<Kind, 'cluster' | 'stack' | 'revision' | 'pack' | 'deed' | 'task'>;

const table: { readonly [K in ShownKind]: (object: ObjectOf[K]) => object } = {
  node: shownNode,
  service: shownService,
  network: shownNetwork,
  secret: shownSecret,
  config: shownConfig,
  repository: shownRepository,
};

/** An object as its users may see it. */
export function shown<K extends ShownKind>(kind: K, object: ObjectOf[K]): object {
  return table[kind](object);
}

function shownNode({ Shoal, ...node }: Node): object {
  const { Name, ...spec } = node.Spec;
  const Release = shownRelease({ ...node, ...(Shoal && { Shoal }) });
  return {
    ...node,
    ...(Release && { Shoal: { Release } }),
    Spec: { ...spec, ...(Name && { Name }), Labels: spec.Labels ?? {} },
    ...(node.Description && { Description: shownDescription(node.Description) }),
  };
}

function shownDescription({ Shoal: _usedSubnets, Engine, ...description }: NodeDescription): object {
  const { Labels = {}, ...engine } = Engine ?? {};
  return { TLSInfo: {}, ...description, ...(Engine && { Engine: { ...engine, ...(Object.keys(Labels).length > 0 && { Labels }) } }) };
}

function shownService({ Shoal: _memory, ...service }: Service): object {
  return {
    ...service,
    Spec: storedSpec(service.Spec),
    ...(service.JobStatus && { JobStatus: { ...service.JobStatus, JobIteration: shownIteration(service.JobStatus.JobIteration) } }),
    ...(service.PreviousSpec && { PreviousSpec: storedSpec(service.PreviousSpec) }),
    // Clients written in Go dereference nothing here, but others read Endpoint.Spec without looking.
    Endpoint: shownEndpoint(service.Spec, service.Endpoint),
  };
}

/** The first one is told by none, as Go leaves out what is zero. */
function shownIteration({ Index }: { Index: number }): object {
  return Index === 0 ? {} : { Index };
}

/** Ports and addresses where there are any, and how they are given out; a mode that nobody said is not said here either. */
function shownEndpoint(Spec: ServiceSpec, Endpoint: Service['Endpoint']): object {
  const { Ports = [], VirtualIPs = [] } = Endpoint ?? {};
  const given = Spec.EndpointSpec && (Endpoint?.Spec ?? Spec.EndpointSpec);
  // Where names go by the service's address, networks count that have none to give, such as the host's.
  const networks = (given?.Mode || 'vip') === 'vip' ? (Spec.TaskTemplate.Networks?.length ?? 0) : 0;
  const reached = (given?.Ports?.length ?? 0) + Ports.length + VirtualIPs.length + networks > 0;
  return { Spec: (reached && storedEndpoint(given)) || {}, ...(Ports.length > 0 && { Ports }), ...(VirtualIPs.length > 0 && { VirtualIPs }) };
}

/** What clients read without looking of a task whose container is there or was to be, such as one that was rejected. */
const noContainer = { ContainerID: '', PID: 0, ExitCode: 0 };

/** Before it there is no container: whoever waits for one waits until it is told, and an empty id would be none. */
function hasBegun(state: TaskState): boolean {
  return compareStates(state, 'starting') >= 0;
}

/** A task with its networks whole, as they are now: it holds only what they are called. One that is gone is shown as the task knows it. */
export function shownTask(view: Pick<View, 'get'>, { Shoal: _memory, NodeID, ...task }: Task): object {
  const { Shoal: _appliedAt, ...status } = task.Status;
  const { Runtime: _container, ...spec } = storedTask(task.Spec);
  const attachments = task.NetworksAttachments?.map(({ Aliases: _names, ...attachment }) => {
    const network = view.get('network', attachment.Network.ID) ?? { Version: { Index: 0 }, CreatedAt: '', UpdatedAt: '', ...attachment.Network };
    return { ...attachment, Network: nestedNetwork(network, task.CreatedAt) };
  });
  return {
    ...task,
    ...(NodeID && { NodeID }),
    Spec: spec,
    Labels: task.Labels ?? {},
    ...(task.JobIteration && { JobIteration: shownIteration(task.JobIteration) }),
    Status: { PortStatus: {}, ...(hasBegun(task.Status.State) && { ContainerStatus: noContainer }), ...status },
    ...(attachments && { NetworksAttachments: attachments }),
  };
}

/** Data never leaves. */
function shownSecret(secret: Secret): object {
  const { Data: _data, ...spec } = secret.Spec;
  return { ...secret, Spec: { ...spec, Labels: spec.Labels ?? {} } };
}

/** A config's data is no secret: Docker shows it, in lists too. */
function shownConfig(config: Config): object {
  return { ...config, Spec: { ...config.Spec, Labels: config.Spec.Labels ?? {} } };
}

/** Credentials are named, never shown; those that a record of before has inside its URL neither. */
function shownRepository(repository: Repository): object {
  const { Credentials, WebhookSecret, Vault, ...spec } = withLoginApart(repository.Spec);
  // What was said before the login was taken apart may hold it.
  const said = Object.values(Credentials ?? {}).filter((value) => value !== '');
  const Message = said.reduce((text, secret) => text.replaceAll(secret, '***'), (repository.Status.Message ?? '').replaceAll(repository.Spec.URL, spec.URL));
  const Status = { ...repository.Status, Message };
  // What was pushed is had with git.
  const { Pushed: _pushed, Tokens = [], Notify = [], ...rest } = repository;
  return {
    ...rest,
    ...(Notify.length > 0 && { Notify: Notify.map(shownTarget) }),
    ...(Tokens.length > 0 && { Tokens: Tokens.map(({ Digest: _digest, ...token }) => token) }),
    Spec: {
      ...spec,
      ...(WebhookSecret !== undefined && { Webhook: true }),
      ...(Credentials && { Credentials: Object.keys(Credentials).toSorted() }),
      ...(Vault && { Vault: shownVault(Vault) }),
    },
    Status,
  };
}

/** Where it is; what proves who we are is named. */
function shownVault({ Token, SecretID, CA, ...place }: VaultPlace): object {
  const known = Object.entries({ Token, SecretID, CA }).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  return { ...place, Known: known };
}

/** The address of a chat is a secret itself: only where it goes is said. */
function shownTarget({ Secret: _secret, URL: url, ...target }: NotifyTarget): object {
  return { ...target, URL: forgeKinds.has(target.Kind) ? url : `${/^\w+:\/\/[^/]+/.exec(url)?.[0] ?? ''}/…` };
}
