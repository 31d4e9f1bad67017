/** Networks, volumes, secrets and configs of a file. */
import { minorOf } from '#base/text/text';
import { Refusal } from '#base/refusal';
import type { FileModel, IpamModel, NetworkModel, VolumeModel } from '../project.ts';
import { isList, isMap, newMap } from '../value.ts';
import type { Value, ValueMap } from '../value.ts';
import { absolute } from './context.ts';
import type { Context } from './context.ts';
import { extrasOf, flag, given, strings, text } from './decode.ts';

type Kind = 'network' | 'volume' | 'secret' | 'config';

function entries<T>(section: Value | undefined, change: (name: string, map: ValueMap) => T): Record<string, T> {
  const result = newMap<T>();
  if (isMap(section)) for (const [name, value] of Object.entries(section)) result[name] = change(name, isMap(value) ? value : newMap());
  return result;
}

function refuse(message: string): Refusal {
  return new Refusal('invalidArgument', message);
}

export function networkSection(section: Value | undefined, version: string, context: Context): Record<string, NetworkModel> {
  return entries(section, (name, map) => {
    const { ipam } = map;
    return given<NetworkModel>({
      ...externalName('network', name, map, minorOf(version) >= 5, context),
      driver: text(map.driver, 'Driver'),
      driver_opts: strings(map.driver_opts),
      ipam: isMap(ipam)
        ? given<NonNullable<NetworkModel['ipam']>>({
            driver: text(ipam.driver, 'Ipam.Driver'),
            config: isList(ipam.config) ? ipam.config.map(pool) : undefined,
            options: strings(ipam.options),
          })
        : undefined,
      internal: flag(map.internal),
      attachable: flag(map.attachable),
      labels: strings(map.labels),
      enable_ipv6: flag(map.enable_ipv6),
      extras: extrasOf(map),
    } as NetworkModel);
  });
}

function pool(value: Value): IpamModel {
  if (!isMap(value)) return {};
  return given<IpamModel>({
    subnet: text(value.subnet, 'Subnet'),
    ip_range: text(value.ip_range, 'IPRange'),
    gateway: text(value.gateway, 'Gateway'),
    aux_addresses: strings(value.aux_addresses),
  });
}

export function volumeSection(section: Value | undefined, version: string, context: Context): Record<string, VolumeModel> {
  return entries(section, (name, map) => {
    const driver = text(map.driver, 'Driver');
    const options = strings(map.driver_opts);
    const labels = strings(map.labels);
    if (isExternal(map)) {
      const conflict = driver ? 'driver' : hasKeys(options) ? 'driver_opts' : hasKeys(labels) ? 'labels' : undefined;
      if (conflict) throw refuse(`conflicting parameters "external" and "${conflict}" specified for volume "${name}"`);
    }
    const { 'x-cluster-spec': cluster, ...extras } = extrasOf(map) ?? {};
    return given<VolumeModel>({
      ...externalName('volume', name, map, minorOf(version) >= 4, context),
      driver,
      driver_opts: options,
      labels,
      'x-cluster-spec': cluster,
      extras: Object.keys(extras).length === 0 ? undefined : extras,
    } as VolumeModel);
  });
}

export function fileSection(kind: 'secret' | 'config', section: Value | undefined, version: string, context: Context): Record<string, FileModel> {
  return entries(section, (name, map) => {
    const driver = text(map.driver, 'Driver');
    const file = text(map.file, 'File');
    const external = isExternal(map);
    if (!external && driver && file) throw refuse(`${kind} ${name}: ${kind}.driver and ${kind}.file conflict; only use ${kind}.driver`);
    const elsewhere = map.content !== undefined || map.environment !== undefined;
    return given<FileModel>({
      ...externalName(kind, name, map, minorOf(version) >= 5, context),
      // Without a file Docker reads the folder itself, and fails on it later: kept, the text is known.
      file: external || driver || elsewhere || (file === undefined && context.mode === 'spec') ? file : absolute(context.directory, file ?? ''),
      content: text(map.content, 'Content'),
      environment: text(map.environment, 'Environment'),
      labels: strings(map.labels),
      driver,
      driver_opts: strings(map.driver_opts),
      template_driver: text(map.template_driver, 'template_driver'),
      extras: extrasOf(map),
    } as FileModel);
  });
}

function isExternal(map: ValueMap): boolean {
  return map.external === true || isMap(map.external);
}

/** The name outside the stack: `external.name`, `name`, or the key itself. */
function externalName(kind: Kind, key: string, map: ValueMap, deprecated: boolean, context: Context): { name?: string; external?: boolean } {
  const name = text(map.name, 'Name');
  if (!isExternal(map)) return name ? { name } : {};
  const inner = isMap(map.external) ? text(map.external.name, 'External.Name') : undefined;
  if (!inner) return { external: true, name: name || key };
  if (name) throw refuse(`${kind} ${key}: ${kind}.external.name and ${kind}.name conflict; only use ${kind}.name`);
  if (deprecated) context.warn(`${kind} ${key}: ${kind}.external.name is deprecated in favor of ${kind}.name`);
  return { external: true, name: inner };
}

function hasKeys(map: Record<string, string> | undefined): boolean {
  return map !== undefined && Object.keys(map).length > 0;
}
