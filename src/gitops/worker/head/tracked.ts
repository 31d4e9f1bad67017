/** Which commit of a repository is followed: the head of a branch, a tag, the newest version of a range, or one commit. */
import { maxSatisfying, parse, type SemVer } from 'semver';

export interface Track {
  branch: string;
  /** A branch or a tag, whole (`refs/tags/v1`) or by name, or a commit: in the place of the branch. */
  ref?: string;
  /** A range of versions, in the place of both. */
  semver?: string;
}

export interface Tracked {
  commit: string;
  /** What is fetched. */
  source: string;
  /** The tag, where a range decides. */
  version?: string;
}

const wholeCommit = /^([0-9a-f]{40}|[0-9a-f]{64})$/;

/** It is named by itself: nobody has to be asked. */
export function commitOf({ ref, semver }: Track): string | undefined {
  return semver === undefined && ref !== undefined && wholeCommit.test(ref) ? ref : undefined;
}

/** A plain branch: its files say where it is. */
export function isBranchAlone({ ref, semver }: Track): boolean {
  return ref === undefined && semver === undefined;
}

/** What the server is asked for. */
export function patterns({ branch, ref, semver }: Track): string[] {
  if (semver !== undefined) return ['refs/tags/*'];
  const name = ref ?? `refs/heads/${branch}`;
  return name.startsWith('refs/') ? [name, `${name}^{}`] : [`refs/heads/${name}`, `refs/tags/${name}`, `refs/tags/${name}^{}`];
}

/** For people. */
export function trackedText({ branch, ref, semver }: Track): string {
  if (semver !== undefined) return `no tag within ${semver}`;
  return ref === undefined ? `no branch ${branch}` : `no branch or tag ${ref}`;
}

/** From the lines of `git ls-remote`. */
export function choose(track: Track, answer: string): Tracked | undefined {
  const found = new Map(
    answer
      .split('\n')
      .flatMap((line) => (/^[0-9a-f]{40,64}\t/.test(line) ? [line.split('\t') as [string, string]] : []))
      .map(([oid, name]) => [name, oid]),
  );
  const of = (name: string): Tracked | undefined => {
    // An annotated tag is an object of its own, and leads to the commit.
    const commit = found.get(`${name}^{}`) ?? found.get(name);
    return commit === undefined ? undefined : { commit, source: name };
  };
  if (track.semver !== undefined) return newest(track.semver, found, of);
  for (const name of patterns(track).filter((each) => !each.endsWith('^{}'))) {
    const tracked = of(name);
    if (tracked) return tracked;
  }
  return undefined;
}

function newest(range: string, found: ReadonlyMap<string, string>, of: (name: string) => Tracked | undefined): Tracked | undefined {
  const tags = [...found.keys()].filter((name) => name.startsWith('refs/tags/') && !name.endsWith('^{}')).toSorted();
  const versions = tags.flatMap((name): { version: SemVer; name: string }[] => {
    const version = parse(name.slice('refs/tags/'.length));
    return version ? [{ version, name }] : [];
  });
  const best = maxSatisfying(
    versions.map(({ version }) => version),
    range,
  );
  const name = versions.find(({ version }) => version === best)?.name;
  const tracked = name === undefined ? undefined : of(name);
  return tracked && name !== undefined ? { ...tracked, version: name.slice('refs/tags/'.length) } : undefined;
}
