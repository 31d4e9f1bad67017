/** The release that a repository's file wants: who may say so, and what is noted of it. */
import { Refusal } from '#base/refusal';
import { releasesLevel } from '#model/feature-level';
import { digestForm, shortDigest, type AskedRelease, type Release } from '#model/release/release';
import { trustOf, type Repository, type RepositorySpec } from '#model/object/repository';
import { update, type Action } from '#store/action';
import { writableLevel } from '#store/feature-level';
import type { Overlay } from '#store/overlay';
import { clusterOf, type View } from '#store/view';

/** The word that lets a repository say it. */
export const releaseWord = 'upgrade';
const longestUrl = 2048;

/** Whoever says what root runs on every host has full trust already. */
export function checkReleaseWord(spec: RepositorySpec): void {
  if (!spec.Allow?.includes(releaseWord) || trustOf(spec) === 'full') return;
  throw new Refusal('invalidArgument', `--allow ${releaseWord} goes with --trust full alone: a release of the program runs as root on every node`);
}

/** Why a repository may not say which release the daemons run; undefined: it may. */
export function whyNoRelease(view: View, { Spec, Parent }: Repository): string | undefined {
  if (Parent !== undefined && view.get('repository', Parent))
    return `repository ${Spec.Name} is declared by another one, and only one that an operator added may declare a release`;
  if (trustOf(Spec) !== 'full') return `repository ${Spec.Name} is of limited trust, and a release of the program runs as root on every node`;
  if (Spec.Allow?.includes(releaseWord)) return undefined;
  return `repository ${Spec.Name} is not allowed to declare a release: \`shoal repo update ${Spec.Name} --trust full --allow ${releaseWord}\``;
}

/** Notes what the file of `commit` wants; nothing that is said already. What is not wanted any more is told to nobody, and what runs stays. Answers with a line of what changes. */
export function wantRelease(overlay: Overlay, id: string, commit: string, asked: AskedRelease | undefined): string[] {
  const cluster = clusterOf(overlay);
  const repository = overlay.get('repository', id);
  const before = cluster?.Shoal?.Release;
  if (!repository || (!asked && before?.Repository !== id)) return [];
  if (!cluster) throw new Refusal('unimplemented', 'release: a Docker Swarm runs programs of its own: a release is for the daemons of a cluster of shoal’s');
  if (!asked) {
    overlay.lay(dropped(overlay));
    return ['no release is wanted any more: each node goes on with what it runs'];
  }
  checkAsked(asked);
  const barred = whyNoRelease(overlay, repository);
  if (barred !== undefined) throw new Refusal('failedPrecondition', `release: ${barred}`);
  if (writableLevel(overlay) < releasesLevel)
    throw new Refusal(
      'failedPrecondition',
      'release: all nodes of the cluster have to run this version or a later one before a repository can say which they run',
    );
  const other = before && before.Repository !== id ? overlay.get('repository', before.Repository) : undefined;
  if (other && whyNoRelease(overlay, other) === undefined)
    throw new Refusal('alreadyExists', `release: repository ${other.Spec.Name} declares one already, and a cluster takes it from one repository alone`);
  if (before && before.Repository === id && before.URL === asked.URL && before.Digest === asked.Digest) return [];
  const Release: Release = { URL: asked.URL, Digest: asked.Digest, Repository: id, Commit: commit, Attempt: (before?.Attempt ?? 0) + 1 };
  overlay.lay(dropped(overlay));
  const now = clusterOf(overlay) ?? cluster;
  overlay.lay([update('cluster', { ...now, Shoal: { ...now.Shoal, Release } })]);
  return [`release ${shortDigest(asked.Digest)} is wanted on every node, from ${asked.URL}`];
}

function checkAsked({ URL: url, Digest }: AskedRelease): void {
  const read = url.length <= longestUrl && URL.canParse(url) ? new URL(url) : undefined;
  if (!read || !['http:', 'https:'].includes(read.protocol) || read.hostname === '')
    throw new Refusal(
      'invalidArgument',
      `release: url is an https:// or http:// address of at most ${longestUrl} characters, where each node can fetch the package`,
    );
  if (read.username !== '' || read.password !== '')
    throw new Refusal('invalidArgument', 'release: url holds a login, and every node would be told of it: take a place that needs none');
  if (!digestForm.test(Digest))
    throw new Refusal('invalidArgument', 'release: sha256 is the 64 hexadecimal digits, in small letters, that `sha256sum` prints of the package');
}

/** Nobody is to run it any more because he was told so. */
function dropped(view: View): Action[] {
  const cluster = clusterOf(view);
  const { Release: gone, ...rest } = cluster?.Shoal ?? {};
  const told = [...view.list('node')].flatMap((node) => {
    if (!node.Shoal?.Release) return [];
    const { Release: _told, ...Shoal } = node.Shoal;
    return [update('node', { ...node, Shoal })];
  });
  return [...told, ...(cluster && gone ? [update('cluster', { ...cluster, Shoal: rest })] : [])];
}

/** What failed at that commit is tried once more; undefined: nothing of that commit waits for this word. `commit` may be shortened. */
export function retried(view: View, { ID }: Repository, commit: string): { actions: Action[]; result: { Commit: string } } | undefined {
  const cluster = clusterOf(view);
  const { Paused, ...release } = cluster?.Shoal?.Release ?? {};
  if (!cluster || !Paused || !('Commit' in release) || release.Repository !== ID || !release.Commit.startsWith(commit)) return undefined;
  const Release: Release = { ...release, Attempt: release.Attempt + 1 };
  return { actions: [update('cluster', { ...cluster, Shoal: { ...cluster.Shoal, Release } })], result: { Commit: release.Commit } };
}
