/** What the daemon asks of a worker process and what it may hear from one; whatever else a worker says ends the worker. */
import type { RefusalCode } from '#base/refusal';
import type { CommitList } from '#model/git/notify';
import type { Declared, RepositoryCredentials, RepositoryKeys } from '#model/object/repository';
import type { RenderedStack } from '#reconciler/rendered';

/** Where a repository comes from and where its mirror lies. */
export interface MirrorPlace {
  /** Of the mirror. */
  folder: string;
  /** Git's home, with its global settings. */
  home: string;
  /** In memory: for files that hold credentials while git runs. */
  run: string;
  /** Without a login. */
  url: string;
  branch: string;
  /** A branch or tag by name, or a commit, in the place of the branch. */
  ref?: string;
  /** A range of versions that tags stand for, in the place of both. */
  semver?: string;
  /** Who may sign commits; absent: nobody has to. */
  signers?: string;
  credentials?: RepositoryCredentials;
  /** Most bytes of the mirror. */
  quotaBytes: number;
  /** Whose they are, where that is not the usual bound of a mirror. */
  bound?: string;
  /** Objects that it has besides, of another mirror. */
  beside?: string;
  timeouts: GitTimeouts;
}

export interface GitTimeouts {
  /** Git that neither says nor receives anything for so long is ended. */
  silenceMs: number;
  /** How long one transfer may take, however it goes on. */
  totalMs: number;
}

/** A commit at hand, and the signature that its place had when it was seen. */
export interface KnownHead {
  commit: string;
  signature?: string;
}

/** The history that a repository is held to. */
export interface HeldLine {
  /** What was rendered last: what is followed next comes after it. */
  accepted: string;
  /** A commit that somebody said may be followed though it does not. */
  confirmed?: string;
  /** Whatever comes is followed: only signatures are looked at since then. */
  follows?: true;
}

/** The cluster's own age identity, and a repository's; absent where there is none. */
export interface SealingKeys {
  identity: string | undefined;
  keys: RepositoryKeys | undefined;
}

/** What `until` has and `since` has not; without `since`: that commit alone. */
export interface CommitRange {
  until: string;
  since?: string;
}

export interface RenderQuestion {
  folder: string;
  home: string;
  commit: string;
  path: string;
  /** Stacks whose result the daemon has: name → digest. */
  have: Readonly<Record<string, string>>;
  /** Stacks that broke a bound: name → reason. */
  skip: Readonly<Record<string, string>>;
  /** An environment, and variables, that stack files are rendered with. */
  environment?: string;
  variables?: Readonly<Record<string, string>>;
  /** The cluster's own age identity; absent where it has none. */
  identity?: string;
  /** With what the repository's sealed files are opened. */
  keys?: RepositoryKeys;
  /** A commit that is not followed: files that are sealed are not opened for it. */
  closed?: true;
  /** A commit that was only asked for, beside the mirror. */
  peeked?: true;
  /** A folder of objects that were received and are not taken yet. */
  received?: string;
}

export type WorkerRequest = { id: number } & (
  | { type: 'fetch'; place: MirrorPlace; known?: KnownHead; line?: HeldLine }
  /** `peeked`: of a commit that is not followed. */
  | { type: 'fetch blobs'; place: MirrorPlace; oids: readonly string[]; peeked?: true }
  /** Brings what is asked for to this host, beside the mirror: it is not followed. */
  | { type: 'peek'; place: MirrorPlace }
  | { type: 'recall'; place: MirrorPlace }
  | { type: 'commits'; place: MirrorPlace; range: CommitRange }
  | ({ type: 'render' } & RenderQuestion)
  | { type: 'cancel' }
);

/** What a local repository's branch depends on: names of files that are written when it moves. */
export interface WatchedFolder {
  folder: string;
  /** Another one when the folder was made anew. */
  identity: string;
  names: readonly string[];
}

export type WorkerAnswer = { id: number } &
  /** Before the branch is looked at: the files that say where it is. */
  (
    | { type: 'place'; signature?: string; watch: readonly WatchedFolder[] }
    | { type: 'fetched'; commit: string }
    /** The branch leads to a commit that does not come after the one accepted last, or came with others that nobody signed. */
    | { type: 'rewritten'; commit: string; reason: string }
    | { type: 'done' }
    | { type: 'recalled'; commit?: string }
    | { type: 'commits'; list: CommitList }
    /** The process groups that git runs in, so that they end with the worker. */
    | { type: 'group'; pid: number; alive: boolean }
    | { type: 'begun'; name: string }
    | { type: 'stack'; stack: RenderedStack; /** Of the result, errors included. */ digest: string }
    | { type: 'same'; names: readonly string[] }
    /** All stacks were given, but for those that wait for the blobs named. */
    | { type: 'rendered'; missing: boolean; declared: Declared; wanting: readonly string[]; author: string }
    | { type: 'refused'; code: RefusalCode; message: string }
  );

/** Of a request: the largest holds a digest for each stack. */
export const largestRequestBytes = 4 * 1024 * 1024;
/** Of an answer: one stack with all its files. */
export const largestAnswerBytes = 16 * 1024 * 1024;

const mostTextCharacters = 64 * 1024;
const mostItems = 100_000;

/** An answer as the types say, or an error. */
export function parseAnswer(value: unknown): WorkerAnswer {
  const answer = record(value);
  const { type } = answer;
  const good = Number.isSafeInteger(answer['id']) && typeof type === 'string' && Object.hasOwn(checks, type) && checks[type]?.(answer);
  if (!good) throw new Error(`a worker says what is not understood: ${typeof type === 'string' ? type.slice(0, 40) : typeof value}`);
  return value as WorkerAnswer;
}

type Fields = Readonly<Record<string, unknown>>;

const checks: Readonly<Record<string, (answer: Fields) => boolean>> = {
  place: (answer) => (answer['signature'] === undefined || isText(answer['signature'])) && isList(answer['watch'], isWatched),
  fetched: (answer) => isCommit(answer['commit']),
  rewritten: (answer) => isCommit(answer['commit']) && isText(answer['reason']),
  done: () => true,
  recalled: (answer) => answer['commit'] === undefined || isCommit(answer['commit']),
  commits: (answer) => isCommitList(record(answer['list'])),
  group: (answer) => Number.isSafeInteger(answer['pid']) && Number(answer['pid']) > 1 && typeof answer['alive'] === 'boolean',
  begun: (answer) => isText(answer['name']),
  stack: (answer) => isText(answer['digest']) && isRendered(record(answer['stack'])),
  same: (answer) => isList(answer['names'], isText),
  rendered: (answer) =>
    typeof answer['missing'] === 'boolean' && isDeclared(record(answer['declared'])) && isList(answer['wanting'], isCommit) && isText(answer['author']),
  refused: (answer) => (answer['code'] === 'notFound' || answer['code'] === 'unavailable' || answer['code'] === 'invalidArgument') && isText(answer['message']),
};

function isCommitList({ Commits, More = 0, Endless = true, Rewritten = true }: Fields): boolean {
  const isTold = (item: unknown): boolean => isCommit(record(item)['ID']) && isText(record(item)['Subject']) && isText(record(item)['Author']);
  return isList(Commits, isTold) && Number.isSafeInteger(More) && Endless === true && Rewritten === true;
}

function isRendered(stack: Fields): boolean {
  const placed = isText(stack['Name']) && isText(stack['Path']) && isCommit(stack['Commit']);
  const told = stack['Notes'] === undefined || isList(stack['Notes'], isText);
  const { After: after, Waves: waves } = record(stack['Policy']);
  if (waves !== undefined && !isList(waves, (wave) => isList(wave, isText))) return false;
  if (after !== undefined && !(Array.isArray(after) && isList(after, isText))) return false;
  const places = Object.values(record(stack['Places']));
  if (!placed || !told || places.length > mostItems || !places.every(isText)) return false;
  return stack['spec'] === undefined
    ? isList(stack['errors'], isText) && Array.isArray(stack['errors'])
    : isText(stack['digest']) && isSpec(record(stack['spec']));
}

/** The shape that the use cases walk without looking; what is in the fields is theirs to check. */
function isSpec(spec: Fields): boolean {
  const external = record(spec['External']);
  const lists = ['Networks', 'Secrets', 'Configs'] as const;
  const isNamed = (item: unknown) => isText(record(item)['Name']);
  const isService = (item: unknown) => isNamed(item) && typeof record(item)['TaskTemplate'] === 'object';
  return isText(spec['Name']) && lists.every((name) => isList(spec[name], isNamed) && isList(external[name], isText)) && isList(spec['Services'], isService);
}

/** What it means is judged where it is stored. */
function isDeclared({ Closed, KeepsStacks, Grace = 0, Freeze = [], Notify = [], Repositories = [], Release, LeftOut }: Fields): boolean {
  if (!Object.values(record(LeftOut)).every(isText)) return false;
  if ((Closed !== undefined && Closed !== true) || !Number.isSafeInteger(Grace)) return false;
  if (Release !== undefined && !(isText(record(Release)['URL']) && isText(record(Release)['Digest']))) return false;
  return (
    (KeepsStacks === undefined || KeepsStacks === true) && isList(Freeze, isText) && isList(Notify, isTarget) && isList(Repositories, isDeclaredRepository)
  );
}

function isTarget(value: unknown): boolean {
  const { MergeRequests = false, ...texts } = record(value);
  return typeof MergeRequests === 'boolean' && Object.values(texts).every(isText);
}

function isDeclaredRepository(value: unknown): boolean {
  const { Interval, Deadline = 0, PruneGrace = 0, Allow = [], Freeze = [], Variables = {}, Credentials = {}, ...texts } = record(value);
  const plain = (each: unknown): boolean => Object.values(record(each)).every(isText);
  const numbers = [Interval, Deadline, PruneGrace].every(Number.isSafeInteger);
  return (
    numbers &&
    isList(Allow, isText) &&
    isList(Freeze, isText) &&
    plain(Variables) &&
    plain(Credentials) &&
    isText(texts['Name']) &&
    isText(texts['URL']) &&
    plain(texts)
  );
}

function isWatched(value: unknown): boolean {
  const { folder, identity, names } = record(value);
  return isText(folder) && isText(identity) && folder.startsWith('/') && isList(names, isText);
}

function isCommit(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9a-f]{40,64}$/.test(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= mostTextCharacters;
}

function isList(value: unknown, check: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length <= mostItems && value.every(check);
}

function record(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
