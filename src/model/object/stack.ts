/** A stack: what was asked for under one name, by a deploy or by a repository. */
import type { LogHead } from '../git/deed.ts';
import type { Meta } from './meta.ts';
import type { NetworkSpec } from './network.ts';
import type { ConfigSpec, SecretSpec } from './secret.ts';
import type { ServiceSpec } from './service-spec.ts';
import { isStackState, type StackState } from './states.ts';

/** All that a rendered stack file asks for. Objects name one another by name; `control` resolves the ids. */
export interface StackSpec {
  Name: string;
  Networks: readonly NetworkSpec[];
  Secrets: readonly SecretSpec[];
  Configs: readonly ConfigSpec[];
  Services: readonly ServiceSpec[];
  /** Networks, secrets and configs that must exist already. */
  External: { Networks: readonly string[]; Secrets: readonly string[]; Configs: readonly string[] };
  /** Those of its secrets and configs whose names are plain, and get a version that follows the content (`model/version-names`). */
  Versioned?: { Secrets: readonly string[]; Configs: readonly string[] };
  /** The versions that values of a vault were had in: they hold for the stack as it was rendered then (`Asked`, its digest), whatever the vault says later. */
  Pinned?: { Asked: string; Versions: Readonly<Record<string, string>> };
}

export interface Stack extends Meta {
  Spec: { Name: string };
  /** Who owns it: a repository prunes only what is its own. */
  Source: StackSource;
  /** Digest of the rendered spec that was applied last. */
  Digest: string;
  /** Names of the services that belong to it. */
  Services: readonly string[];
  /** Service → its image with the digest that was found for it: what a change by hand is taken back to. */
  Images?: Readonly<Record<string, string>>;
  Condition: StackCondition;
  /** What its deploys made: nothing else is ever removed for it. Absent: a record from before inventories (`control/stack/inventory`). */
  Inventory?: readonly OwnedObject[];
  /** Set: the reconciler writes nothing for it, and still says what it would write. */
  Suspended?: { Since: string };
  /** The version that was given up for an earlier one: it is not tried again before its files change. */
  Quarantine?: Quarantine;
  /** The commit whose removals somebody has seen and allowed for this stack alone. */
  Confirmed?: string;
  /** Set: its repository does not have it any more; it runs on until then. */
  Leaving?: StackLeaving;
  /** Set: the version at hand comes in waves, and not all of it is there yet. */
  Rollout?: StackRollout;
  /** `stay`: a version that fails is not taken back. What the operator says of the repository wins. */
  OnFailure?: 'rollback' | 'stay';
  /** What is changed by hand is shown, and stays, also while its commit cannot be read. */
  KeepsDrift?: true;
  /** Absent: nothing of it is logged yet (`control/log`). */
  Log?: LogHead;
}

/** That a folder is gone is seen, and the stack goes when the repository's grace is over. */
export interface StackLeaving {
  /** The first commit that was looked at without it. */
  Commit: string;
  /** Who made that one, as it says. */
  Who?: string;
  /** RFC 3339: when that was seen, and when the stack goes. */
  Since: string;
  Until: string;
}

export interface StackRollout {
  /** Names of services that keep their version of before until those ahead of them are healthy: the next wave first. */
  Left: readonly (readonly string[])[];
  /** At the end, services that the version does not have are removed. */
  Prunes: boolean;
  /** Of these, services that another stack of the commit has now: they go when it is healthy with them. */
  Moves?: readonly ServiceMove[];
  /** When the wave at hand came: RFC 3339. */
  Since: string;
}

/** Names of a service, and of the one that takes its place in another stack. */
export interface ServiceMove {
  From: string;
  Stack: string;
  To: string;
}

export interface Quarantine {
  /** Of the rendered spec that is not tried again. */
  Digest: string;
  /** Why, for people. */
  Message: string;
  /** RFC 3339 */
  Since: string;
  /** Ids of services that only the version given up had: who waits for them hears why they are gone. */
  Removed: readonly string[];
  /** Of all stacks of the commit, where they were one unit: another unit is tried, also with the same version of this stack. */
  Unit?: string;
}

/** The kinds of objects that a deploy makes. */
export type OwnedKind = 'service' | 'network' | 'secret' | 'config';

export interface OwnedObject {
  Kind: OwnedKind;
  ID: string;
  Name: string;
}

export type StackSource = { Kind: 'deploy' } | { Kind: 'repository'; Repository: string; Path: string; Commit: string };

/** What became of the stack's last version, as stored. How its tasks fare is its health (`model/health`), which is seen and never stored. */
export interface StackCondition {
  State: StackState;
  /** Why, for people: a refused file's first error with file:line:column, or what a held one would remove. */
  Message: string;
  /** All errors of a refused file. */
  Errors?: readonly string[];
  /** Commit that was refused or is held, when it is not the applied one. */
  Commit?: string;
  /** RFC 3339 */
  Since: string;
}

/** Earlier programs noted on a stack that was applied how it fared (`rolled back`, `update paused`): that is seen now, whatever stands there. */
export function conditionOf({ Condition }: Pick<Stack, 'Condition'>): StackCondition {
  return isStackState(Condition.State) ? Condition : { State: 'applied', Message: '', Since: Condition.Since };
}

/** A revision: all that one deploy asked for, so that it can be shown, compared and brought back whole. */
export interface Revision extends Meta {
  Spec: {
    /** `web@3`: no other revision has it. */
    Name: string;
    Stack: string;
    /** Counted from 1; a number never comes back with another content. */
    Number: number;
    /** With the data of its secrets and configs, which no door lets out. */
    Content: StackSpec;
  };
  /** Of the rendered spec, as the stack's record has it. */
  Digest: string;
  Source: StackSource;
  /** Who asked for it, as they say themselves: a commit's author, or whoever sat at the command line. */
  Who?: string;
  /** The revision that it brings back. */
  Of?: number;
  /** The stacks that came with it in one entry, and go back in one; `New`: there was no such stack before; `Stays`: one of them failed, they do not go back, and each is judged for itself. */
  Unit?: { Digest: string; New: boolean; Stays?: true };
  /** Fingerprint of the plan that was carried out, where it was deployed by one. */
  Plan?: string;
  /** Set: it came when there were logs, and is in that of its stack. */
  Logged?: true;
  /** Length of the content as text, for what all of them may come to. */
  Length: number;
  Outcome: RevisionOutcome;
}

/** `good`: it was healthy once, and what comes later is not its fault. `failed`: it never was, and would not become so. */
export interface RevisionOutcome {
  State: 'pending' | 'good' | 'failed';
  /** Why, for people; '' when there is nothing to say. */
  Message: string;
}
