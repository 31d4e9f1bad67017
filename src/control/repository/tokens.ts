/** Tokens with which people and machines come to a repository: made and shown where they are asked for, and known here by their digests alone. */
import { createHash } from 'node:crypto';
import { timeText } from '#base/clock';
import { Refusal } from '#base/refusal';
import { sameSecret } from '#base/same-secret';
import { tokenRoles, type Repository, type RepositoryToken } from '#model/object/repository';
import { update } from '#store/action';
import type { UseCase } from '../cluster.ts';
import { findObject, shortened } from '../find.ts';

const mostTokens = 100;
const longestNote = 100;

export interface TokenRequest {
  role: RepositoryToken['Role'];
  /** What it is for. */
  note: string;
  /** SHA-256 of the token, hex. */
  digest: string;
}

export function createToken(ref: string, { role, note, digest }: TokenRequest): UseCase<{ ID: string }> {
  return (view, { now, newId }) => {
    const repository = findObject(view, 'repository', ref);
    const { Tokens = [], Spec } = repository;
    checkRole(repository, role);
    if (Tokens.length >= mostTokens) throw new Refusal('failedPrecondition', `repository ${Spec.Name} has ${mostTokens} tokens: remove some`);
    if (note.length > longestNote || /[\u0000-\u001f\u007f]/.test(note))
      throw new Refusal('invalidArgument', `a note is one line of at most ${longestNote} characters`);
    if (!/^[0-9a-f]{64}$/.test(digest)) throw new Refusal('invalidArgument', 'the digest of a token is its SHA-256, in hex');
    if (Tokens.some(({ Digest }) => Digest === digest)) throw new Refusal('alreadyExists', 'there is such a token already');
    const token: RepositoryToken = { ID: newId(), Role: role, Note: note, Digest: digest, CreatedAt: timeText(now) };
    return { actions: [update('repository', { ...repository, Tokens: [...Tokens, token] })], result: { ID: token.ID } };
  };
}

/** Refuses what nobody could do with the repository. */
export function checkRole({ Spec }: Pick<Repository, 'Spec'>, role: RepositoryToken['Role']): void {
  if (Spec.Hosted || role === 'plan') return;
  throw new Refusal('failedPrecondition', `repository ${Spec.Name} lies at ${Spec.URL}, where it is pushed to and read: its tokens here are those that plan`);
}

/** `id` may be shortened. */
export function removeToken(ref: string, id: string): UseCase<void> {
  return (view) => {
    const repository = findObject(view, 'repository', ref);
    const { Tokens: before = [], ...rest } = repository;
    const found = shortened(before, id);
    if (found.length !== 1) throw new Refusal('notFound', `repository ${repository.Spec.Name} has ${found.length === 0 ? 'no token' : 'several tokens'} ${id}`);
    const Tokens = before.filter((token) => token !== found[0]);
    return { actions: [update('repository', { ...rest, ...(Tokens.length > 0 && { Tokens }) })], result: undefined };
  };
}

/** The token that a secret is. */
export function tokenOf({ Tokens = [] }: Pick<Repository, 'Tokens'>, secret: string): RepositoryToken | undefined {
  const digest = createHash('sha256').update(secret).digest('hex');
  // All are compared: where it is found tells nothing.
  return Tokens.filter(({ Digest }) => sameSecret(Digest, digest)).at(0);
}

/** Whether a token of that role may do what asks for `needed`. */
export function maySo(role: RepositoryToken['Role'], needed: RepositoryToken['Role']): boolean {
  return tokenRoles.indexOf(role) <= tokenRoles.indexOf(needed);
}

/** Whose token this is, now. Undefined, as the id is, for root on a manager. Refuses one that is gone, or may not do what is `needed`. */
export function checkToken(
  { Tokens = [], Issuers = [], Spec }: Repository,
  id: string | undefined,
  needed: RepositoryToken['Role'],
): Pick<RepositoryToken, 'ID' | 'Role'> | undefined {
  if (id === undefined) return undefined;
  const token = [...Tokens, ...Issuers].find(({ ID }) => ID === id);
  if (!token) throw new Refusal('permissionDenied', `that token of repository ${Spec.Name} is gone`);
  if (!maySo(token.Role, needed)) throw new Refusal('permissionDenied', `a token with role ${token.Role} may not ${needed}`);
  return token;
}
