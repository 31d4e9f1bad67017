/** The versions of a stack's secrets and configs: control holds the data, compares it, and gives new content a new name. */
import type { SecretSpec } from '#model/object/secret';
import type { OwnedObject, StackSpec } from '#model/object/stack';
import { versionName, versionsByName, withVersions } from '#model/version-names';
import type { View } from '#store/view';
import type { FileKind } from '../secrets-and-configs.ts';

/** The stack with the names under which its secrets and configs are, or will be, stored. */
export function inVersions(view: View, spec: StackSpec, inventory: readonly OwnedObject[]): StackSpec {
  const { Versioned } = spec;
  if (!Versioned) return spec;
  const secret = namesOf(view, 'secret', spec.Secrets, new Set(Versioned.Secrets), inventory);
  const config = namesOf(view, 'config', spec.Configs, new Set(Versioned.Configs), inventory);
  return withVersions(spec, { secret, config });
}

/** What of the inventory is a version of a secret or config that the stack still has: such ones follow each other without number. */
export function versionsIn(inventory: readonly OwnedObject[], versioned: StackSpec['Versioned']): OwnedObject[] {
  const of = (kind: FileKind, plain: readonly string[] = []): OwnedObject[] => {
    const versions = versionsByName(inventory.filter(({ Kind }) => Kind === kind));
    return [...new Set(plain.flatMap(versions))];
  };
  const found = new Set([...of('secret', versioned?.Secrets), ...of('config', versioned?.Configs)]);
  return inventory.filter((object) => found.has(object));
}

function namesOf(
  view: View,
  kind: FileKind,
  specs: readonly SecretSpec[],
  versioned: ReadonlySet<string>,
  inventory: readonly OwnedObject[],
): Map<string, string> {
  const versions = versionsByName(inventory.flatMap(({ Kind, ID }) => (Kind === kind ? (view.get(kind, ID)?.Spec ?? []) : [])));
  const names = new Map<string, string>();
  const given = new Set(specs.map(({ Name }) => Name).filter((name) => !versioned.has(name)));
  for (const spec of specs) {
    if (!versioned.has(spec.Name)) continue;
    const name = versionName(spec, versions(spec.Name), (candidate) => given.has(candidate) || view.byName(kind, candidate) !== undefined);
    given.add(name);
    names.set(spec.Name, name);
  }
  return names;
}
