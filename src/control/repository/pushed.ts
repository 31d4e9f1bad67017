/** What is pushed to a repository that the cluster holds: kept piece by piece, and in force with the word that its branch leads there. */
import { equal } from '#base/equal';
import { Refusal } from '#base/refusal';
import type { Pack, Repository, RepositorySpec } from '#model/object/repository';
import { create, newMeta, remove, update } from '#store/action';
import type { View } from '#store/view';
import type { UseCase } from '../cluster.ts';
import { findObject } from '../find.ts';
import { checkToken } from './tokens.ts';

/** Bytes of one piece: what a turn of the event loop writes without being late. */
export const largestPieceBytes = 512 * 1024;
/** Bytes of all packs of one repository. */
export const largestPushedBytes = 16 * 1024 * 1024;
/** Bytes of all repositories that the cluster holds: each manager has them in memory. */
const largestTogetherBytes = 64 * 1024 * 1024;
/** Packs after which a repository is kept as one again. */
export const mostPushes = 40;

/** Keeps a piece of a pack; without the word that follows it stands for nothing. */
export function keepPiece(id: string, push: string, part: number, data: Uint8Array): UseCase<void> {
  return (view, { newId }) => {
    const repository = held(view, id);
    const Data = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
    const others = [...view.list('pack')].reduce((sum, { Spec }) => sum + bytesOf(Spec), 0);
    if (others + data.length > largestTogetherBytes) {
      const most = `${largestTogetherBytes / 1024 / 1024} MiB`;
      throw new Refusal(
        'failedPrecondition',
        `the repositories that this cluster holds would be larger than ${most}: keep some at a server, and follow them there`,
      );
    }
    const Spec: Pack['Spec'] = { Name: `${push}.${part}`, Repository: repository.ID, Push: push, Part: part, Data };
    return { actions: [create('pack', { ...newMeta(newId()), Spec })], result: undefined };
  };
}

export interface PushTaken {
  push: string;
  /** What the branch led to; undefined: nothing. */
  before: string | undefined;
  after: string;
  /** Its pack holds all that the head leads to, and those of before are given up. */
  whole: boolean;
  /** By what it was judged. */
  judged: RepositorySpec;
  /** Id of the token that was shown; undefined: root on a manager pushed. */
  token: string | undefined;
}

/** The branch leads to another commit from here on. Refuses where it moved since it was looked at, something else is asked of the repository now, or the token is gone. */
export function takePush(id: string, { push, before, after, whole, judged, token }: PushTaken): UseCase<void> {
  return (view) => {
    const repository = held(view, id);
    if (repository.Pushed?.Commit !== before) throw new Refusal('failedPrecondition', 'somebody else pushed meanwhile: fetch what is there, then push again');
    checkToken(repository, token, 'push');
    if (!equal(repository.Spec, judged)) throw new Refusal('failedPrecondition', `repository ${repository.Spec.Name} was changed meanwhile: push again`);
    const Pushes = [...(whole ? [] : (repository.Pushed?.Pushes ?? [])), push];
    return { actions: [update('repository', { ...repository, Pushed: { Commit: after, Pushes } }), ...leftovers(view, id, Pushes)], result: undefined };
  };
}

/** Pieces of a push that came to nothing are given up. */
export function dropPush(id: string): UseCase<void> {
  return (view) => ({ actions: leftovers(view, id, view.get('repository', id)?.Pushed?.Pushes ?? []), result: undefined });
}

function leftovers(view: View, id: string, pushes: readonly string[]): ReturnType<typeof remove>[] {
  const kept = new Set(pushes);
  return [...view.find('pack', 'repository', id)].filter(({ Spec }) => !kept.has(Spec.Push)).map(({ ID }) => remove('pack', ID));
}

/** The packs that together hold all that the branch leads to, in their order. */
export function packsOf(view: View, { ID, Pushed }: Pick<Repository, 'ID' | 'Pushed'>): Uint8Array[] {
  const pieces = [...view.find('pack', 'repository', ID)].map(({ Spec }) => Spec).toSorted((a, b) => a.Part - b.Part);
  return (Pushed?.Pushes ?? []).map((push) => Buffer.concat(pieces.filter(({ Push }) => Push === push).map(({ Data }) => Buffer.from(Data, 'base64'))));
}

/** Bytes of what is kept for the repository. */
export function pushedBytes(view: View, id: string): number {
  return [...view.find('pack', 'repository', id)].reduce((sum, { Spec }) => sum + bytesOf(Spec), 0);
}

function bytesOf({ Data }: Pack['Spec']): number {
  return Buffer.byteLength(Data, 'base64');
}

function held(view: View, id: string): Repository {
  const repository = findObject(view, 'repository', id);
  if (!repository.Spec.Hosted) throw new Refusal('failedPrecondition', `repository ${repository.Spec.Name} lies at ${repository.Spec.URL}: push there`);
  return repository;
}
