/** The filters that a node must pass, in SwarmKit's order and with its explanations (manager/scheduler/filter.go). */
import { counted } from '#base/text/human';
import { roleOf } from '#model/manager-address';
import { Refusal } from '#base/refusal';
import { nodeMatches, parseConstraints, type Constraint } from '#model/constraint';
import { isEncrypted } from '#model/object/network';
import { canEncrypt } from '#model/object/node';
import type { Task } from '#model/object/task';
import { pendingTexts } from '#model/health/pending-reason';
import { hostAddressOf, publishedKey } from '#model/port/port';
import { fixedPortsOf } from '#store/index/node-load';
import type { Candidate } from './candidate.ts';
import { onNodes, type Filter } from './filter.ts';
import { neededPlugins, pluginFilter } from './plugins.ts';

/** What a task asks of its node: tasks with the same key are refused by the same nodes for the same reasons. */
export interface Requirement {
  key: string;
  filters: readonly Filter[];
}

/** All that matters for `task` but the limit per node, which each service has for itself. */
export function requirementOf(task: Task): { key: string; filters: () => Requirement['filters'] } {
  const filters = [readyFilter, resourceFilter, pluginFilter, constraintFilter, platformFilter, encryptionFilter, hostPortFilter, volumeFilter];
  return { key: keyOf(task), filters: () => filters.flatMap((filter) => filter(task) ?? []) };
}

/** The limit per node stands before the volumes, which no node has. */
export function withMaxReplicas(filters: readonly Filter[], task: Task): readonly Filter[] {
  const limit = maxReplicasFilter(task);
  if (!limit) return filters;
  return wantsVolume(task) ? [...filters.slice(0, -1), limit, ...filters.slice(-1)] : [...filters, limit];
}

/** Empty for a task that asks for nothing in particular. */
function keyOf(task: Task): string {
  const { Resources, Placement } = task.Spec;
  const ports = fixedPortsOf(task);
  const parts: unknown[] = [];
  if (Resources?.Reservations) parts.push(Resources.Reservations);
  if (Placement?.Constraints?.length) parts.push(Placement.Constraints);
  if (Placement?.Platforms?.length) parts.push(Placement.Platforms);
  if (ports.length > 0) parts.push(ports.map((port) => [publishedKey(port), hostAddressOf(port)]));
  const plugins = neededPlugins(task);
  if (plugins.length > 0) parts.push(plugins);
  if (wantsEncryption(task)) parts.push('encryption');
  if (wantsVolume(task)) parts.push('volume');
  return parts.length === 0 ? '' : JSON.stringify(parts);
}

/** True when the node passes all. */
export function acceptsAll(filters: readonly Filter[], candidate: Candidate): boolean {
  return filters.every((filter) => filter.accepts(candidate));
}

/** Why none of `candidates` will do: each counts for the first filter that refuses it, the most frequent first. */
export function explain(filters: readonly Filter[], candidates: Iterable<Candidate>): string {
  const counts = new Map<Filter, number>(filters.map((filter) => [filter, 0]));
  for (const candidate of candidates) {
    const refusing = filters.find((filter) => !filter.accepts(candidate));
    if (refusing) counts.set(refusing, (counts.get(refusing) ?? 0) + 1);
  }
  const refused = [...counts].filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a);
  return refused.map(([filter, count]) => filter.explain(count)).join('; ');
}

function readyFilter(): Filter {
  return {
    accepts: ({ node }) => node.Status.State === 'ready' && node.Spec.Availability === 'active',
    explain: (count) => `${counted(count, 'node')} ${pendingTexts.unavailable}`,
  };
}

function resourceFilter(task: Task): Filter | undefined {
  const { NanoCPUs = 0, MemoryBytes = 0, GenericResources = [] } = task.Spec.Resources?.Reservations ?? {};
  if (NanoCPUs === 0 && MemoryBytes === 0 && GenericResources.length === 0) return undefined;
  return {
    accepts: (candidate) =>
      // What is not asked for is not looked at: a node may be overbooked in it, and what it has of it must be counted first.
      (NanoCPUs === 0 || NanoCPUs <= candidate.freeCPUs) &&
      (MemoryBytes === 0 || MemoryBytes <= candidate.freeMemory) &&
      (GenericResources.length === 0 || candidate.generic.has(GenericResources)),
    explain: onNodes(pendingTexts.resources),
  };
}

function constraintFilter(task: Task): Filter | undefined {
  const expressions = task.Spec.Placement?.Constraints ?? [];
  if (expressions.length === 0) return undefined;
  const constraints = parsed(expressions);
  return {
    accepts: ({ node }) => constraints !== undefined && nodeMatches(constraints, node, roleOf(node)),
    explain: onNodes(pendingTexts.constraints),
  };
}

/** Undefined when they cannot be read: then no node satisfies them, rather than every one. */
function parsed(expressions: readonly string[]): Constraint[] | undefined {
  try {
    return parseConstraints(expressions);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

const architectures: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' };

function normalised(architecture: string): string {
  return architectures[architecture] ?? architecture;
}

function platformFilter(task: Task): Filter | undefined {
  const platforms = task.Spec.Placement?.Platforms ?? [];
  if (platforms.length === 0) return undefined;
  return {
    accepts: ({ node }) => {
      const own = node.Description?.Platform;
      if (!own) return false;
      return platforms.some(({ Architecture, OS }) => (!Architecture || normalised(Architecture) === normalised(own.Architecture)) && (!OS || OS === own.OS));
    },
    explain: onNodes(pendingTexts.platform),
  };
}

/** A node that lacks what encrypts would have to send as it is. */
function encryptionFilter(task: Task): Filter | undefined {
  if (!wantsEncryption(task)) return undefined;
  return {
    accepts: ({ node }) => canEncrypt(node),
    explain: onNodes(pendingTexts.encryption),
  };
}

function wantsEncryption(task: Task): boolean {
  return (task.NetworksAttachments ?? []).some(({ Network }) => isEncrypted(Network));
}

function hostPortFilter(task: Task): Filter | undefined {
  const ports = fixedPortsOf(task);
  if (ports.length === 0) return undefined;
  return {
    accepts: (candidate) => candidate.hasPortsFree(ports),
    explain: onNodes(pendingTexts.port),
  };
}

function maxReplicasFilter(task: Task): Filter | undefined {
  const max = task.Spec.Placement?.MaxReplicas ?? 0;
  if (max <= 0) return undefined;
  return {
    accepts: (candidate) => candidate.activeTasksOf(task.ServiceID) < max,
    explain: () => pendingTexts.max_replicas,
  };
}

/** There are no cluster volumes, so nobody can mount one. */
function volumeFilter(task: Task): Filter | undefined {
  if (!wantsVolume(task)) return undefined;
  return {
    accepts: () => false,
    explain: onNodes(pendingTexts.volume),
  };
}

function wantsVolume(task: Task): boolean {
  return task.Spec.ContainerSpec?.Mounts?.some((mount) => mount.Type === 'cluster') ?? false;
}
