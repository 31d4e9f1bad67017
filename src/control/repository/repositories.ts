/** Use cases of the Git repositories that the reconciler follows. */
import { equal } from '#base/equal';
import { Refusal } from '#base/refusal';
import { second } from '#base/text/duration';
import { timeText } from '#base/clock';
import { allowanceText, allowanceUsage, readAllowance } from '#model/allowance';
import { checkFreeze } from '#model/freeze';
import type { Repository, RepositoryCredentials, RepositorySpec, RepositoryStatus, VaultPlace } from '#model/object/repository';
import type { Stack } from '#model/object/stack';
import { type Action, create, newMeta, remove, update } from '#store/action';
import { knowsKind } from '#store/feature-level';
import { Overlay } from '#store/overlay';
import type { View } from '#store/view';
import type { UseCase, UseCaseContext } from '../cluster.ts';
import { findObject } from '../find.ts';
import { type DeedFacts, noteDeed, removalOf, withDeed } from '../log/deeds.ts';
import { checkName } from '../names.ts';
import { checkedCredentials, relocated, withCheckedLogin, withLoginApart } from './repository-login.ts';
import { checkReleaseWord, retried } from './checks/release.ts';
import { isEmptyRecord } from '../stack/inventory.ts';
import { isOwned } from '../stack/ownership.ts';
import { checkBranch, checkPlace, checkTracked, hostedScheme } from './repository-place.ts';
import { sealedAs } from './repository-sealing.ts';
import { checkSigners } from './checks/signers.ts';
import { checkTexts } from './checks/texts.ts';
import { changedVault, checkVault } from './vault-place.ts';
import { checkWebhookSecret } from './webhook-secret.ts';

export function createRepository(asked: RepositorySpec, who?: string): UseCase<{ ID: string }> {
  return (view, context) => {
    checkTexts(asked);
    const apart = withLoginApart(asked);
    checkedCredentials(apart);
    const spec = storedSpec(placed(view, apart));
    if (view.byName('repository', spec.Name)) {
      throw new Refusal('alreadyExists', `repository ${spec.Name} already exists`);
    }
    const ID = context.newId();
    const Status: RepositoryStatus = {
      State: 'pending',
      Message: spec.Hosted ? 'nothing was pushed yet' : 'waiting for the first look',
      Since: timeText(context.now),
    };
    const actions = [create('repository', { ...newMeta(ID), Spec: spec, Status })];
    return { actions: noted(view, actions, spec.Name, { what: 'added', who, reason: spec.URL.replace(/\/\/[^@/]*@/, '//') }, context), result: { ID } };
  };
}

/** As it is stored: a login apart from its URL, credentials and all else checked, words in one form. */
export function storedSpec(asked: RepositorySpec): RepositorySpec {
  const spec = withCheckedLogin(asked);
  checkRepository(spec);
  return { ...spec, Trust: spec.Trust ?? 'limited', Rewrites: spec.Rewrites ?? 'hold', Allow: normalAllowances(spec.Allow ?? []) };
}

/** One that the cluster holds itself has a place of its own, and nothing that belongs to a server. */
function placed(view: View, { Hosted, ...spec }: RepositorySpec): RepositorySpec {
  if (Hosted !== true) return spec;
  if (spec.URL !== '' || spec.Credentials || spec.WebhookSecret !== undefined)
    throw new Refusal('invalidArgument', 'a repository that is pushed to the cluster has no URL, no login and no webhook: it is the cluster that holds it');
  if (!knowsKind(view, 'pack'))
    throw new Refusal('failedPrecondition', 'repositories that are pushed to need all nodes of the cluster to run this version: install it on the others');
  return { ...spec, URL: `${hostedScheme}${spec.Name}`, Hosted };
}

/** What may be changed of a repository that is followed. */
export interface RepositoryChange {
  /** Another place; the login of the one before goes with that. */
  URL?: string;
  /** In the place of those of before. */
  Credentials?: RepositoryCredentials;
  Branch?: string;
  Path?: string;
  Interval?: number;
  Trust?: 'full' | 'limited';
  /** Words that are added, and words that are taken back. */
  Allow?: readonly string[];
  Disallow?: readonly string[];
  /** In the place of each other, and of the branch. */
  Ref?: string;
  SemVer?: string;
  /** Empty: nobody has to sign any more. */
  Signers?: string;
  Rewrites?: 'hold' | 'follow';
  /** Empty: none any more. */
  Environment?: string;
  /** Variables that are added or changed, and names of those that go. */
  Variables?: Readonly<Record<string, string>>;
  Unset?: readonly string[];
  OnFailure?: 'rollback' | 'stay';
  /** Nanoseconds. */
  Deadline?: number;
  /** Nanoseconds. */
  PruneGrace?: number;
  /** All windows; none: []. */
  Freeze?: readonly string[];
  /** '' takes the webhook away. */
  WebhookSecret?: string;
  /** What is not said of it stays; an address of '' takes it away. */
  Vault?: Partial<VaultPlace>;
}

export function updateRepository(ref: string, asked: RepositoryChange, who?: string): UseCase<void> {
  const { Allow, Disallow = [], URL, Credentials, ...change } = asked;
  return (view, context) => {
    const repository = findObject(view, 'repository', ref);
    checkUndeclared(view, repository);
    const back = new Set(normalAllowances(Disallow));
    const words = normalAllowances([...(repository.Spec.Allow ?? []), ...(Allow ?? [])]).filter((word) => !back.has(word));
    const unknown = [...back].find((word) => !(repository.Spec.Allow ?? []).includes(word));
    if (unknown !== undefined) throw new Refusal('invalidArgument', `repository ${repository.Spec.Name} is not allowed ${unknown}`);
    // Whoever allows something by name means that the rest is not allowed.
    const Trust = change.Trust ?? (Allow && repository.Spec.Trust === undefined ? 'limited' : repository.Spec.Trust);
    const place = { ...(URL !== undefined && { URL }), ...(Credentials && { Credentials }) };
    const Spec: RepositorySpec = { ...changedSpec(relocated(repository.Spec, place), change), ...(Trust && { Trust, Allow: words }) };
    checkRepository(Spec);
    const actions = equal(Spec, repository.Spec) ? [] : [update('repository', { ...repository, Spec })];
    return { actions: noted(view, actions, Spec.Name, { what: 'changed', who, reason: changeText(asked) }, context), result: undefined };
  };
}

/** What was changed by name, and what it may do in full; values may be secrets. */
function changeText({ Trust, Allow = [], Disallow = [], ...rest }: RepositoryChange): string {
  const said = Object.entries(rest).flatMap(([key, value]) => (value === undefined ? [] : [key]));
  const words = [...(Trust ? [`trust ${Trust}`] : []), ...Allow.map((word) => `allow ${word}`), ...Disallow.map((word) => `disallow ${word}`)];
  return [...words, ...said].join(', ');
}

function noted(view: View, actions: readonly Action[], name: string, facts: DeedFacts, context: UseCaseContext): readonly Action[] {
  return withDeed(view, actions, { kind: 'repository', name }, facts, context);
}

function changedSpec(
  before: RepositorySpec,
  { Branch, Ref, SemVer, Signers, Environment, Variables, Unset = [], WebhookSecret, Vault, ...change }: RepositoryChange,
): RepositorySpec {
  const secret = WebhookSecret ?? before.WebhookSecret;
  const {
    WebhookSecret: _secret,
    Ref: refBefore,
    SemVer: rangeBefore,
    Signers: signersBefore,
    Environment: environmentBefore,
    Variables: variablesBefore = {},
    Vault: vaultBefore,
    ...rest
  } = before;
  const unknown = Unset.find((name) => !Object.hasOwn(variablesBefore, name));
  if (unknown !== undefined) throw new Refusal('invalidArgument', `repository ${before.Name} has no variable ${unknown}`);
  const variables = Object.entries({ ...variablesBefore, ...Variables }).filter(([name]) => !Unset.includes(name));
  const environment = Environment ?? environmentBefore;
  const moves = Branch !== undefined || Ref !== undefined || SemVer !== undefined;
  const tracked = moves ? { Ref, SemVer } : { Ref: refBefore, SemVer: rangeBefore };
  const signers = Signers ?? signersBefore;
  const vault = Vault ? changedVault(vaultBefore, Vault) : vaultBefore;
  return {
    ...rest,
    ...change,
    ...(Branch !== undefined && { Branch }),
    ...(tracked.Ref !== undefined && { Ref: tracked.Ref }),
    ...(tracked.SemVer !== undefined && { SemVer: tracked.SemVer }),
    ...(signers !== undefined && signers !== '' && { Signers: signers }),
    ...(environment !== undefined && environment !== '' && { Environment: environment }),
    ...(variables.length > 0 && { Variables: Object.fromEntries(variables) }),
    ...(secret !== undefined && secret !== '' && { WebhookSecret: secret }),
    ...(vault && { Vault: vault }),
  };
}

/** The words in one form and order, each once. */
export function normalAllowances(words: readonly string[]): string[] {
  const needs = words.map((word) => {
    const need = readAllowance(word);
    if (!need) throw new Refusal('invalidArgument', `"${word}" is nothing that a repository can be allowed: ${allowanceUsage()}`);
    return allowanceText(need);
  });
  return [...new Set(needs)].toSorted();
}

/** Its stacks stay and are from then on owned by nobody but whoever deploys them. */
export function removeRepository(ref: string, byParent = false, who?: string): UseCase<void> {
  return (view, context) => {
    const repository = findObject(view, 'repository', ref);
    if (!byParent) checkUndeclared(view, repository);
    const overlay = new Overlay(view);
    for (const stack of [...view.list('stack')].filter((each) => isOwned(each, repository.Spec.Name))) {
      // A record of a folder that was never applied stands for nothing once its repository is gone.
      overlay.lay(isEmptyRecord(stack) ? removalOf(view, 'stack', stack.ID) : [update('stack', releasedStack(stack))]);
      noteDeed(overlay, { kind: 'stack', name: stack.Spec.Name }, { what: 'released', who, reason: `by repository ${repository.Spec.Name}` }, context);
    }
    // What it declared is the operator's from then on.
    const freed = [...view.list('repository')].filter(({ Parent }) => Parent === repository.ID).map((each) => freedChild(view, each));
    const packs = [...view.find('pack', 'repository', repository.ID)].map(({ ID }) => remove('pack', ID));
    overlay.lay([...freed, ...packs, ...removalOf(view, 'repository', repository.ID)]);
    return { actions: overlay.actions, result: undefined };
  };
}

function freedChild(view: View, child: Repository): Action {
  const { Parent: _gone, ...rest } = child;
  return update('repository', { ...rest, SealedAs: sealedAs(view, child) });
}

/** What its parent's file says is changed there. */
function checkUndeclared(view: View, { Spec, Parent }: Repository): void {
  const parent = Parent === undefined ? undefined : view.get('repository', Parent);
  if (parent)
    throw new Refusal('failedPrecondition', `repository ${Spec.Name} is declared by repository ${parent.Spec.Name}, in its shoal.yml: change it there`);
}

function releasedStack({ Suspended: _paused, Leaving: _goes, Confirmed: _allowed, Quarantine: _given, ...stack }: Stack): Stack {
  return { ...stack, Source: { Kind: 'deploy' } };
}

/** Writes nothing when the status says the same, whatever its time. What was confirmed is done when nothing of that commit is held any more. */
export function setRepositoryStatus(ref: string, status: RepositoryStatus): UseCase<void> {
  return (view) => {
    const repository = findObject(view, 'repository', ref);
    const done = repository.Confirmed !== undefined && status.Commit === repository.Confirmed.Commit && !status.Held && status.State !== 'unavailable';
    const { Rewrite } = repository;
    const followed = Rewrite !== undefined && status.State !== 'unavailable' && Rewrite.Commit === status.Commit;
    const unchanged = !done && !followed && equal({ ...repository.Status, Since: '' }, { ...status, Since: '' });
    const { Confirmed, Rewrite: _said, ...rest } = repository;
    const next = { ...rest, ...(Confirmed && !done && { Confirmed }), ...(Rewrite && !followed && { Rewrite }), Status: status };
    return { actions: unchanged ? [] : [update('repository', next)], result: undefined };
  };
}

/** Shortest beginning of a commit's name that is taken for it. */
const shortestCommit = 7;

/** Allows what one commit removes, or tries its release once more; another one has to be confirmed again. `commit` may be shortened. Answers the whole name. */
export function confirmRepository(ref: string, commit: string, who?: string): UseCase<{ Commit: string }> {
  return (view, context) => {
    const repository = findObject(view, 'repository', ref);
    const { Name } = repository.Spec;
    const { Commit, Held, Rewritten } = repository.Status;
    const confirmed = (named: string, word: Pick<Repository, 'Rewrite' | 'Confirmed'>, reason: string): ReturnType<UseCase<{ Commit: string }>> => {
      const actions = [update('repository', { ...repository, ...word })];
      return { actions: noted(view, actions, Name, { what: 'confirmed', who, commit: named, reason }, context), result: { Commit: named } };
    };
    const again = commit.length < shortestCommit ? undefined : retried(view, repository, commit.toLowerCase());
    if (again)
      return {
        ...again,
        actions: noted(view, again.actions, Name, { what: 'confirmed', who, commit: again.result.Commit, reason: 'its release once more' }, context),
      };
    if (Rewritten !== undefined && commit.length >= shortestCommit && Rewritten.startsWith(commit.toLowerCase()))
      return confirmed(Rewritten, { Rewrite: { Commit: Rewritten } }, 'a rewritten history');
    if (Rewritten !== undefined && !Held) {
      throw new Refusal(
        'failedPrecondition',
        `repository ${Name} is held at commit ${Rewritten}, not at "${commit}": look at what that one changes, then confirm it`,
      );
    }
    const leaving = [...view.list('stack')].flatMap((stack) => (isOwned(stack, Name) && stack.Leaving ? [`stack ${stack.Spec.Name}`] : []));
    const waiting = [...Object.keys(Held ?? {}), ...leaving];
    if (waiting.length === 0 || Commit === undefined)
      throw new Refusal('failedPrecondition', `nothing of repository ${Name} is held, and none of its stacks leaves`);
    if (commit.length < shortestCommit || !Commit.startsWith(commit.toLowerCase())) {
      throw new Refusal(
        'failedPrecondition',
        `repository ${Name} is ${Held ? 'held ' : ''}at commit ${Commit}, not at "${commit}": look at what that one removes, then confirm it`,
      );
    }
    return confirmed(Commit, { Confirmed: { Commit } }, `held: ${waiting.join(', ')}`);
  };
}

/** The reconciler writes nothing for the repository, or does again. */
export function suspendRepository(ref: string, on: boolean, who?: string): UseCase<void> {
  return (view, context) => {
    const repository = findObject(view, 'repository', ref);
    if ((repository.Suspended !== undefined) === on) return { actions: [], result: undefined };
    const { Suspended: _before, ...rest } = repository;
    const actions = [update('repository', on ? { ...rest, Suspended: { Since: timeText(context.now) } } : rest)];
    return { actions: noted(view, actions, repository.Spec.Name, { what: on ? 'suspended' : 'resumed', who }, context), result: undefined };
  };
}

/** Somebody has it looked at now. */
export function noteSync(ref: string, who?: string): UseCase<void> {
  return (view, context) => {
    const { Spec } = findObject(view, 'repository', ref);
    const overlay = new Overlay(view);
    noteDeed(overlay, { kind: 'repository', name: Spec.Name }, { what: 'synced', who }, context);
    return { actions: overlay.actions, result: undefined };
  };
}

const mostVariables = 1000;
const longestVariables = 256 * 1024;

function checkSettings({ Environment, Variables = {} }: RepositorySpec): void {
  if (Environment !== undefined && !/^[a-z0-9][a-z0-9_-]{0,62}$/i.test(Environment))
    throw new Refusal('invalidArgument', `"${Environment}" is no name of an environment`);
  const names = Object.keys(Variables);
  const wrong = names.find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  if (wrong !== undefined) throw new Refusal('invalidArgument', `"${wrong}" is no name of a variable`);
  if (names.length > mostVariables || JSON.stringify(Variables).length > longestVariables)
    throw new Refusal('invalidArgument', `the variables are more than ${mostVariables}, or longer than ${longestVariables} characters`);
}

/** Of stacks that are gone from a repository; `--help` says as much. */
const longestGrace = 30 * 24 * 3600 * second;

/** Nanoseconds. */
export function checkGrace(grace: number): void {
  if (!(grace >= 0 && grace <= longestGrace)) throw new Refusal('invalidArgument', 'the grace of stacks that are gone is between 0s and 720h');
}

function checkRepository(spec: RepositorySpec): void {
  checkTexts(spec);
  checkName(spec.Name);
  if (!spec.URL) throw new Refusal('invalidArgument', 'repository URL must be provided');
  if (!spec.Branch) throw new Refusal('invalidArgument', 'repository branch must be provided');
  if (spec.Hosted) checkBranch(spec.Branch);
  else checkPlace(spec.URL, spec.Branch);
  checkFreeze(spec.Freeze ?? []);
  checkTracked(spec.Ref, spec.SemVer);
  if (spec.Hosted && (spec.Ref !== undefined || spec.SemVer !== undefined))
    throw new Refusal('invalidArgument', 'of a repository that is pushed to the cluster one branch is taken and followed: it has no --ref and no --semver');
  checkSettings(spec);
  if (spec.Signers !== undefined) checkSigners(spec.Signers);
  checkWebhookSecret(spec);
  if (spec.Vault) checkVault(spec.Vault);
  checkReleaseWord(spec);
  if (!(spec.Interval >= second)) throw new Refusal('invalidArgument', 'repository interval must be at least 1s');
  if (spec.Deadline !== undefined && !(spec.Deadline >= 10 * second)) throw new Refusal('invalidArgument', 'the deadline of a rollout must be at least 10s');
  if (spec.PruneGrace !== undefined) checkGrace(spec.PruneGrace);
  const escapes = spec.Path.startsWith('/') || spec.Path.split('/').includes('..');
  if (escapes) throw new Refusal('invalidArgument', `repository path ${spec.Path} must lead to a folder inside the repository`);
}
