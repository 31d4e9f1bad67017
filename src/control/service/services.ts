/** Use cases of services. */
import { timeText } from '#base/clock';
import { Refusal } from '#base/refusal';
import { engineSocketWarning } from '#model/options/engine-socket';
import { namespaceLabel } from '#model/object/meta';
import { modeOf, type Service, type ServiceOrigin, type ServiceState } from '#model/object/service';
import type { ServiceSpec } from '#model/object/service-spec';
import { create, newMeta, remove, update } from '#store/action';
import type { View } from '#store/view';
import type { UseCase, UseCaseContext } from '../cluster.ts';
import { checkVersion, findObject } from '../find.ts';
import { forgetLeft } from '../log/left.ts';
import { checkOwnPorts, HeldPorts } from './ports.ts';
import { resolveSpec } from './references.ts';
import { checkServiceSpec } from './service-check.ts';

export interface UpdateServiceOptions {
  rollback?: 'previous';
  /** X-Registry-Auth as it came. */
  registryAuth?: string;
  /** Accepted as Docker does; one auth is kept for both specs, so either goes on with it. */
  registryAuthFrom?: 'spec' | 'previous-spec';
  /** What brings the spec; a request for this service alone when absent. */
  origin?: ServiceOrigin;
}

/** A creation's answer. */
export interface ServiceCreated {
  ID: string;
  Warnings: null | string[];
  Shoal: { SpecVersion: number };
}

/** An update's answer, in Docker's words and ours. */
export interface ServiceUpdated {
  Warnings: null;
  /** The number of the spec that was written: whoever waits, waits for this one. */
  Shoal: { SpecVersion: number };
}

export function createService(spec: ServiceSpec, options: { registryAuth?: string } = {}): UseCase<ServiceCreated> {
  return (view, context) => {
    const service = newService(view, spec, context, options.registryAuth);
    // Docker sees a taken port before a taken name.
    new HeldPorts(view).check(service.Spec, '');
    checkFreeName(view, spec.Name);
    const warning = engineSocketWarning(service.Spec);
    const stack = service.Spec.Labels?.[namespaceLabel];
    // Whoever has the stack has its services.
    const isFirst = stack !== undefined && view.byName('stack', stack) === undefined;
    return {
      actions: [create('service', service), ...(isFirst ? forgetLeft(view, stack, undefined) : [])],
      result: { ID: service.ID, Warnings: warning === undefined ? null : [warning], Shoal: { SpecVersion: service.Shoal.SpecVersion } },
    };
  };
}

/** `version` is the one that the caller has read. */
export function updateService(ref: string, version: number, spec: ServiceSpec, options: UpdateServiceOptions = {}): UseCase<ServiceUpdated> {
  return (view, context) => {
    const service = findObject(view, 'service', ref);
    checkRename(service, spec);
    checkServiceSpec(spec);
    const resolved = checkedChange(view, service, spec);
    new HeldPorts(view).check(resolved, service.ID);
    if (options.registryAuthFrom === 'previous-spec' && !service.PreviousSpec) {
      throw new Refusal('failedPrecondition', 'service does not have a previous spec', { plain: true });
    }
    // Docker looks for what there is to go back to before it looks at the version.
    const next = options.rollback === 'previous' ? rolledBack(service, context.now) : respecified(service, resolved, options, context.now);
    checkVersion(service, version);
    return { actions: [update('service', next)], result: { Warnings: null, Shoal: { SpecVersion: next.Shoal.SpecVersion } } };
  };
}

/** The orchestrator stops its tasks afterwards. */
export function removeService(ref: string): UseCase<void> {
  return (view) => ({ actions: [remove('service', findObject(view, 'service', ref).ID)], result: undefined });
}

/** Refuses a name that another service has. */
export function checkFreeName(view: View, name: string): void {
  if (!view.byName('service', name)) return;
  throw new Refusal('alreadyExists', `name conflicts with an existing object: service ${name} already exists`);
}

/** A service that is not stored yet, checked but for its name and ports being free. */
export function newService(view: View, spec: ServiceSpec, context: UseCaseContext, registryAuth: string | undefined): Service {
  checkServiceSpec(spec);
  checkOwnPorts(view, spec);
  const resolved = resolveSpec(view, spec);
  const service: Service = {
    ...newMeta(context.newId()),
    Spec: resolved,
    Shoal: { SpecVersion: 0, ...(registryAuth && { RegistryAuth: registryAuth }) },
  };
  return withIteration(service, context.now);
}

/** The resolved spec, if the service may change to it; its ports are not looked at. */
export function checkedChange(view: View, service: Service, spec: ServiceSpec): ServiceSpec {
  if (modeOf(spec) !== modeOf(service.Spec)) throw new Refusal('unimplemented', 'service mode change is not allowed');
  checkRename(service, spec);
  const stored = [service.Spec, ...(service.PreviousSpec ? [service.PreviousSpec] : [])];
  checkOwnPorts(view, spec, stored);
  return resolveSpec(view, spec, stored);
}

function checkRename(service: Service, { Name }: ServiceSpec): void {
  if (Name !== service.Spec.Name) throw new Refusal('unimplemented', 'renaming services is not supported');
}

/** The service with another spec: the old one becomes the previous, a rollout in progress is forgotten, and a job runs again. */
export function respecified(service: Service, spec: ServiceSpec, options: UpdateServiceOptions, now: number): Service {
  const { UpdateStatus: _status, ...kept } = service;
  const { Rollout: _rollout, ...state } = service.Shoal;
  const Shoal: ServiceState = {
    ...state,
    SpecVersion: nextVersion(service),
    PreviousSpecVersion: state.SpecVersion,
    Origin: options.origin ?? { Kind: 'update' },
    ...(options.registryAuth && { RegistryAuth: options.registryAuth }),
  };
  const next = withIteration({ ...kept, Spec: spec, PreviousSpec: service.Spec, Shoal }, now);
  return options.origin ? broughtBy(options.origin, next) : next;
}

/** What comes back because the version after it failed has run: a migration or a mail that nobody asked for again would do harm. Who takes a stack back by hand asks for all of it. */
export function broughtBy(origin: ServiceOrigin, service: Service): Service {
  if (origin.Kind !== 'stack rollback' || !origin.Failed || !service.JobStatus) return service;
  return { ...service, Shoal: { ...service.Shoal, Finished: service.JobStatus.JobIteration.Index } };
}

/** Spec and previous spec changed places: rolling back twice toggles. */
function rolledBack(service: Service, now: number): Service {
  if (!service.PreviousSpec) {
    throw new Refusal('failedPrecondition', `service ${service.ID} does not have a previous spec`);
  }
  const { Rollout: _rollout, ...state } = service.Shoal;
  const back: Service = {
    ...service,
    Spec: service.PreviousSpec,
    PreviousSpec: service.Spec,
    UpdateStatus: { State: 'rollback_started', StartedAt: timeText(now), Message: 'manually requested rollback' },
    Shoal: { ...state, SpecVersion: state.PreviousSpecVersion ?? 0, PreviousSpecVersion: state.SpecVersion, Origin: { Kind: 'rollback' } },
  };
  return withIteration(back, now);
}

/** Above both versions in use: a number never comes back with another spec. */
function nextVersion({ Shoal: state }: Service): number {
  return Math.max(state.SpecVersion, state.PreviousSpecVersion ?? 0) + 1;
}

/** Jobs run again with every change of theirs; other services stay as they are. */
function withIteration(service: Service, now: number): Service {
  if (!modeOf(service.Spec).endsWith('-job')) return service;
  const Index = service.JobStatus ? service.JobStatus.JobIteration.Index + 1 : 0;
  return { ...service, JobStatus: { JobIteration: { Index }, LastExecution: timeText(now) } };
}
