/**
 * The age key of one repository, which follows from the cluster's own and the repository's name: what is sealed for one, another cannot have opened.
 * By name, so that one that is added anew, as its URL has changed or the cluster came back from a backup, reads what it had; and one that another
 * declares by the names of all above it, so that nobody who may write to a repository takes another's by declaring a child that is named so.
 */
import { createPrivateKey, createPublicKey, hkdfSync } from 'node:crypto';
import { bech32 } from '#base/text/bech32';
import type { Sealing } from '#model/object/cluster';
import { type Repository, type RepositoryKeys, trustOf } from '#model/object/repository';
import type { View } from '#store/view';
import { sealingOf } from '../sealing.ts';

const keyBytes = 32;
/** Of a private X25519 key, in PKCS#8, before its bytes. */
const keyHead = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** With what the files are opened that are sealed in a repository; undefined: the cluster has no key yet. */
export function keysFor(view: View, repository: Repository): RepositoryKeys | undefined {
  const cluster = sealingOf(view);
  if (!cluster) return undefined;
  const { Spec } = repository;
  return { Name: Spec.Name, Own: identityOf(secretFor(cluster, sealedAs(view, repository))), Whole: isWhole(view, repository) };
}

/** What declares it bounds it: also what was taken from that one since. */
function isWhole(view: View, { Spec, Parent }: Repository): boolean {
  const parent = Parent === undefined ? undefined : view.get('repository', Parent);
  return trustOf(Spec) === 'full' && (parent === undefined || isWhole(view, parent));
}

/** The names of all above it and its own, unless it was given another place while it kept its key. */
export function sealedAs(view: View, { Spec, Parent, SealedAs }: Repository): string {
  const parent = Parent === undefined ? undefined : view.get('repository', Parent);
  return SealedAs ?? `${parent ? `${sealedAs(view, parent)}/` : ''}${Spec.Name.toLowerCase()}`;
}

/** With the public part, which takes some milliseconds to make. */
export function sealingFor(cluster: Pick<Sealing, 'Identity'>, place: string): Sealing {
  const secret = secretFor(cluster, place);
  const key = createPrivateKey({ key: Buffer.concat([keyHead, secret]), format: 'der', type: 'pkcs8' });
  const open = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-keyBytes);
  return { Identity: identityOf(secret), Recipient: bech32('age', open) };
}

function secretFor({ Identity }: Pick<Sealing, 'Identity'>, place: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', Identity, '', `shoal repository ${place}`, keyBytes));
}

function identityOf(secret: Uint8Array): string {
  return bech32('age-secret-key-', secret).toUpperCase();
}
