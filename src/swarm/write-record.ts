/** What we asked for and what Docker made of it: the way to tell its habits from somebody's change. */
import { equal } from '#base/equal';
import { wasRolledBack } from '#model/health/rolled-back';
import type { Service, ServiceOrigin, WrittenSpec } from '#model/object/service';
import type { ServiceSpec, TaskSpec } from '#model/object/service-spec';
import type { Task } from '#model/object/task';
import type { DockerService, DockerTask } from './docker-json.ts';

/** The spec in force and the one before, which a rollback brings back. */
const kept = 2;

/** One write of a service: Docker shows neither what it was asked nor with which right it pulls the image. */
export interface ServiceWrite extends WrittenSpec {
  registryAuth: string | undefined;
  /** Docker shows no numbers of specs: ours. */
  version: number;
  origin: ServiceOrigin | undefined;
}

/** A record of a service that we wrote; `earlier` is the record until now. */
export function writtenRecord(id: string, { registryAuth, version, origin, ...spec }: ServiceWrite, earlier: Service | undefined): Service {
  const before = (earlier?.Shoal.Written ?? []).filter(({ Stored }) => !equal(Stored, spec.Stored));
  const Written = [spec, ...before].slice(0, kept);
  // Docker goes on with the one it has when a write brings none.
  const RegistryAuth = registryAuth ?? earlier?.Shoal.RegistryAuth;
  return {
    ID: id,
    Version: { Index: 0 },
    CreatedAt: '',
    UpdatedAt: '',
    Spec: spec.Asked,
    Shoal: { SpecVersion: version, Written, ...(origin && { Origin: origin }), ...(RegistryAuth && { RegistryAuth }) },
  };
}

/** Docker's service in the words in which we asked for it, as far as it is still what we asked for. */
export function serviceOf(docker: DockerService, record: Service | undefined): Service {
  const written = record?.Shoal.Written ?? [];
  const Spec = inOurWords(docker.Spec, written);
  const PreviousSpec = docker.PreviousSpec && inOurWords(docker.PreviousSpec, written);
  const { RegistryAuth, Origin } = record?.Shoal ?? {};
  const Shoal = { ...versionsOf(docker, record), ...(Origin && { Origin }), ...(RegistryAuth && { RegistryAuth }) };
  return { ...docker, Spec, ...(PreviousSpec && { PreviousSpec }), Shoal };
}

/** The number of the spec in force: the one that we wrote, the one before when Docker went back to it, and a new one for somebody else's. */
function versionsOf(docker: DockerService, record: Service | undefined): { SpecVersion: number; PreviousSpecVersion: number } {
  const version = record?.Shoal.SpecVersion ?? 0;
  const [newest, before] = record?.Shoal.Written ?? [];
  if (!newest || equal(newest.Stored, docker.Spec)) return { SpecVersion: version, PreviousSpecVersion: version - 1 };
  if (before && wasRolledBack(docker) && equal(before.Stored, docker.Spec)) return { SpecVersion: version - 1, PreviousSpecVersion: version };
  return { SpecVersion: version + 1, PreviousSpecVersion: version };
}

/** A task with the service's name and the number of its spec. `docker` is the service as Docker has it, `service` as we know it. */
export function taskOf(task: DockerTask, docker: DockerService | undefined, service: Service | undefined): Task {
  const ofCurrent = docker !== undefined && equal(withoutRuntime(task.Spec), withoutRuntime(docker.Spec.TaskTemplate));
  const { Name = '', Labels = {} } = docker?.Spec ?? {};
  const { SpecVersion = 0, PreviousSpecVersion = -1 } = service?.Shoal ?? {};
  const { NetworksAttachments, ...rest } = task;
  return {
    ...rest,
    ...(NetworksAttachments && { NetworksAttachments: NetworksAttachments.map((attachment) => ({ ...attachment, Addresses: attachment.Addresses ?? [] })) }),
    Shoal: { ServiceName: Name, ServiceLabels: Labels, SpecVersion: ofCurrent ? SpecVersion : PreviousSpecVersion },
  };
}

/** Docker says it for services and not for tasks. */
function withoutRuntime(spec: TaskSpec): object {
  return { ...spec, Runtime: undefined };
}

function inOurWords(live: ServiceSpec, written: readonly WrittenSpec[]): ServiceSpec {
  const base = written.find(({ Stored }) => equal(Stored, live)) ?? written[0];
  return base ? (merged(live, base.Stored, base.Asked) as ServiceSpec) : live;
}

/** `asked` wherever `live` is still what was stored for it; `live` where somebody changed it. */
function merged(live: unknown, stored: unknown, asked: unknown): unknown {
  if (equal(live, stored)) return asked;
  if (!isRecord(live) || !isRecord(stored) || !isRecord(asked)) return live;
  const result: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(live), ...Object.keys(asked)])) {
    const value = merged(live[key], stored[key], asked[key]);
    if (value !== undefined) result[key] = value;
  }
  return result;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
