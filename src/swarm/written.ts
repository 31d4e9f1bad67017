/** What we asked for and what Docker made of it: the way to tell its habits from somebody's change. */
import { equal } from '#base/equal';
import type { Service, WrittenSpec } from '#model/service';
import type { ServiceSpec } from '#model/service-spec';
import type { DockerService } from './shapes.ts';

/** The spec in force and the one before, which a rollback brings back. */
const kept = 2;

/** A record of a service that we wrote; `earlier` is the record until now. */
export function writtenRecord(id: string, spec: WrittenSpec, earlier: Service | undefined): Service {
  const before = (earlier?.Shoal.Written ?? []).filter(({ Stored }) => !equal(Stored, spec.Stored));
  const Written = [spec, ...before].slice(0, kept);
  return { ID: id, Version: { Index: 0 }, CreatedAt: '', UpdatedAt: '', Spec: spec.Asked, Shoal: { SpecVersion: 0, Written } };
}

/** Docker's service in the words in which we asked for it, as far as it is still what we asked for. */
export function serviceOf(docker: DockerService, record: Service | undefined): Service {
  const written = record?.Shoal.Written ?? [];
  const Spec = inOurWords(docker.Spec, written);
  const rolledBack = docker.UpdateStatus?.State.startsWith('rollback') ?? false;
  // A rollback of its own makes Docker forget what it rolled back from: without it a spec that fails would be tried for ever.
  const failed = rolledBack ? written.find(({ Stored }) => !equal(Stored, docker.Spec))?.Asked : undefined;
  const PreviousSpec = docker.PreviousSpec ? inOurWords(docker.PreviousSpec, written) : failed;
  const { PreviousSpec: _previous, ...service } = docker;
  return { ...service, Spec, ...(PreviousSpec && { PreviousSpec }), Shoal: { SpecVersion: 0 } };
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
