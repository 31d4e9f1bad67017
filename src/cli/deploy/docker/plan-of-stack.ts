/** A stack of the Compose Specification in the stages in which it is sent to a plain Docker Swarm. */
import type { StrictPlan, PlannedService } from '#compose/strict/plan';
import type { ServiceSpec } from '#model/object/service-spec';
import type { StackSpec } from '#model/object/stack';

/** Services without what only a daemon of ours understands; `lost` has one text for each service that loses something. */
export function withoutOurWords(stack: StackSpec): { Services: ServiceSpec[]; lost: string[] } {
  const lost: string[] = [];
  const Services = stack.Services.map((spec) => {
    const words = new Set<string>();
    const plain = stripped(spec, words) as ServiceSpec;
    if (words.size > 0) lost.push(`service ${spec.Name}: Docker Swarm has no ${[...words].join(', ')}; left out`);
    return plain;
  });
  return { Services, lost };
}

/** Our words stand in members named Shoal, wherever Docker has none. */
function stripped(value: unknown, words: Set<string>): unknown {
  if (Array.isArray(value)) return value.map((item) => stripped(item, words));
  if (typeof value !== 'object' || value === null) return value;
  const result: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    if (key !== 'Shoal') result[key] = stripped(member, words);
    else for (const word of Object.keys((member ?? {}) as object)) words.add(word);
  }
  return result;
}

export function planOfStack(stack: StackSpec): { plan: StrictPlan; lost: string[] } {
  const { Services, lost } = withoutOurWords(stack);
  const services = Services.map((spec) => plannedService(stack.Name, spec));
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
    key: spec.Name.startsWith(`${stack}_`) ? spec.Name.slice(stack.length + 1) : spec.Name,
    secrets: { ok: true, value: container.Secrets ?? [] },
    configs: { ok: true, value: container.Configs ?? [] },
    spec: { ok: true, value: spec },
  };
}
