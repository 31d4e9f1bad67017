/** Use cases of cluster networks. */
import { Refusal } from '#base/refusal';
import { engineDrivers, nodeLocalNetworks, type NetworkSpec } from '#model/object/network';
import { compareStates } from '#model/object/task-state';
import { isIngress } from '#model/port/port';
import { networkSpec } from '#model/shape/object-shapes';
import { create, newMeta, remove, type Action } from '#store/action';
import { clusterOf, type View } from '#store/view';
import { withoutNetwork } from './attachments.ts';
import type { UseCase } from './cluster.ts';
import { findObject } from './find.ts';
import { checkName } from './names.ts';
import { checkIpam, checkOptions } from './network-check.ts';
import { servicesUsing } from './users.ts';

/** Drivers that we can build on a node; an empty one means overlay. */
const drivers: readonly string[] = ['', 'overlay', 'bridge'];

export function createNetwork(spec: NetworkSpec): UseCase<{ ID: string }> {
  return (view, { newId }) => {
    checkNetwork(view, spec);
    const ID = newId();
    return { actions: [create('network', { ...newMeta(ID), Spec: networkDefaults(spec) })], result: { ID } };
  };
}

export function removeNetwork(ref: string): UseCase<void> {
  return (view) => {
    const network = findObject(view, 'network', ref);
    const id = network.ID;
    if (network.Spec.Ingress) checkIngressUnused(view);
    const [user] = servicesUsing(view, id);
    if (user) throw new Refusal('failedPrecondition', `network ${id} is in use by service ${user.ID}`);
    checkNoTasks(view, id);
    return { actions: [...detachStopped(view, id), remove('network', id)], result: undefined };
  };
}

/** Spec as stored: the driver is always named. */
export function networkDefaults(spec: NetworkSpec): NetworkSpec {
  return { ...spec, Driver: spec.Driver || 'overlay' };
}

/** Checks a network that is to be created. */
export function checkNetwork(view: View, spec: NetworkSpec): void {
  networkSpec(spec, '');
  checkName(spec.Name);
  if (nodeLocalNetworks.includes(spec.Name)) {
    throw new Refusal('permissionDenied', `network name ${spec.Name} is reserved: every node has a network of that name`);
  }
  if (spec.Labels?.['com.docker.swarm.predefined'] !== undefined) {
    throw new Refusal('permissionDenied', 'label com.docker.swarm.predefined is for internally created predefined networks and cannot be applied by users');
  }
  // A Docker Swarm says itself which drivers it has and what they take; its cluster is not in view.
  if (clusterOf(view)) {
    checkDriver(spec.Driver ?? '');
    checkOptions(view, spec);
    checkIpam(view, spec);
  }
  if (spec.Ingress) checkNewIngress(view, spec);
  if (view.byName('network', spec.Name)) throw new Refusal('alreadyExists', `network with name ${spec.Name} already exists`, { plain: true });
}

function checkDriver(driver: string): void {
  if (drivers.includes(driver)) return;
  if (engineDrivers.includes(driver)) throw new Refusal('invalidArgument', `network driver ${driver} is not supported: use overlay or bridge`);
  throw new Refusal('notFound', `plugin ${JSON.stringify(driver)} not found`, { plain: true });
}

/** The network that balances ingress-mode ports, if there is one. */
export function ingressNetwork(view: View) {
  for (const network of view.list('network')) if (network.Spec.Ingress) return network;
  return undefined;
}

function checkNewIngress(view: View, spec: NetworkSpec): void {
  if (spec.Attachable) throw new Refusal('invalidArgument', 'ingress network cannot be attachable');
  const present = ingressNetwork(view);
  if (present) throw new Refusal('alreadyExists', `ingress network (${present.ID}) is already present`);
}

function checkIngressUnused(view: View): void {
  for (const service of view.list('service')) {
    const ports = service.Spec.EndpointSpec?.Ports ?? [];
    if (ports.some(isIngress)) {
      throw new Refusal('failedPrecondition', `ingress network cannot be removed because service ${service.ID} depends on it`);
    }
  }
}

/** Refuses while a task that is wanted is attached; tasks on their way out need no more than their addresses. */
function checkNoTasks(view: View, networkId: string): void {
  for (const task of view.find('task', 'network', networkId)) {
    const wanted = task.Shoal.Attachment ? task.Shoal.Attachment.Running === true : compareStates(task.DesiredState, 'running') <= 0;
    const live = wanted && compareStates(task.Status.State, 'running') <= 0;
    if (live) throw new Refusal('failedPrecondition', `network ${networkId} is in use by task ${task.ID}`);
  }
}

/** Containers that do not run keep no network: they cannot be started again then. */
function detachStopped(view: View, networkId: string): Action[] {
  const stopped = [...view.find('task', 'network', networkId)].filter(({ Shoal }) => Shoal.Attachment);
  return stopped.map((task) => withoutNetwork(task, networkId));
}
