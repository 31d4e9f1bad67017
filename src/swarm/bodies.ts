/** Our specs as the bodies that a Docker Swarm takes: Docker's own words only. */
import { Refusal } from '#base/refusal';
import type { NetworkSpec } from '#model/object/network';
import type { ServiceSpec } from '#model/object/service-spec';

/** The API versions before this one were told to refuse a second network of the same name. */
const duplicatesRefusedMinor = 44;

/** `local`: a network of a driver of one host, as docker's own CLI asks for it. `swarm`: the same in the whole swarm, where services can attach to it. */
export type OtherDrivers = 'local' | 'swarm';

/** Body of `POST /networks/create` as Docker's CLI writes it: every field present. `minor`: of the API version in use. */
export function networkBody(spec: NetworkSpec, minor: number, otherDrivers: OtherDrivers): Record<string, unknown> {
  const { IPAM: ipam } = spec;
  const Driver = spec.Driver || 'overlay';
  return {
    Driver,
    Scope: otherDrivers === 'swarm' && Driver !== 'overlay' ? 'swarm' : '',
    IPAM: ipam === undefined ? null : { Driver: ipam.Driver ?? '', Options: ipam.Options ?? null, Config: ipam.Config ?? null },
    Internal: spec.Internal ?? false,
    Attachable: spec.Attachable ?? false,
    Ingress: false,
    ConfigOnly: false,
    ConfigFrom: null,
    Options: spec.Options ?? null,
    Labels: spec.Labels ?? {},
    Name: spec.Name,
    ...(spec.EnableIPv6 === true && { EnableIPv6: true }),
    ...(minor < duplicatesRefusedMinor && { CheckDuplicate: true }),
  };
}

/** Members of `Shoal` that only say how we would go about it: without them a Docker Swarm runs the same containers. */
const hints: ReadonlySet<string> = new Set(['DependsOn', 'AppProtocol', 'PullPolicy']);

export interface ServiceBody {
  body: ServiceSpec;
  /** The hints that Docker has no word for: `DependsOn`. */
  leftOut: readonly string[];
}

/** Body of a service's create or update. Refuses by name what would be lost on the way and change the containers. */
export function serviceBody(spec: ServiceSpec): ServiceBody {
  const words: string[] = [];
  const body = withoutExtensions(spec, '', words) as ServiceSpec;
  const [leftOut, lost] = [words.filter(isHint), words.filter((word) => !isHint(word))];
  if (lost.length > 0) {
    throw new Refusal('invalidArgument', `service ${spec.Name}: Docker Swarm cannot do this, only a cluster of shoal's own can: ${lost.join(', ')}`);
  }
  return { body, leftOut: [...new Set(leftOut)] };
}

/** What a user is told of hints. */
export function leftOutText(service: string, leftOut: readonly string[]): string {
  return `service ${service}: Docker Swarm has no ${leftOut.join(', ')}; left out`;
}

function isHint(word: string): boolean {
  return hints.has(word.slice(word.lastIndexOf('.') + 1));
}

function withoutExtensions(value: unknown, path: string, words: string[]): unknown {
  if (Array.isArray(value)) return value.map((item, index) => withoutExtensions(item, `${path}[${index}]`, words));
  if (typeof value !== 'object' || value === null) return value;
  const result: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    // Labels and options are users' own words, whatever they are called.
    const own = key === 'Shoal' && !/(Labels|Options|DriverOpts|Sysctls)$/.test(path);
    if (own) words.push(...Object.keys((member ?? {}) as object).map((name) => `${path === '' ? '' : `${path}.`}${name}`));
    else result[key] = withoutExtensions(member, path === '' ? key : `${path}.${key}`, words);
  }
  return result;
}
