/** Which history a repository is held to: what follows must come after what was followed, unless somebody says otherwise. */
import type { Repository, RepositorySpec } from '#model/object/repository';

/** What is followed, in a word that changes with it. */
export function followedText({ Branch, Ref, SemVer }: Pick<RepositorySpec, 'Branch' | 'Ref' | 'SemVer'>): string {
  if (SemVer !== undefined) return `versions ${SemVer}`;
  return Ref === undefined ? `branch ${Branch}` : `ref ${Ref}`;
}

/**
 * Undefined where whatever the branch leads to is followed: by choice, in records from before there was one, and before the first commit of what is
 * followed now. Where commits have to be signed it is known all the same: `follows` says that only that is looked at.
 */
export function heldLine(repository: Repository | undefined): { accepted: string; confirmed?: string; follows?: true } | undefined {
  if (!repository) return undefined;
  // A range says which version is followed, whatever branch that was made on.
  const follows = repository.Spec.Rewrites !== 'hold' || repository.Spec.SemVer !== undefined;
  if (follows && repository.Spec.Signers === undefined) return undefined;
  const { Commit, Followed } = repository.Status;
  // Who said to look elsewhere means it.
  if (Commit === undefined || Followed !== followedText(repository.Spec)) return undefined;
  return { accepted: Commit, ...(repository.Rewrite && { confirmed: repository.Rewrite.Commit }), ...(follows && { follows }) };
}
