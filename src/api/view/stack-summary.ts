/** Stacks as lists show them: those with a record, and those known only by the label on their services. */
import type { Clock } from '#base/clock';
import { compareTexts } from '#base/text/text';
import { revisionWithDigest } from '#control/stack/revisions';
import { claimOn } from '#control/explain/claims';
import { isEmptyRecord } from '#control/stack/inventory';
import { healthOfStack, nodesOf, withMissing, type StackHealth } from '#control/stack/stack-health';
import { namespaceLabel } from '#model/object/meta';
import type { Service } from '#model/object/service';
import { conditionOf, type Stack, type StackCondition, type StackLeaving, type StackSource } from '#model/object/stack';
import type { Reconciler, View } from '../dependencies.ts';

export interface StackSummary {
  Name: string;
  /** Number of services. */
  Services: number;
  Source: StackSource;
  Condition: StackCondition;
  /** How its tasks fare; absent for a folder that was never applied. */
  Health?: Omit<StackHealth, 'Quarantined'>;
  /** What was changed by hand and is not reverted yet. */
  Drifted?: readonly string[];
  /** What a newer commit would change, and does not while it is suspended. */
  Waiting?: readonly string[];
  Suspended?: { Since: string };
  /** It is gone from its repository, and goes at that time. */
  Leaving?: StackLeaving;
  Quarantined?: true;
  /** The number of the revision that it is in force as. */
  Revision?: number;
  UpdatedAt: string;
}

export interface StackDetails extends StackSummary {
  ServiceNames: readonly string[];
  /** The number of the spec that each service has now: whoever waits, waits for these. */
  Versions: readonly { ID: string; Name: string; SpecVersion: number }[];
}

export interface SummaryParts {
  clock: Pick<Clock, 'now'>;
  reconciler: Pick<Reconciler, 'waiting'>;
}

interface StackParts {
  record?: Stack;
  services: Service[];
}

/** Sorted by name; each made when it is asked for. */
export function* stackSummaries(view: View, parts: SummaryParts): Iterable<StackSummary> {
  const summarise = summariser(view, parts);
  for (const [name, stack] of [...stackParts(view)].sort(([a], [b]) => compareTexts(a, b))) yield summarise(name, stack);
}

/** One stack with the names of its services; undefined when nothing is known of it. */
export function stackDetails(view: View, name: string, parts: SummaryParts): StackDetails | undefined {
  const stack = stackParts(view).get(name);
  if (!stack) return undefined;
  const Versions = stack.services
    .map(({ ID, Spec, Shoal }) => ({ ID, Name: Spec.Name, SpecVersion: Shoal.SpecVersion }))
    .toSorted((a, b) => compareTexts(a.Name, b.Name));
  return { ...summariser(view, parts)(name, stack), ServiceNames: Versions.map(({ Name }) => Name), Versions };
}

function stackParts(view: View): Map<string, StackParts> {
  const stacks = new Map<string, StackParts>();
  for (const record of view.list('stack')) stacks.set(record.Spec.Name, { record, services: [] });
  for (const service of view.list('service')) {
    const name = service.Spec.Labels?.[namespaceLabel];
    if (name === undefined) continue;
    const parts = stacks.get(name);
    if (parts) parts.services.push(service);
    else stacks.set(name, { services: [service] });
  }
  return stacks;
}

/** What is the same for all stacks is found once. */
function summariser(view: View, { clock, reconciler }: SummaryParts): (name: string, parts: StackParts) => StackSummary {
  const nodes = nodesOf(view);
  const now = clock.now();
  const repositories = new Map([...view.list('repository')].map((repository) => [repository.Spec.Name, repository]));
  return (name, { record, services }) => {
    const UpdatedAt = [record, ...services].map((part) => part?.UpdatedAt ?? '').reduce((newest, time) => (time > newest ? time : newest), '');
    const own = record?.Source.Kind === 'repository' ? repositories.get(record.Source.Repository) : undefined;
    const running = healthOfStack(view, services, nodes, now);
    const { Quarantined, ...Health } = record ? withMissing(view, record, running) : running;
    const waiting = reconciler.waiting(name);
    const revision = record && revisionWithDigest(view, name, record.Digest);
    const Suspended = record?.Suspended ?? own?.Suspended;
    return {
      Name: name,
      Services: services.length,
      Source: record?.Source ?? { Kind: 'deploy' },
      Condition: claimOn(view, name) ?? (record && conditionOf(record)) ?? { State: 'applied', Message: '', Since: UpdatedAt },
      ...(!(record && isEmptyRecord(record)) && { Health }),
      ...(waiting?.drift === true && { Drifted: waiting.lines }),
      ...(waiting?.drift === false && { Waiting: waiting.lines }),
      ...(Suspended && { Suspended }),
      ...(record?.Leaving && { Leaving: record.Leaving }),
      ...(((Quarantined && own) || record?.Quarantine) && { Quarantined: true }),
      ...(revision && { Revision: revision.Spec.Number }),
      UpdatedAt,
    };
  };
}
