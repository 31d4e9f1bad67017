/** What one revision of a stack changes of another, object by object; what secrets and configs hold is compared and not shown. */
import { equal } from '#base/equal';
import { fieldChanges } from '#model/difference/field-changes';
import { comparable } from '#model/difference/spec-compare';
import { serviceChange, type ObjectChange } from '#model/difference/stack-plan';
import type { SecretSpec } from '#model/object/secret';
import type { OwnedKind, Revision, StackSpec } from '#model/object/stack';

/** From one to the other; what is the same in both is left out. */
export function revisionChanges(from: Revision, to: Revision): ObjectChange[] {
  const [before, after] = [from.Spec.Content, to.Spec.Content];
  return [
    ...listChanges('network', before, after, (a, b) => fieldChanges(a, b)),
    ...listChanges('secret', before, after, fileChanges),
    ...listChanges('config', before, after, fileChanges),
    ...listChanges('service', before, after, (a, b) => fieldChanges(comparable(a as never), comparable(b as never))),
  ];
}

const listNames = { network: 'Networks', secret: 'Secrets', config: 'Configs', service: 'Services' } as const satisfies Record<OwnedKind, keyof StackSpec>;

function listChanges(
  kind: OwnedKind,
  before: StackSpec,
  after: StackSpec,
  compare: (a: { Name: string }, b: { Name: string }) => ObjectChange['fields'],
): ObjectChange[] {
  const byName = (spec: StackSpec): Map<string, { Name: string }> =>
    new Map((spec[listNames[kind]] as readonly { Name: string }[]).map((item) => [item.Name, item]));
  const [old, now] = [byName(before), byName(after)];
  const changes: ObjectChange[] = [];
  for (const name of [...new Set([...old.keys(), ...now.keys()])].toSorted()) {
    const [a, b] = [old.get(name), now.get(name)];
    if (!a || !b) changes.push({ kind, name, change: a ? 'remove' : 'create', fields: [] });
    else if (!equal(a, b)) changes.push(changeOf(kind, name, a, b, compare(a, b)));
  }
  return changes;
}

function changeOf(kind: OwnedKind, name: string, a: object, b: object, fields: ObjectChange['fields']): ObjectChange {
  return kind === 'service' ? serviceChange(name, comparable(a as never), comparable(b as never)) : { kind, name, change: 'update', fields };
}

/** Data is told to differ, and no more. */
function fileChanges(a: SecretSpec, b: SecretSpec): ObjectChange['fields'] {
  const { Data: old, ...before } = a;
  const { Data: now, ...after } = b;
  return [...(old === now ? [] : [{ field: 'Data', hidden: true } as const]), ...fieldChanges(before, after)];
}
