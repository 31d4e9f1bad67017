/** The create request of a task's container: a pure translation of its spec into the Engine API's words. */
import { withoutPrefix } from '#model/address';
import { meansEngine } from '#model/options/engine-socket';
import { interfacesOf, macAddress, wishedMacAddress } from '#model/mac-address';
import { namespaceLabel } from '#model/object/meta';
import { nameServersOf } from '#model/options/name-servers';
import { nodeLocalNetworks } from '#model/object/network';
import type { ContainerSpec, FileTarget, Mount, PortConfig } from '#model/object/service-spec';
import { taskName, type Task } from '#model/object/task';
import { hostPortsOf, targetKey } from '#model/port/port';
import { hostConfig } from './host-config.ts';
import { containerLabels } from './labels.ts';

export interface BodyContext {
  nodeId: string;
  /** Path of the socket that is given in the place of the engine's; absent: the engine's is. */
  door?: string;
  /** This node's addresses in the task's cluster networks that have names: their DNS servers. */
  gateways: readonly string[];
  /** Name of the engine's network for a cluster network id. */
  networkName(networkId: string): string;
  /** Host path of a secret's or config's file, by its place among the task's references. */
  filePath(kind: 'secret' | 'config', index: number): string;
}

export interface ContainerRequest {
  name: string;
  platform?: string;
  body: Readonly<Record<string, unknown>>;
}

/** An attachment to a cluster network as the engine takes it. */
export interface Endpoint {
  networkId: string;
  /** The engine's name of the network. */
  network: string;
  settings: Readonly<Record<string, unknown>>;
}

/** The request for POST /containers/create. Only the first network is in it; `startContainer` connects the others. */
export function containerRequest(task: Task, context: BodyContext): ContainerRequest {
  const spec = task.Spec.ContainerSpec ?? {};
  const first = endpoints(task, context)[0];
  const ports = hostPortsOf(task).filter((port) => port.TargetPort);
  const platform = spec.Shoal?.Platform;
  const asked = (spec.Mounts ?? []).map((mount) => throughDoor(mount, task, context.door));
  const body = compact({
    ...config(spec, task, context.nodeId),
    // Engines before API 1.44 know no address of an endpoint; later ones want both equal.
    MacAddress: first && wishedMacAddress(task, first.networkId),
    ExposedPorts: ports.length > 0 ? Object.fromEntries(ports.map((port) => [targetKey(port), {}])) : undefined,
    HostConfig: compact({
      ...hostConfig(task),
      ...dns(spec, task, context.gateways),
      NetworkMode: first?.network ?? localNetwork(task) ?? 'default',
      Mounts: mounts(asked, spec, context),
      Binds: binds(asked),
      PortBindings: portBindings(ports),
    }),
    NetworkingConfig: first && { EndpointsConfig: { [first.network]: first.settings } },
  });
  return { name: taskName(task), ...(platform && { platform }), body };
}

/** The task's attachments, with fixed addresses. Service names are never aliases: the engine would answer them before our own DNS. */
export function endpoints(task: Task, context: Pick<BodyContext, 'networkName'>): readonly Endpoint[] {
  return interfacesOf(task).map((attachment) => {
    const address = withoutPrefix(attachment.Addresses[0] ?? '');
    const wished = wishedMacAddress(task, attachment.Network.ID);
    const config = task.Spec.Networks?.find((each) => each.Target === attachment.Network.ID);
    return {
      networkId: attachment.Network.ID,
      network: context.networkName(attachment.Network.ID),
      settings: compact({ IPAMConfig: { IPv4Address: address }, MacAddress: wished ?? macAddress(address), DriverOpts: config?.DriverOpts }),
    };
  });
}

/** An object without its undefined fields. */
function compact(object: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

/** Takes the spec apart field by field, so that the compiler names one that is forgotten; host-config.ts has the marked ones. */
function config(spec: ContainerSpec, task: Task, nodeId: string): Readonly<Record<string, unknown>> {
  const {
    Image,
    Command,
    Args,
    Hostname,
    Env,
    Dir,
    User,
    StopSignal,
    TTY,
    OpenStdin,
    StopGracePeriod,
    Healthcheck,
    Labels: _labels,
    Shoal,
    ...elsewhere
  } = spec;
  const { Groups: _g, Privileges: _p, Init: _i, ReadOnly: _r, Hosts: _h, Isolation: _is, Sysctls: _s, ...others } = elsewhere; // HostConfig
  const { CapabilityAdd: _ca, CapabilityDrop: _cd, Ulimits: _u, OomScoreAdj: _o, ...rest } = others; // HostConfig
  const { Mounts: _m, Secrets: _se, Configs: _co, DNSConfig: _dns, ...none } = rest; // below
  none satisfies Record<string, never>;
  const generic = genericResourceEnv(task);
  return {
    Image,
    Entrypoint: Command,
    Cmd: Args,
    Hostname,
    Domainname: Shoal?.Domainname,
    Env: Env || generic.length > 0 ? [...(Env ?? []), ...generic] : undefined,
    WorkingDir: Dir,
    User,
    StopSignal,
    Tty: TTY,
    OpenStdin,
    StopTimeout: StopGracePeriod === undefined ? undefined : Math.ceil(StopGracePeriod / 1e9),
    Healthcheck,
    Labels: containerLabels(task, nodeId),
  };
}

/** Assigned generic resources are told to the program as DOCKER_RESOURCE_KIND=a,b (moby's executor). */
function genericResourceEnv(task: Task): readonly string[] {
  const values = new Map<string, string[]>();
  for (const resource of task.GenericResources ?? []) {
    const entry = Object.values(resource as Record<string, { Kind: string; Value: string | number }>)[0];
    if (!entry) continue;
    values.set(entry.Kind, [...(values.get(entry.Kind) ?? []), String(entry.Value)]);
  }
  return [...values].map(([kind, list]) => `DOCKER_RESOURCE_${kind.toUpperCase()}=${list.join(',')}`);
}

/** Service names are answered by our servers, in the stack's domain. */
function dns(spec: ContainerSpec, task: Task, gateways: readonly string[]): Readonly<Record<string, unknown>> {
  const servers = nameServersOf(gateways, spec.DNSConfig?.Nameservers);
  const namespace = task.Shoal.ServiceLabels[namespaceLabel];
  const search = [...(namespace && gateways.length > 0 ? [namespace] : []), ...(spec.DNSConfig?.Search ?? [])];
  const options = spec.DNSConfig?.Options ?? [];
  return {
    Dns: servers.length > 0 ? servers : undefined,
    DnsSearch: search.length > 0 ? search : undefined,
    DnsOptions: options.length > 0 ? options : undefined,
  };
}

/** host, bridge or none, when the task asks for one of the engine's own networks. */
function localNetwork(task: Task): string | undefined {
  const attached = (task.NetworksAttachments ?? []).map((attachment) => attachment.Network.Spec.Name);
  const asked = (task.Spec.Networks ?? []).map((network) => network.Target ?? '');
  return [...attached, ...asked].find((name) => nodeLocalNetworks.includes(name));
}

/** Without a published number the engine chooses one. */
function portBindings(ports: readonly PortConfig[]): Readonly<Record<string, readonly object[]>> {
  const bindings: Record<string, object[]> = {};
  for (const port of ports) {
    const list = (bindings[targetKey(port)] ??= []);
    list.push({ HostIp: port.Shoal?.HostIP ?? '', HostPort: port.PublishedPort ? String(port.PublishedPort) : '' });
  }
  return bindings;
}

/** A bind of the engine's socket leads through our door; that is there, and must never be made as a folder. */
function throughDoor(mount: Mount, task: Task, door: string | undefined): Mount {
  if (door === undefined || !meansEngine(mount, task.Shoal.ServiceLabels)) return mount;
  const { CreateMountpoint: _made, ...options } = mount.BindOptions ?? {};
  return { ...mount, Source: door, ...(mount.BindOptions && { BindOptions: options }) };
}

function mounts(asked: readonly Mount[], spec: ContainerSpec, context: BodyContext): readonly object[] | undefined {
  const files = [
    ...(spec.Secrets ?? []).map((each, index) => fileMount('secret', each.File, index, context)),
    ...(spec.Configs ?? []).map((each, index) => fileMount('config', each.File, index, context)),
  ].filter((mount) => mount !== undefined);
  const all = [...asked.filter((mount) => !isBind(mount)), ...files];
  return all.length > 0 ? all : undefined;
}

/** A source that is to be made: engines before API 1.42 do that for their older form only, and all still do. */
function isBind({ Type, Source = '', Target = '', BindOptions = {} }: Mount): boolean {
  const { CreateMountpoint, Propagation: _propagation, ...others } = BindOptions;
  const plain = Object.values(others).every((value) => value === undefined || value === false);
  return Type === 'bind' && CreateMountpoint === true && plain && !`${Source}${Target}`.includes(':');
}

function binds(asked: readonly Mount[]): readonly string[] | undefined {
  const lines = asked.filter(isBind).map(({ Source, Target, ReadOnly, BindOptions }) => {
    const options = [...(ReadOnly ? ['ro'] : []), ...(BindOptions?.Propagation ? [BindOptions.Propagation] : [])];
    return [Source, Target, ...(options.length > 0 ? [options.join(',')] : [])].join(':');
  });
  return lines.length > 0 ? lines : undefined;
}

/** Secrets lie under /run/secrets, configs under /, absolute targets where they say. */
function fileMount(kind: 'secret' | 'config', file: FileTarget | undefined, index: number, context: BodyContext): object | undefined {
  if (!file) return undefined;
  const folder = kind === 'secret' ? '/run/secrets/' : '/';
  const Target = file.Name.startsWith('/') ? file.Name : folder + file.Name;
  return { Type: 'bind', Source: context.filePath(kind, index), Target, ReadOnly: true };
}
