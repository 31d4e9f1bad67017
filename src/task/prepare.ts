/** What has to be done before a task's container can start: image, files, container. */
import { TemplateBudget } from '#template/budget';
import { TemplateError } from '#template/error';
import { withoutPrefix } from '#model/address';
import type { AttachedNetwork, Network } from '#model/object/network';
import type { Config, Secret } from '#model/object/secret';
import type { Task } from '#model/object/task';
import { isDue, type Failure } from './attempt.ts';
import { expandPayload, expandTask, type TemplateNode } from './expand.ts';
import type { ObservedContainer, Step } from './step.ts';

/** What the node knows beside its tasks. */
export interface NodeFacts {
  node: TemplateNode;
  secrets: ReadonlyMap<string, Secret>;
  configs: ReadonlyMap<string, Config>;
  networks: ReadonlyMap<string, NetworkState>;
}

/** A cluster network on this node. */
export interface NetworkState {
  network: Network;
  gateway: string;
  /** The engine has it: containers may be made for it. */
  made?: true;
  /** Our rules are in force, too: they may start. */
  ready: boolean;
  failure?: Failure;
}

export type Preparation =
  | { kind: 'steps'; steps: readonly Step[] }
  /** Something else must come first; `reason` when it is an error worth showing. */
  | { kind: 'wait'; reason?: string }
  | { kind: 'refused'; reason: string };

/** Steps that end with a created container; `now` in milliseconds since 1970. */
export function prepareSteps(task: Task, facts: NodeFacts, now: number): Preparation {
  const waiting = networkWait(task, facts, now, ({ made, ready }) => made === true || ready);
  if (waiting) return waiting;
  try {
    const budget = new TemplateBudget();
    const expanded = expandTask(task, facts.node, budget);
    const files = filesOf(expanded, facts, budget);
    if (typeof files === 'string') return { kind: 'refused', reason: files };
    const gateways = nameServers(task, facts);
    return { kind: 'steps', steps: [{ type: 'pull', task: expanded }, ...mountSteps(expanded, files), { type: 'createContainer', task: expanded, gateways }] };
  } catch (error) {
    if (error instanceof TemplateError) return { kind: 'refused', reason: error.message };
    throw error;
  }
}

/** The image alone. It is asked for again with the container: between the two it may go. */
export function pullSteps(task: Task, facts: NodeFacts): Preparation {
  try {
    return { kind: 'steps', steps: [{ type: 'pull', task: expandTask(task, facts.node, new TemplateBudget()) }] };
  } catch (error) {
    if (error instanceof TemplateError) return { kind: 'refused', reason: error.message };
    throw error;
  }
}

/** Steps that start a created container; its files are written again, as a reboot empties their tmpfs. */
export function startSteps(task: Task, containerId: string, facts: NodeFacts, now: number): Preparation {
  const waiting = networkWait(task, facts, now);
  if (waiting) return waiting;
  const prepared = prepareSteps(task, facts, now);
  if (prepared.kind !== 'steps') return prepared;
  const mounts = prepared.steps.filter((step) => step.type === 'mountFiles');
  return { kind: 'steps', steps: [...mounts, { type: 'startContainer', task, containerId }] };
}

/** This node's addresses in the task's networks; the ingress network carries published ports only and has no names. */
function nameServers(task: Task, facts: NodeFacts): readonly string[] {
  const states = networkIds(task).map((id) => facts.networks.get(id));
  return states.filter((state) => state && !state.network.Spec.Ingress).map((state) => state?.gateway ?? '');
}

/** The task's containers have secret or config files. */
export function hasFiles(task: Task): boolean {
  const spec = task.Spec.ContainerSpec;
  return (spec?.Secrets?.length ?? 0) + (spec?.Configs?.length ?? 0) > 0;
}

/** Ids of the cluster networks that a task is attached to. */
export function networkIds(task: Task): readonly string[] {
  return placesOf(task).map(({ networkId }) => networkId);
}

/** The cluster networks that a task's container is on, with its address in each. */
export function placesOf(task: Task): readonly Pick<AttachedNetwork, 'networkId' | 'address'>[] {
  const wanted = (task.NetworksAttachments ?? []).filter((attachment) => attachment.Addresses.length > 0);
  return wanted.map(({ Network, Addresses }) => ({ networkId: Network.ID, address: withoutPrefix(Addresses[0] ?? '') }));
}

/** Networks that a running container should be on, and is not, or not with the task's address. */
export function lostNetworks(task: Task, { networks }: ObservedContainer): readonly string[] {
  const addresses = new Map(networks.map(({ networkId, address }) => [networkId, address]));
  return placesOf(task).flatMap(({ networkId, address }) => (addresses.get(networkId) === address ? [] : [networkId]));
}

/** Until its networks are ready, or what is `enough` of them. An old refusal ends no new task: as long as one waits, the network is needed and made again. */
export function networkWait(task: Task, facts: NodeFacts, now: number, enough = ({ ready }: NetworkState) => ready): Preparation | undefined {
  for (const id of networkIds(task)) {
    const state = facts.networks.get(id);
    if (!state) return { kind: 'wait', reason: `network ${id} has not reached this node yet` };
    if (state.failure?.permanent && !isDue(state.failure.retryAt, now)) return { kind: 'refused', reason: state.failure.message };
    if (!enough(state)) return { kind: 'wait', ...(state.failure && { reason: state.failure.message }) };
  }
  return undefined;
}

function mountSteps(task: Task, files: { secrets: readonly Secret[]; configs: readonly Config[] }): readonly Step[] {
  return hasFiles(task) ? [{ type: 'mountFiles', task, ...files }] : [];
}

/** The task's secrets and configs with their templates filled in; a text says which one is missing. */
function filesOf(task: Task, facts: NodeFacts, budget: TemplateBudget): { secrets: readonly Secret[]; configs: readonly Config[] } | string {
  const secrets: Secret[] = [];
  for (const reference of task.Spec.ContainerSpec?.Secrets ?? []) {
    const secret = facts.secrets.get(reference.SecretID ?? '');
    if (!secret) return `secret not found: ${reference.SecretName}`;
    secrets.push(secret);
  }
  const configs: Config[] = [];
  for (const reference of task.Spec.ContainerSpec?.Configs ?? []) {
    const config = facts.configs.get(reference.ConfigID ?? '');
    if (!config) return `config not found: ${reference.ConfigName}`;
    configs.push(config);
  }
  const all = { secrets, configs };
  return {
    secrets: secrets.map((secret) => expandPayload(secret, task, facts.node, all, budget)),
    configs: configs.map((config) => expandPayload(config, task, facts.node, all, budget)),
  };
}
