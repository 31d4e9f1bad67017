/** Which program the daemons of the cluster are to run, as a repository's file says, and how far each node is with it. */

/** As the file says it: a package of shoal, known by what it holds and not by where it lies. */
export interface AskedRelease {
  /** http:// or https://, without a login. */
  URL: string;
  /** SHA-256 of the archive, hex. */
  Digest: string;
}

/** What is wanted of all nodes. */
export interface Release extends AskedRelease {
  /** Id of the repository that says so. */
  Repository: string;
  /** The commit that said so first. */
  Commit: string;
  /** Counted up by whoever says that what failed is to be tried once more. */
  Attempt: number;
  /** Set: no further node is told. */
  Paused?: { Node: string; Text: string };
}

/** What one node is told, when its turn has come. */
export interface ToldRelease extends AskedRelease {
  Attempt: number;
}

/** As the leader notes it. `Since`: leader's time (ms). */
export interface NotedRelease extends ToldRelease {
  Since: number;
}

/** What a node says of the program that it runs. */
export interface RunRelease {
  /** As the program calls itself. */
  Version: string;
  /** Absent: the program that is installed on the host. */
  Digest?: string;
  /** It has not come so far yet that it would be kept over a restart. */
  Probation?: boolean;
  /** What it was told and could not take up, and why, for people. */
  Failed?: { Digest: string; Attempt: number; Text: string };
}

/** What the API shows of a node, as `Shoal.Release` of it. */
export interface ShownRelease {
  Version: string;
  /** Absent: the program that is installed on the host. */
  Digest?: string;
  /** The release that it was told and does not run yet. */
  Wanted?: string;
  /** What is to be said of it; '': it runs what it shall. */
  State: string;
}

export const digestForm = /^[0-9a-f]{64}$/;

/** As people are told of it. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 12);
}
