/** A stack of the Compose Specification in the stages in which it is sent to a plain Docker Swarm. */
import type { StrictPlan, PlannedService } from '#compose/strict/plan';
import type { ServiceSpec } from '#model/object/service-spec';
import type { StackSpec } from '#model/object/stack';
import { leftOutText, serviceBody } from '#swarm/bodies';
import { keyInStack } from './sequence.ts';

/** The services as a Docker Swarm takes them; `lost` has one text for each that is without a hint of ours. Refuses by name what Docker cannot do. */
export function servicesForDocker(stack: StackSpec): { services: ServiceSpec[]; lost: string[] } {
  const bodies = stack.Services.map((spec) => ({ name: spec.Name, ...serviceBody(spec) }));
  const lost = bodies.filter(({ leftOut }) => leftOut.length > 0).map(({ name, leftOut }) => leftOutText(name, leftOut));
  return { services: bodies.map(({ body }) => body), lost };
}

export function planOfStack(stack: StackSpec): { plan: StrictPlan; lost: string[] } {
  const { services: specs, lost } = servicesForDocker(stack);
  const services = specs.map((spec) => plannedService(stack.Name, spec));
  const plan: StrictPlan = {
    stack: stack.Name,
    serviceKeys: services.map((service) => service.key),
    externalNetworks: stack.External.Networks,
    externalSecrets: stack.External.Secrets,
    externalConfigs: stack.External.Configs,
    networks: stack.Networks,
    secrets: { ok: true, value: stack.Secrets },
    configs: { ok: true, value: stack.Configs },
    services,
  };
  return { plan, lost };
}

function plannedService(stack: string, spec: ServiceSpec): PlannedService {
  const container = spec.TaskTemplate.ContainerSpec ?? {};
  return {
    key: keyInStack(stack, spec.Name),
    secrets: { ok: true, value: container.Secrets ?? [] },
    configs: { ok: true, value: container.Configs ?? [] },
    spec: { ok: true, value: spec },
  };
}
