/** What a container spec must fulfil by itself (swarmkit manager/controlapi/service.go). */
import { nanosecondsPerMillisecond } from '#base/text/duration';
import { Refusal } from '#base/refusal';
import { readImage } from '#model/image/image-reference';
import { isMacAddress } from '#model/mac-address';
import type { ConfigReference, ContainerSpec, Healthcheck, SecretReference } from '#model/object/service-spec';

export function checkContainer(spec: ContainerSpec): void {
  checkReference(spec.Image);
  checkMounts(spec);
  checkHealth(spec.Healthcheck);
  checkTargets('secret', spec.Secrets ?? []);
  checkTargets('config', spec.Configs ?? []);
  const mac = spec.Shoal?.MacAddress;
  if (mac && !isMacAddress(mac))
    throw new Refusal('invalidArgument', `ContainerSpec: ${JSON.stringify(mac)} is not a valid mac address of one host (such as 02:42:ac:11:65:43)`);
}

function checkReference(image: string | undefined): void {
  if (!image) throw new Refusal('invalidArgument', 'ContainerSpec: image reference must be provided');
  if (!readImage(image)) throw new Refusal('invalidArgument', `ContainerSpec: "${image}" is not a valid repository/tag`);
}

function checkMounts(spec: ContainerSpec): void {
  const targets = new Set<string>();
  for (const mount of spec.Mounts ?? []) {
    const target = mount.Target ?? '';
    if (target === '') throw new Refusal('invalidArgument', 'invalid mount config for type "' + (mount.Type ?? '') + '": field Target must not be empty');
    if (targets.has(target)) throw new Refusal('invalidArgument', `ContainerSpec: duplicate mount point: ${target}`);
    targets.add(target);
  }
}

function checkHealth(check: Healthcheck | undefined): void {
  const durations = {
    Interval: check?.Interval,
    Timeout: check?.Timeout,
    StartPeriod: check?.StartPeriod,
    StartInterval: check?.StartInterval,
  };
  for (const [name, value] of Object.entries(durations)) {
    if (value && value < nanosecondsPerMillisecond) {
      throw new Refusal('invalidArgument', `ContainerSpec: ${name} in HealthConfig cannot be less than 1ms`);
    }
  }
  if ((check?.Retries ?? 0) < 0) throw new Refusal('invalidArgument', 'ContainerSpec: Retries in HealthConfig cannot be negative');
}

/** Two references must not write one file, and each must say which object it means. */
function checkTargets(kind: 'secret' | 'config', references: readonly (SecretReference | ConfigReference)[]): void {
  const takenBy = new Map<string, string>();
  for (const reference of references) {
    const name = 'SecretName' in reference ? reference.SecretName : reference.ConfigName;
    const id = 'SecretName' in reference ? reference.SecretID : reference.ConfigID;
    if (!name && !id) throw new Refusal('invalidArgument', `malformed ${kind} reference`);
    // A config without a file serves the runtime, as credential specs do.
    if ('Runtime' in reference && reference.Runtime) continue;
    if (!reference.File) throw new Refusal('invalidArgument', `malformed ${kind} reference, no target provided`);
    const target = reference.File.Name;
    if (!target) throw new Refusal('invalidArgument', `malformed file ${kind} reference, invalid target file name provided`);
    const other = takenBy.get(target);
    if (other !== undefined) {
      throw new Refusal('invalidArgument', `${kind} references '${other}' and '${name}' have a conflicting target: '${target}'`);
    }
    takenBy.set(target, name);
  }
}
