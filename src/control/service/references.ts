/** Makes a spec that names things into one that the store can keep: names to ids, defaults said. */
import { Refusal } from '#base/refusal';
import { nodeLocalName } from '#model/object/network';
import { modeOf } from '#model/object/service';
import type { ConfigReference, ContainerSpec, NetworkAttachmentConfig, ServiceMode, ServiceSpec } from '#model/object/service-spec';
import { clusterOf, type View } from '#store/view';
import { networkNamed } from '../find.ts';
import { findFile, type FileKind } from '../secrets-and-configs.ts';

/** The spec as stored: networks, secrets and configs by id, and the few defaults that Docker stores. What `stored` specs of the service have already is not refused any more. */
export function resolveSpec(view: View, spec: ServiceSpec, stored: readonly ServiceSpec[] = []): ServiceSpec {
  const { Networks: deprecated, ...kept } = spec;
  const template = spec.TaskTemplate;
  const resolved = (networks: readonly NetworkAttachmentConfig[] | undefined): NetworkAttachmentConfig[] =>
    (networks ?? []).map((network) => resolveNetwork(view, network, stored));
  // The old place is kept as it was given, for it is shown there; what reads a service looks at the new one only.
  const old = resolved(deprecated);
  const networks = template.Networks?.length ? resolved(template.Networks) : old;
  return {
    ...kept,
    ...(old.length > 0 && { Networks: old }),
    TaskTemplate: {
      ...template,
      ...(template.ContainerSpec && { ContainerSpec: resolveFiles(view, template.ContainerSpec) }),
      ...(networks.length > 0 && { Networks: networks }),
    },
    Mode: resolveMode(spec),
    ...(spec.EndpointSpec && { EndpointSpec: { ...spec.EndpointSpec, Mode: spec.EndpointSpec.Mode || 'vip' } }),
  };
}

/** The mode with its counts said: progress displays read them. */
function resolveMode(spec: ServiceSpec): ServiceMode {
  switch (modeOf(spec)) {
    case 'global':
      return { Global: {} };
    case 'global-job':
      return { GlobalJob: {} };
    case 'replicated':
      return { Replicated: { Replicas: spec.Mode?.Replicated?.Replicas ?? 1 } };
    case 'replicated-job': {
      const MaxConcurrent = spec.Mode?.ReplicatedJob?.MaxConcurrent ?? 1;
      return { ReplicatedJob: { MaxConcurrent, TotalCompletions: spec.Mode?.ReplicatedJob?.TotalCompletions ?? MaxConcurrent } };
    }
  }
}

function resolveNetwork(view: View, attachment: NetworkAttachmentConfig, stored: readonly ServiceSpec[]): NetworkAttachmentConfig {
  const target = attachment.Target ?? '';
  const local = nodeLocalName(target);
  const network = local === undefined ? (view.get('network', target) ?? networkNamed(view, target)) : undefined;
  const resolved = { ...attachment, Target: local ?? network?.ID ?? target };
  const option = newOption(resolved, stored);
  // A Docker Swarm hands them on to its driver; its cluster is not in view.
  if (option !== undefined && clusterOf(view)) {
    const text = `driver option ${option} of the attachment to network ${target} is not supported: a network's options are set where it is created, and single containers have none`;
    throw new Refusal('unimplemented', text, { plain: true });
  }
  if (local !== undefined) return resolved;
  if (!network) throw new Refusal('notFound', `network ${target} not found`);
  if (network.Spec.Ingress) {
    throw new Refusal('invalidArgument', 'Service cannot be explicitly attached to the ingress network "' + network.Spec.Name + '"');
  }
  return resolved;
}

/** The first driver option that no attachment of `stored` to the same network has: older versions stored them, and a service of theirs can still be changed. */
function newOption({ Target, DriverOpts = {} }: NetworkAttachmentConfig, stored: readonly ServiceSpec[]): string | undefined {
  const kept = stored
    .flatMap((spec) => [...(spec.TaskTemplate.Networks ?? []), ...(spec.Networks ?? [])])
    .filter((attachment) => attachment.Target === Target)
    .flatMap((attachment) => Object.entries(attachment.DriverOpts ?? {}));
  return Object.entries(DriverOpts).find(([name, value]) => !kept.some(([known, was]) => known === name && was === value))?.[0];
}

/** With every secret and config found: by its id, or by its name where there is no id. */
function resolveFiles(view: View, spec: ContainerSpec): ContainerSpec {
  const missing: Record<FileKind, string[]> = { secret: [], config: [] };
  function resolve(kind: FileKind, id: string | undefined, name: string): { id: string; name: string } {
    const found = findFile(view, kind, id, name);
    // Where both are said, they mean one object.
    const file = found && (!name || found.Spec.Name === name) ? found : undefined;
    if (!file) missing[kind].push(name || (id ?? ''));
    return { id: file?.ID ?? '', name: name || (file?.Spec.Name ?? '') };
  }
  const secrets = spec.Secrets?.map((reference) => {
    const { id, name } = resolve('secret', reference.SecretID, reference.SecretName);
    return { ...reference, SecretID: id, SecretName: name };
  });
  const configs = spec.Configs?.map((reference) => {
    const { id, name } = resolve('config', reference.ConfigID, reference.ConfigName);
    return { ...reference, ConfigID: id, ConfigName: name };
  });
  refuseMissing('secret', missing.secret);
  refuseMissing('config', missing.config);
  const credential = resolveCredential(view, spec, configs ?? []);
  // A mount of no kind is a bind to Docker: one that is stored says so, for whoever runs, shows or compares it.
  const mounts = spec.Mounts?.map((mount) => ({ ...mount, Type: mount.Type ?? ('bind' as const) }));
  return {
    ...spec,
    ...(secrets && { Secrets: secrets }),
    ...(configs && { Configs: configs }),
    ...(mounts && { Mounts: mounts }),
    ...credential,
  };
}

/** A credential spec's config may come by name too. It is one of those that the container has for its runtime. */
function resolveCredential(view: View, spec: ContainerSpec, configs: readonly ConfigReference[]): Pick<ContainerSpec, 'Privileges'> {
  const credential = spec.Privileges?.CredentialSpec;
  if (!credential?.Config) return {};
  const config = view.get('config', credential.Config) ?? view.byName('config', credential.Config);
  if (!config || !configs.some(({ ConfigID, Runtime }) => Runtime && ConfigID === config.ID)) {
    const text = `CredentialSpec references config '${credential.Config}', but that config isn't in config references with RuntimeTarget`;
    throw new Refusal('invalidArgument', text);
  }
  return { Privileges: { ...spec.Privileges, CredentialSpec: { ...credential, Config: config.ID } } };
}

function refuseMissing(kind: FileKind, names: readonly string[]): void {
  if (names.length === 0) return;
  throw new Refusal('invalidArgument', `${kind}${names.length > 1 ? 's' : ''} not found: ${names.join(', ')}`);
}
