/** How much of a kind one service may ask for: each is far above what people write, and below what makes work for a whole cluster. */
import { Refusal } from '#base/refusal';
import type { ServiceSpec } from '#model/object/service-spec';
import { isIngress } from '#model/port/port';

const limits = {
  'placement preferences': 16,
  'placement constraints': 128,
  platforms: 64,
  networks: 128,
  'published ports without a number of their own': 1000,
};
const mostAliases = 64;
const longestAlias = 255;

/** Refuses by the name of what is too many. */
export function checkBounds({ Name, TaskTemplate, Networks, EndpointSpec }: ServiceSpec): void {
  const { Placement } = TaskTemplate ?? {};
  const networks = [...(TaskTemplate?.Networks ?? []), ...(Networks ?? [])];
  const counts: Record<keyof typeof limits, number> = {
    'placement preferences': Placement?.Preferences?.length ?? 0,
    'placement constraints': Placement?.Constraints?.length ?? 0,
    platforms: Placement?.Platforms?.length ?? 0,
    networks: networks.length,
    'published ports without a number of their own': (EndpointSpec?.Ports ?? []).filter((port) => isIngress(port) && !port.PublishedPort).length,
  };
  for (const [what, most] of Object.entries(limits)) {
    const count = counts[what as keyof typeof limits];
    if (count > most) refuse(`service ${Name}: ${count} ${what} are more than the ${most} that a service may have`);
  }
  for (const { Target, Aliases = [] } of networks) {
    if (Aliases.length > mostAliases)
      refuse(`service ${Name}: ${Aliases.length} aliases on network ${Target} are more than the ${mostAliases} that there may be`);
    if (Aliases.some((alias) => alias.length > longestAlias))
      refuse(`service ${Name}: an alias on network ${Target} is longer than the ${longestAlias} characters of a name`);
  }
}

function refuse(message: string): never {
  throw new Refusal('invalidArgument', message);
}
