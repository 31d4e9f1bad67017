/** Stacks as lists show them: those with a record, and those known only by the label on their services. */
import { stackCondition } from '#control/stack/stack-health';
import { namespaceLabel } from '#model/meta';
import type { Service } from '#model/service';
import type { Stack, StackCondition, StackSource } from '#model/stack';
import type { View } from '../dependencies.ts';

export interface StackSummary {
  Name: string;
  /** Number of services. */
  Services: number;
  Source: StackSource;
  Condition: StackCondition;
  UpdatedAt: string;
}

interface StackParts {
  record?: Stack;
  services: Service[];
}

/** Sorted by name. */
export function stackSummaries(view: View): StackSummary[] {
  return [...stackParts(view)].map(([name, parts]) => summary(view, name, parts)).toSorted((a, b) => (a.Name < b.Name ? -1 : 1));
}

/** One stack with the names of its services; undefined when nothing is known of it. */
export function stackDetails(view: View, name: string): (StackSummary & { ServiceNames: string[] }) | undefined {
  const parts = stackParts(view).get(name);
  if (!parts) return undefined;
  return { ...summary(view, name, parts), ServiceNames: parts.services.map((service) => service.Spec.Name).toSorted() };
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

function summary(view: View, name: string, { record, services }: StackParts): StackSummary {
  const UpdatedAt = [record, ...services].map((part) => part?.UpdatedAt ?? '').reduce((newest, time) => (time > newest ? time : newest), '');
  return {
    Name: name,
    Services: services.length,
    Source: record?.Source ?? { Kind: 'deploy' },
    Condition: record ? stackCondition(view, record, services) : { State: 'applied', Message: '', Since: UpdatedAt },
    UpdatedAt,
  };
}
