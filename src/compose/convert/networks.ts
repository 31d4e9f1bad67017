/** The networks that a stack's services use. */
import type { NetworkSpec } from '#model/object/network';
import type { NetworkAttachmentConfig } from '#model/object/service-spec';
import { Refusal } from '#base/refusal';
import { compareTexts } from '#base/text/text';
import type { NetworkModel, Project, ServiceModel } from '../project.ts';
import { filled, scoped, someOf, stackLabels } from './names.ts';

/** Where a service without networks goes. */
const defaultNetwork = 'default';
const unaliased = new Set(['', 'default', 'host', 'bridge', 'none']);

function used(service: ServiceModel): Record<string, { aliases?: readonly string[]; driver_opts?: Record<string, string> } | null> {
  return someOf(service.networks) ?? { [defaultNetwork]: null };
}

/** Networks to make, sorted by name, and external ones by their names outside. Only what a service uses is made. */
export function convertNetworks(project: Project, stack: string): { networks: NetworkSpec[]; external: string[] } {
  const names = new Set(Object.values(project.services).flatMap((service) => Object.keys(used(service))));
  const networks = new Map<string, NetworkSpec>();
  const external = new Set<string>();
  for (const key of names) {
    const model = project.networks[key] ?? {};
    const name = model.name ?? scoped(stack, key);
    if (model.external === true) external.add(name);
    else networks.set(name, networkSpec(name, model, stack));
  }
  const sorted = [...networks.values()].sort((a, b) => compareTexts(a.Name, b.Name));
  return { networks: sorted, external: [...external].sort(compareTexts) };
}

function networkSpec(name: string, model: NetworkModel, stack: string): NetworkSpec {
  const { ipam } = model;
  const hasIpam = ipam !== undefined && (ipam.driver || (ipam.config?.length ?? 0) > 0 || someOf(ipam.options) !== undefined);
  return filled<NetworkSpec>({
    Name: name,
    Labels: stackLabels(stack, model.labels),
    Driver: model.driver || 'overlay',
    Options: model.driver_opts,
    EnableIPv6: model.enable_ipv6,
    Internal: model.internal,
    Attachable: model.attachable,
    IPAM: hasIpam ? ipamSpec(ipam) : undefined,
  });
}

function ipamSpec(ipam: NonNullable<NetworkModel['ipam']>): NonNullable<NetworkSpec['IPAM']> {
  return filled<NonNullable<NetworkSpec['IPAM']>>({
    Driver: ipam.driver,
    Options: someOf(ipam.options),
    Config: ipam.config?.map((pool) =>
      filled<NonNullable<NonNullable<NetworkSpec['IPAM']>['Config']>[number]>({
        Subnet: pool.subnet,
        IPRange: pool.ip_range,
        Gateway: pool.gateway,
        AuxiliaryAddresses: someOf(pool.aux_addresses),
      }),
    ),
  });
}

/** A service's attachments, sorted by target. Throws Refusal on networks that the file does not declare. */
export function convertAttachments(key: string, service: ServiceModel, project: Project, stack: string): NetworkAttachmentConfig[] {
  const attachments = Object.entries(used(service)).map(([name, model]) => {
    const declared = project.networks[name];
    if (!declared && name !== defaultNetwork) throw new Refusal('invalidArgument', `undefined network "${name}"`, { path: ['networks', name] });
    const target = declared?.name ?? scoped(stack, name);
    const aliases = [...(model?.aliases ?? []), ...(hasAliases(target) ? [key] : [])];
    return filled<NetworkAttachmentConfig>({ Target: target, Aliases: aliases, DriverOpts: someOf(model?.driver_opts) });
  });
  return attachments.sort((a, b) => compareTexts(a.Target ?? '', b.Target ?? ''));
}

function hasAliases(target: string): boolean {
  return !unaliased.has(target) && !target.startsWith('container:');
}
