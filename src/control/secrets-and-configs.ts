/** Secrets and configs: one set of rules for both, told apart by kind. */
import { equal } from '#base/equal';
import { Refusal } from '#base/refusal';
import { configSpec, secretSpec } from '#model/shape/object-shapes';
import type { ConfigSpec, SecretSpec } from '#model/object/secret';
import { sameContent, withoutPadding } from '#model/version-names';
import { create, newMeta, remove, update, type Action } from '#store/action';
import type { View } from '#store/view';
import type { UseCase } from './cluster.ts';
import { checkVersion, findObject } from './find.ts';
import { checkFileName } from './names.ts';
import { usersText } from './users.ts';

export type FileKind = 'secret' | 'config';

/** Data must be smaller than this, bytes (swarmkit api/validation/secrets.go, configs.go). */
const dataLimits: Readonly<Record<FileKind, number>> = { secret: 512_000, config: 1_024_000 };

export function createFile(kind: FileKind, spec: SecretSpec | ConfigSpec): UseCase<{ ID: string }> {
  return (view, { newId }) => {
    checkFile(kind, spec);
    if (view.byName(kind, spec.Name)) throw new Refusal('alreadyExists', `${kind} ${spec.Name} already exists`);
    const ID = newId();
    return { actions: [create(kind, { ...newMeta(ID), Spec: spec })], result: { ID } };
  };
}

/** Only labels may change: whoever reads the data was promised that it stays. */
export function updateFile(kind: FileKind, ref: string, version: number, spec: SecretSpec | ConfigSpec): UseCase<void> {
  return (view) => {
    const object = findObject(view, kind, ref);
    checkVersion(object, version);
    if (!onlyLabelsDiffer(object.Spec, spec)) throw new Refusal('invalidArgument', 'only updates to Labels are allowed');
    return { actions: [relabel(kind, object, spec)], result: undefined };
  };
}

export function removeFile(kind: FileKind, ref: string): UseCase<void> {
  return (view) => {
    const object = findObject(view, kind, ref);
    const users = usersText(view, kind, object.ID, object.Spec.Name);
    if (users !== undefined) throw new Refusal('invalidArgument', users);
    return { actions: [remove(kind, object.ID)], result: undefined };
  };
}

/** Checks a spec that is to be created. */
export function checkFile(kind: FileKind, spec: SecretSpec | ConfigSpec): void {
  (kind === 'secret' ? secretSpec : configSpec)(spec, '');
  checkFileName(spec.Name);
  const limit = dataLimits[kind];
  const driver = 'Driver' in spec ? spec.Driver : undefined;
  if (driver !== undefined) {
    if (!driver.Name) throw new Refusal('invalidArgument', 'secret driver must have a name');
    throw new Refusal('unimplemented', `secret driver ${driver.Name} is not supported: secrets hold their data here`, { plain: true });
  }
  const size = dataSize(spec.Data ?? '');
  if (size === 0 || size >= limit) {
    throw new Refusal('invalidArgument', `${kind} data must be larger than 0 and less than ${limit} bytes`);
  }
  const templating = spec.Templating?.Name;
  if (templating !== undefined && templating !== '' && templating !== 'golang') {
    throw new Refusal('invalidArgument', `unrecognized template type "${templating}": only golang is known`);
  }
}

/** True when `next` asks for no more than other labels; data that is left out stays. */
export function onlyLabelsDiffer(current: SecretSpec | ConfigSpec, next: SecretSpec | ConfigSpec): boolean {
  if (current.Name !== next.Name) return false;
  const drivers = [current, next].map((spec) => ('Driver' in spec ? spec.Driver : undefined));
  if (!equal(drivers[0], drivers[1])) return false;
  if (next.Templating !== undefined && !equal(current.Templating, next.Templating)) return false;
  // Docker never gives a secret's data back: where nothing tells its content, its name stands for it.
  return !next.Data || (sameContent(current, next.Data) ?? true);
}

/** Bytes that a base64 text stands for. */
function dataSize(base64: string): number {
  return Math.floor((withoutPadding(base64).length * 3) / 4);
}

/** The object with the labels of `spec`. */
export function relabel<K extends FileKind>(kind: K, object: { ID: string; Spec: SecretSpec | ConfigSpec } & object, spec: SecretSpec | ConfigSpec): Action {
  const { Labels: _dropped, ...kept } = object.Spec;
  const Spec = { ...kept, ...(spec.Labels && { Labels: spec.Labels }) };
  return update(kind, { ...object, Spec } as never);
}

/** The stored object of that name, by id first when one is given. */
export function findFile(view: View, kind: FileKind, id: string | undefined, name: string) {
  return id ? view.get(kind, id) : view.byName(kind, name);
}
