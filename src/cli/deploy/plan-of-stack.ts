/** A stack of the Compose Specification in the stages in which it is sent to a plain Docker Swarm. */
import type { StrictPlan, PlannedService } from '#compose/strict/plan';
import type { ServiceSpec } from '#model/service-spec';
import type { StackSpec } from '#model/stack';

/** `lost`: what Docker has no word for, one text each. */
export function planOfStack(stack: StackSpec): { plan: StrictPlan; lost: string[] } {
  const lost: string[] = [];
  const services = stack.Services.map((spec) => plannedService(stack.Name, spec, lost));
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

function plannedService(stack: string, spec: ServiceSpec, lost: string[]): PlannedService {
  const { Shoal: extension, ...plain } = spec;
  const { Shoal: container, ...containerSpec } = plain.TaskTemplate.ContainerSpec ?? {};
  const words = [...Object.keys(extension ?? {}), ...Object.keys(container ?? {})];
  if (words.length > 0) lost.push(`service ${spec.Name}: Docker Swarm has no ${words.join(', ')}; left out`);
  return {
    key: spec.Name.startsWith(`${stack}_`) ? spec.Name.slice(stack.length + 1) : spec.Name,
    secrets: { ok: true, value: containerSpec.Secrets ?? [] },
    configs: { ok: true, value: containerSpec.Configs ?? [] },
    spec: { ok: true, value: { ...plain, TaskTemplate: { ...plain.TaskTemplate, ContainerSpec: containerSpec } } },
  };
}
