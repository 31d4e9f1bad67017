/** The services of a stack. */
import { Refusal } from '#base/refusal';
import type { Service, ServiceOrigin } from '#model/object/service';
import type { PortConfig, ServiceSpec } from '#model/object/service-spec';
import type { OwnedObject, Stack, StackSource } from '#model/object/stack';
import { create, remove, update } from '#store/action';
import type { Overlay } from '#store/overlay';
import type { View } from '#store/view';
import type { UseCaseContext } from '../cluster.ts';
import { wasRolledBack } from '#model/health/rolled-back';
import { differingFields, sameService } from '#model/difference/spec-compare';
import { withIgnored } from '#model/options/ignored';
import { protocolOf } from '#model/port/port';
import { HeldPorts } from '../service/ports.ts';
import { checkServiceSpec } from '../service/service-check.ts';
import { broughtBy, checkedChange, checkFreeName, newService, respecified } from '../service/services.ts';
import { imageOf, pinnedBefore } from './image-digests.ts';
import { owned } from './inventory.ts';
import { checkRight } from './ownership.ts';
import { inStack, type Changes, type StackScope } from './stack-objects.ts';

export interface DeployedService {
  ID: string;
  Name: string;
  /** The number of the spec that it has now: whoever waits, waits for this one. */
  SpecVersion: number;
  Change: 'created' | 'updated' | 'unchanged';
  /** With the digest, where one is known. */
  Image: string;
  /** Paths of the fields that an update changed. */
  Differences?: readonly string[];
}

export interface ServiceDeploy extends StackScope {
  /** What brings the specs. */
  origin: ServiceOrigin;
  /** The stack's record, of what was deployed before. */
  record: Stack | undefined;
  /** X-Registry-Auth for the service's image. */
  registryAuth: string | undefined;
  /** The same spec came from the same source the last time: what failed then was rolled back on purpose. */
  repeated: boolean;
}

/** Creates or updates one service, or finds that it is as wanted. */
export function deployService(overlay: Overlay, spec: ServiceSpec, deploy: ServiceDeploy, context: UseCaseContext, changes: Changes): DeployedService {
  const current = overlay.byName('service', spec.Name);
  const wanted = withKnownImage(inStack(spec, deploy.stack), current?.Spec, deploy.record);
  const right = current ? deploy.rights('service', current) : 'none';
  if (!current || right === 'none') {
    const service = naming(`failed to create service ${spec.Name}`, () => {
      checkFreeName(overlay, spec.Name);
      return broughtBy(deploy.origin, newService(overlay, wanted, context, deploy.registryAuth));
    });
    overlay.lay([create('service', service)]);
    changes.created.push({ Kind: 'service', Name: spec.Name });
    changes.owned.push(owned('service', service));
    return { ID: service.ID, Name: spec.Name, SpecVersion: service.Shoal.SpecVersion, Image: imageOf(service.Spec), Change: 'created' };
  }
  checkRight(right, 'service', spec.Name, deploy.stack);
  changes.owned.push(owned('service', current));
  const next = naming(`failed to update service ${spec.Name}`, () => changedService(overlay, current, wanted, deploy, context.now));
  if (next) {
    overlay.lay([update('service', next)]);
    changes.updated.push({ Kind: 'service', Name: spec.Name });
  }
  const { Shoal, Spec } = next ?? current;
  const answer = { ID: current.ID, Name: spec.Name, SpecVersion: Shoal.SpecVersion, Image: imageOf(Spec) };
  if (!next || next.Shoal.SpecVersion === current.Shoal.SpecVersion) return { ...answer, Change: 'unchanged' };
  return { ...answer, Change: 'updated', Differences: differingFields(current.Spec, next.Spec) };
}

/** Checks the ports of services that are new or changed, on what the whole stack comes to: two may have changed places. */
export function checkStackPorts(overlay: Overlay, services: readonly DeployedService[]): void {
  const changed = services.filter(({ Change }) => Change !== 'unchanged');
  if (changed.length === 0) return;
  const held = new HeldPorts(overlay);
  for (const { ID, Name, Change } of changed) {
    const service = overlay.get('service', ID);
    if (!service) continue;
    naming(`failed to ${Change === 'created' ? 'create' : 'update'} service ${Name}`, () => held.check(service.Spec, ID));
  }
}

/** Removes the services that the stack made and that are not in `names`. */
export function pruneServices(overlay: Overlay, inventory: readonly OwnedObject[], names: ReadonlySet<string>, changes: Changes): void {
  for (const { Kind, ID, Name } of inventory) {
    if (Kind !== 'service' || names.has(Name) || !overlay.get('service', ID)) continue;
    overlay.lay([remove('service', ID)]);
    changes.removed.push({ Kind, Name });
  }
}

/** Whether a service cannot run beside those that come: one of them gets a port that it publishes, or a place that both would write to. What they had together before hinders nobody. */
export function standsInTheWay(view: View, gone: Service, coming: readonly ServiceSpec[]): boolean {
  const places = new Set([...placesOf(gone.Spec), ...(gone.Endpoint?.Ports ?? []).flatMap(portPlace)]);
  return coming.some((spec) => {
    const live = view.byName('service', spec.Name);
    const before = live ? placesOf(live.Spec) : [];
    return placesOf(spec).some((place) => places.has(place) && !before.includes(place));
  });
}

function placesOf({ EndpointSpec, TaskTemplate }: ServiceSpec): string[] {
  const mounts = (TaskTemplate.ContainerSpec?.Mounts ?? []).flatMap(({ Source, ReadOnly }) => (Source && !ReadOnly ? [`mount ${Source}`] : []));
  return [...(EndpointSpec?.Ports ?? []).flatMap(portPlace), ...mounts];
}

function portPlace(port: PortConfig): string[] {
  return port.PublishedPort ? [`port ${port.PublishedPort}/${protocolOf(port)}`] : [];
}

/** Whether a deploy only repeats what the stack's record says was applied. */
export function isRepeated(stack: Stack | undefined, source: StackSource, digest: string): boolean {
  return stack !== undefined && source.Kind === 'repository' && stack.Source.Kind === 'repository' && stack.Digest === digest;
}

/** The service as it must become; undefined when it is as wanted. */
function changedService(overlay: Overlay, current: Service, spec: ServiceSpec, deploy: ServiceDeploy, now: number): Service | undefined {
  const wanted = keepForced(withIgnored(spec, current.Spec), current.Spec);
  checkServiceSpec(wanted);
  const resolved = checkedChange(overlay, current, wanted);
  const options = { origin: deploy.origin, ...(deploy.registryAuth && { registryAuth: deploy.registryAuth }) };
  const same = sameService(resolved, current.Spec);
  if (!same && !(deploy.repeated && wasRolledBack(current))) return respecified(current, resolved, options, now);
  // What it was rolled back to is now what is wanted: nothing is amiss any more.
  if (same && !deploy.repeated && wasRolledBack(current)) {
    return { ...withoutStatus(current), Shoal: { ...current.Shoal, Origin: deploy.origin, ...(deploy.registryAuth && { RegistryAuth: deploy.registryAuth }) } };
  }
  if (!deploy.registryAuth || deploy.registryAuth === current.Shoal.RegistryAuth) return undefined;
  return { ...current, Shoal: { ...current.Shoal, RegistryAuth: deploy.registryAuth } };
}

function withoutStatus({ UpdateStatus: _status, ...service }: Service): Service {
  return service;
}

/** What the cluster owns of a running spec and a stack file has no words for: forced updates. */
function keepForced(wanted: ServiceSpec, { TaskTemplate: { ForceUpdate } }: ServiceSpec): ServiceSpec {
  return ForceUpdate ? { ...wanted, TaskTemplate: { ...wanted.TaskTemplate, ForceUpdate } } : wanted;
}

/** An image that was asked for before keeps the digest that it was given then, and the platforms. */
function withKnownImage(wanted: ServiceSpec, current: ServiceSpec | undefined, record: Stack | undefined): ServiceSpec {
  const Image = pinnedBefore(record, wanted, current);
  if (Image === undefined) return wanted;
  const task = wanted.TaskTemplate;
  const Platforms = task.Placement?.Platforms ?? current?.TaskTemplate.Placement?.Platforms;
  return {
    ...wanted,
    TaskTemplate: {
      ...task,
      ContainerSpec: { ...task.ContainerSpec, Image },
      ...(Platforms && { Placement: { ...task.Placement, Platforms } }),
    },
  };
}

/** Says which of the stack's services a refusal is about. */
function naming<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof Refusal) throw new Refusal(error.code, `${what}: ${error.message}`, error.facts);
    throw error;
  }
}
