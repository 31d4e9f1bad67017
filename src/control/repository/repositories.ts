/** Use cases of the Git repositories that the reconciler follows. */
import { equal } from '#base/equal';
import { Refusal } from '#base/refusal';
import { second } from '#base/duration';
import { timeText } from '#base/clock';
import type { RepositorySpec, RepositoryStatus } from '#model/repository';
import { create, newMeta, remove, update } from '#store/action';
import type { UseCase } from '../cluster.ts';
import { findObject } from '../find.ts';
import { checkName } from '../names.ts';
import { checkPlace } from './repository-place.ts';

export function createRepository(spec: RepositorySpec): UseCase<{ ID: string }> {
  return (view, { now, newId }) => {
    checkRepository(spec);
    if (view.byName('repository', spec.Name)) {
      throw new Refusal('alreadyExists', `repository ${spec.Name} already exists`);
    }
    const ID = newId();
    const Status: RepositoryStatus = { State: 'pending', Message: 'waiting for the first look', Since: timeText(now) };
    return { actions: [create('repository', { ...newMeta(ID), Spec: spec, Status })], result: { ID } };
  };
}

/** Its stacks stay and are from then on owned by nobody but whoever deploys them. */
export function removeRepository(ref: string): UseCase<void> {
  return (view) => {
    const repository = findObject(view, 'repository', ref);
    const owned = [...view.list('stack')].filter((stack) => stack.Source.Kind === 'repository' && stack.Source.Repository === repository.Spec.Name);
    const released = owned.map((stack) =>
      // A record of a folder that was refused from the start stands for nothing once its repository is gone.
      stack.Digest === '' ? remove('stack', stack.ID) : update('stack', { ...stack, Source: { Kind: 'deploy' } }),
    );
    return { actions: [...released, remove('repository', repository.ID)], result: undefined };
  };
}

/** Writes nothing when the status says the same, whatever its time. */
export function setRepositoryStatus(ref: string, status: RepositoryStatus): UseCase<void> {
  return (view) => {
    const repository = findObject(view, 'repository', ref);
    const unchanged = equal({ ...repository.Status, Since: '' }, { ...status, Since: '' });
    return { actions: unchanged ? [] : [update('repository', { ...repository, Status: status })], result: undefined };
  };
}

function checkRepository(spec: RepositorySpec): void {
  checkName(spec.Name);
  if (!spec.URL) throw new Refusal('invalidArgument', 'repository URL must be provided');
  if (!spec.Branch) throw new Refusal('invalidArgument', 'repository branch must be provided');
  checkPlace(spec.URL, spec.Branch);
  if (!(spec.Interval >= second)) throw new Refusal('invalidArgument', 'repository interval must be at least 1s');
  const escapes = spec.Path.startsWith('/') || spec.Path.split('/').includes('..');
  if (escapes) throw new Refusal('invalidArgument', `repository path ${spec.Path} must lead to a folder inside the repository`);
}
