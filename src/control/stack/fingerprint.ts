/** What a plan was made for, in one word: the stack that is asked for, and the cluster as it was. Another word: one of them moved, and what was read is no longer what would be done. */
import { createHash } from 'node:crypto';
import type { StackSpec } from '#model/object/stack';
import type { View } from '#store/view';
import { compareTexts } from '#base/text/text';
import { networkNamed } from '../find.ts';
import { inventoryOf, labelledObjects, ownedKinds } from './inventory.ts';

const shownDigits = 16;

/** `digest` is that of the spec as it is asked for. How far a rollout is does not count; what the objects ask for does. */
export function stackFingerprint(view: View, { Name, External }: StackSpec, digest: string, prune: boolean): string {
  const stack = view.byName('stack', Name);
  const ids = new Set([...inventoryOf(view, stack), ...ownedKinds.flatMap((kind) => labelledObjects(view, kind, Name))].map(({ ID }) => ID));
  const owned = [...ids].toSorted(compareTexts).map((id) => [id, versionOf(view, id)]);
  const foreign = [...External.Networks, ...External.Secrets, ...External.Configs].map((name) => [
    name,
    (networkNamed(view, name) ?? view.byName('secret', name) ?? view.byName('config', name))?.ID ?? '',
  ]);
  const text = JSON.stringify([digest, prune, stack?.Digest ?? '', stack?.Source ?? '', owned, foreign]);
  return createHash('sha256').update(text).digest('hex').slice(0, shownDigits);
}

function versionOf(view: View, id: string): string | number {
  const service = view.get('service', id);
  if (service) return service.Shoal.SpecVersion;
  const other = view.get('network', id) ?? view.get('secret', id) ?? view.get('config', id);
  return other ? JSON.stringify(other.Spec.Labels ?? {}) : 'gone';
}
