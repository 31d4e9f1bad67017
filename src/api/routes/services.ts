/** Routes of services, their logs apart. */
import { mapped } from '../answer.ts';
import type { UseCase } from '#control/cluster';
import { findObject } from '#control/find';
import { createService, removeService, updateService, type ServiceCreated, type ServiceUpdated, type UpdateServiceOptions } from '#control/service/services';
import { endingStacks } from '#control/stack/stack-states';
import { nodeLocalName } from '#model/object/network';
import { modeOf, type Service } from '#model/object/service';
import type { ServiceSpec } from '#model/object/service-spec';
import { decodeBody } from '../request/body.ts';
import { findOptional, readObject, readView, submit, type Context } from '../context.ts';
import { requireManager } from '../request/require-manager.ts';
import { HttpError } from '../errors.ts';
import { anyOf, byLabels, byPrefix, readFiltersAtManager, type Filters } from '../request/filters.ts';
import type { NetworkResource } from '../view/network.ts';
import { shown } from '../view/redact.ts';
import { get, parameter, post, remove, strictFlag, versionParameter, type Call, type Route } from '../router.ts';
import { freeServiceName } from '../request/service-name.ts';
import { serviceSpec } from '#model/shape/service-shape';
import { keepUnseen, withDefaults } from '../view/service-spec.ts';
import { serviceStatus } from '../view/service-status.ts';

const filterKeys = ['id', 'label', 'mode', 'name', 'runtime'];

export function serviceRoutes(context: Context): Route[] {
  return [
    get('/services', async (call) => {
      const filters = readFiltersAtManager(call, filterKeys, context.swarm.status());
      const view = await readView(context);
      const services = [...view.list('service')].filter((service) => passes(filters, service));
      const counted = strictFlag(call, 'status', { reason: true });
      const list = mapped(services, (service) => ({
        ...shown('service', service),
        ...(counted && { ServiceStatus: serviceStatus(service, view.tasksOfService(service.ID)) }),
      }));
      return { status: 200, list };
    }),
    get('/services/{}', async (call) => {
      const service = await readObject(context, 'service', parameter(call));
      const spec = strictFlag(call, 'insertDefaults', { reason: true }) ? withDefaults(service.Spec) : service.Spec;
      return { status: 200, json: shown('service', { ...service, Spec: spec }) };
    }),
    post('/services/create', async (call) => {
      const spec = await readSpec(call, context);
      const registryAuth = registryAuthOf(call);
      return { status: 201, json: await submit(context, call, createNamed(spec, registryAuth === undefined ? {} : { registryAuth })) };
    }),
    post('/services/{}/update', async (call) => {
      const version = versionParameter(call, 'service');
      const spec = await readSpec(call, context);
      return { status: 200, json: await submit(context, call, updateKeeping(parameter(call), version, spec, updateOptions(call))) };
    }),
    remove('/services/{}', async (call) => {
      await submit(context, call, endingStacks(removeService(parameter(call))));
      return { status: 200 };
    }),
  ];
}

async function readSpec(call: Call, context: Context): Promise<ServiceSpec> {
  requireManager(context.swarm.status());
  const spec = await decodeBody(call.request, serviceSpec);
  if (spec.TaskTemplate?.ContainerSpec === undefined) throw new HttpError(400, 'mismatched Runtime and *Spec fields');
  await refuseLocalNetworks(spec, context);
  return spec;
}

/** Creates the service, under a name of our choice when the client gives none. */
function createNamed(spec: ServiceSpec, options: { registryAuth?: string }): UseCase<ServiceCreated> {
  return (view, useCaseContext) => {
    const named = spec.Name ? spec : { ...spec, Name: freeServiceName(view, useCaseContext.random) };
    return createService(named, options)(view, useCaseContext);
  };
}

/** The update, on a spec that keeps the extensions which the client could not see. */
function updateKeeping(ref: string, version: number, spec: ServiceSpec, options: UpdateServiceOptions): UseCase<ServiceUpdated> {
  return (view, useCaseContext) => {
    const service = findObject(view, 'service', ref);
    return updateService(service.ID, version, keepUnseen(service.Spec, spec), options)(view, useCaseContext);
  };
}

/** A network that only the local engine knows gets Docker's own words; one that nobody knows is left to `control`. */
async function refuseLocalNetworks(spec: ServiceSpec, context: Context): Promise<void> {
  const view = await context.cluster.read();
  for (const { Target = '' } of [...(spec.TaskTemplate.Networks ?? []), ...(spec.Networks ?? [])]) {
    if (Target === '' || nodeLocalName(Target) !== undefined || findOptional(view, 'network', Target)) continue;
    const local = await context.engine.read<NetworkResource>(`/networks/${encodeURIComponent(Target)}`);
    if (local === undefined || local.Scope === 'swarm') continue;
    const advice = 'Only networks scoped to the swarm can be used, such as those created with the overlay driver.';
    throw new HttpError(403, `The network ${local.Name} cannot be used with services. ${advice}`);
  }
}

function updateOptions(call: Call): UpdateServiceOptions {
  const registryAuth = registryAuthOf(call);
  const from = call.query.get('registryAuthFrom') ?? '';
  if (!['', 'spec', 'previous-spec'].includes(from)) throw new HttpError(400, 'unsupported registryAuthFrom value');
  const rollback = call.query.get('rollback') ?? '';
  if (!['', 'none', 'previous'].includes(rollback)) throw new HttpError(500, `unrecognized rollback option ${rollback}`);
  return {
    ...(rollback === 'previous' && { rollback }),
    ...(registryAuth !== undefined && { registryAuth }),
    ...(from !== '' && { registryAuthFrom: from as 'spec' | 'previous-spec' }),
  };
}

function registryAuthOf(call: Call): string | undefined {
  const header = call.request.headers['x-registry-auth'];
  return typeof header === 'string' && header !== '' ? header : undefined;
}

function passes(filters: Filters, service: Service): boolean {
  return (
    byPrefix(filters, 'id', service.ID) &&
    byPrefix(filters, 'name', service.Spec.Name) &&
    byLabels(filters, 'label', service.Spec.Labels) &&
    anyOf(filters, 'mode', (mode) => mode === modeOf(service.Spec)) &&
    anyOf(filters, 'runtime', (runtime) => runtime === (service.Spec.TaskTemplate.Runtime || 'container'))
  );
}
