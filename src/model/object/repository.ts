/** A Git repository of stacks that the reconciler follows. */
import type { AskedTarget, NotifyTarget, OutboxMessage, SaidComment, Told } from '../git/notify.ts';
import type { LogHead } from '../git/deed.ts';
import type { Meta } from './meta.ts';
import type { AskedRelease } from '../release/release.ts';
import type { RepositoryState } from './states.ts';

export interface RepositorySpec {
  Name: string;
  /** Local path, file://, https:// or ssh://. */
  URL: string;
  Branch: string;
  /** A branch or a tag by name, or a commit, in the place of the branch. */
  Ref?: string;
  /** A range of versions: the newest tag within it, in the place of both. */
  SemVer?: string;
  /** Lines of ssh's allowed signers and OpenPGP public keys: what nobody of them signed is not rendered. Absent: nobody has to sign. */
  Signers?: string;
  /** An environment, such as `prod`: beside each stack file, `compose.prod.yml` is laid over it, and `.env.prod` over `.env`. */
  Environment?: string;
  /** Variables of its stack files, over those of their files. */
  Variables?: Readonly<Record<string, string>>;
  /** What becomes of a commit that does not come after the one before it. Absent: from before there was a choice, and it is followed. */
  Rewrites?: 'hold' | 'follow';
  /** Folder inside the repository whose sub-folders are the stacks. */
  Path: string;
  /** Nanoseconds between polls. */
  Interval: number;
  /** `limited`: its stacks may do what `Allow` says and nothing else that reaches beyond them. Absent: from before limits, and full. */
  Trust?: 'full' | 'limited';
  /** Words such as `mounts=/srv/data` (`model/allowance`). */
  Allow?: readonly string[];
  /** What becomes of a stack whose new version fails: the last good one is brought back, also where nothing is said, or it stays as it is. */
  OnFailure?: 'rollback' | 'stay';
  /** Nanoseconds without progress after which a version that is not healthy yet has failed; absent: 15 minutes. */
  Deadline?: number;
  /** Nanoseconds that a stack runs on which the repository does not have any more; 0: none; absent: what its own file says. */
  PruneGrace?: number;
  /** Windows in which nothing of it is written (`model/freeze`). */
  Freeze?: readonly string[];
  /** What a webhook proves itself with. Never shown. */
  WebhookSecret?: string;
  /** Where the values come from that its stacks name as `vault:PATH#KEY`. */
  Vault?: VaultPlace;
  /** The cluster holds it itself, and people push to it: its URL is `cluster:NAME`. */
  Hosted?: boolean;
  /** Never shown; only ever handed to the server of URL. */
  Credentials?: RepositoryCredentials;
}

/** What git is given so that it may read a repository. Texts, as the files hold them. */
export interface RepositoryCredentials {
  Username?: string;
  /** A password or a token. */
  Password?: string;
  /** A private key without a passphrase. */
  SSHKey?: string;
  /** Lines of ssh's known_hosts: the keys by which the server is known. */
  KnownHosts?: string;
  /** Certificates in PEM by which the server is known. */
  CA?: string;
}

/** A HashiCorp Vault or an OpenBao, and with what it is asked. Token and SecretID are never shown. */
export interface VaultPlace {
  Address: string;
  Namespace?: string;
  /** Certificates in PEM by which it is known. */
  CA?: string;
  Token?: string;
  /** In the place of a token: a role of AppRole, which gives short-lived ones. */
  RoleID?: string;
  SecretID?: string;
}

/** Repositories from before limits keep what they had. */
export function trustOf({ Trust }: Pick<RepositorySpec, 'Trust'>): 'full' | 'limited' {
  return Trust ?? 'full';
}

export interface Repository extends Meta {
  Spec: RepositorySpec;
  Status: RepositoryStatus;
  /** The one commit whose removals somebody has seen and allowed; gone when they are done. */
  Confirmed?: { Commit: string };
  /** Somebody's word that freeze windows do not hold until then (RFC 3339), and why. */
  Thawed?: { Until: string; Reason: string; Who?: string };
  /** The one commit that is followed though it does not come after the one before. */
  Rewrite?: { Commit: string };
  /** What its own file says beside its stacks. */
  Declared?: { Freeze: readonly string[] };
  /** Id of the repository whose file declares it; absent: an operator added it. */
  Parent?: string;
  /** Set: nothing is written for it, and what would be written is still said. */
  Suspended?: { Since: string };
  /** What was pushed, where the cluster holds it; absent: nothing yet. */
  Pushed?: PushedHead;
  /** Who is told what became of its commits, what was told last, and what is still to be said. */
  Notify?: readonly NotifyTarget[];
  Told?: Told;
  Outbox?: readonly OutboxMessage[];
  /** What was said on merge requests that are open. */
  Comments?: readonly SaidComment[];
  /** With which people and machines come to it through the daemon's HTTP door. */
  Tokens?: readonly RepositoryToken[];
  Issuers?: readonly TrustedIssuer[];
  /** Absent: nothing of it is logged yet (`control/log`). */
  Log?: LogHead;
  /** Stacks that it had, by name, and since when (RFC 3339, `control/stack/ownership`). */
  Left?: Readonly<Record<string, string>>;
  /** What its key is made of where its parents, who gave it, are gone (`control/repository/repository-sealing`). */
  SealedAs?: string;
}

/** With what files are opened that are sealed in it. */
export interface RepositoryKeys {
  Name: string;
  /** Identity of age. */
  Own: string;
  /** Whether what is sealed for the whole cluster is opened for it. */
  Whole: boolean;
}

export interface PushedHead {
  /** Head of the branch. */
  Commit: string;
  /** Ids of the pushes whose packs together hold all that the head leads to, in their order. */
  Pushes: readonly string[];
}

/** A piece of what was pushed: the pieces of one push, in their order, are a pack of Git's. */
export interface Pack extends Meta {
  Spec: {
    /** `PUSH.PART`. */
    Name: string;
    /** Id. */
    Repository: string;
    Push: string;
    /** Counted from 0. */
    Part: number;
    /** base64. */
    Data: string;
  };
}

/** What a token lets its holder do; each includes those after it. */
export const tokenRoles = ['push', 'plan', 'read'] as const;

/** Whose tokens (OpenID Connect) are taken in the place of one of ours, so that no secret has to be kept. */
export interface TrustedIssuer {
  ID: string;
  /** As its tokens name it. */
  Issuer: string;
  /** `*` and `?` stand for parts of it. */
  Subject: string;
  /** Whom its tokens must be made for. */
  Audience: string;
  Role: RepositoryToken['Role'];
}

export interface RepositoryToken {
  ID: string;
  Role: (typeof tokenRoles)[number];
  /** What it is for. */
  Note: string;
  /** SHA-256 of the token, hex. Never shown. */
  Digest: string;
  /** RFC 3339 */
  CreatedAt: string;
}

export interface RepositoryStatus {
  /** As the last look left it; how its stacks fare comes on top when it is shown. */
  State: Exclude<RepositoryState, 'suspended' | 'frozen'>;
  /** Head of the branch that was last rendered. */
  Commit?: string;
  Message: string;
  /** RFC 3339 of the last change of State or Commit. */
  Since: string;
  /** Stacks of this repository that could not be stored as such: folder → errors. */
  Refused?: Readonly<Record<string, readonly string[]>>;
  /** What is worth knowing, though it is no error: stack → texts. */
  Notes?: Readonly<Record<string, readonly string[]>>;
  /** Stacks whose change waits for a word of the operator's: folder → why, and the word. */
  Held?: Readonly<Record<string, string>>;
  /** What Commit was the head of: a branch, a ref or a range. */
  Followed?: string;
  /** A commit that is not followed before somebody says so: it does not come after Commit. */
  Rewritten?: string;
}

/** As the repository that declares it says: what the cluster knows better is left out. */
export type DeclaredRepository = Omit<RepositorySpec, 'WebhookSecret' | 'Hosted' | 'Vault'>;

export interface Declared {
  /** Of a commit that is not followed: who is told, and logins, are left out, and stay as they are. */
  Closed?: true;
  /** Stacks that a commit does not have any more stay, also the last one. */
  KeepsStacks?: true;
  /** Where stacks would be, and nobody looks: a link to a folder, a submodule. Its name → what it is. */
  LeftOut?: Readonly<Record<string, string>>;
  /** As PruneGrace, where the operator says nothing. */
  Grace?: number;
  /** Windows in which nothing of it is written, beside those that the operator gave it. */
  Freeze?: readonly string[];
  /** Who is told, beside those that the operator named. */
  Notify?: readonly AskedTarget[];
  /** Repositories that are followed because this one says so. Their URL `.` is that of this one. */
  Repositories?: readonly DeclaredRepository[];
  /** The program that the cluster's daemons are to run. */
  Release?: AskedRelease;
}

/** Of URLs: the repository that declares it. */
export const ownPlace = '.';
