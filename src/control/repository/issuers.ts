/** Whose tokens a repository takes in the place of its own. */
import { Refusal } from '#base/refusal';
import { isConfidential } from '#base/text/confidential';
import type { TrustedIssuer } from '#model/object/repository';
import { update } from '#store/action';
import type { UseCase } from '../cluster.ts';
import { findObject, shortened } from '../find.ts';
import { checkRole } from './tokens.ts';

const mostIssuers = 20;
const longest = 500;

export function addIssuer(ref: string, asked: Omit<TrustedIssuer, 'ID'>): UseCase<{ ID: string }> {
  return (view, { newId }) => {
    const repository = findObject(view, 'repository', ref);
    const before = repository.Issuers ?? [];
    if (before.length >= mostIssuers) throw new Refusal('failedPrecondition', `repository ${repository.Spec.Name} trusts ${mostIssuers} issuers: remove some`);
    checkRole(repository, asked.Role);
    check(asked);
    const issuer: TrustedIssuer = { ID: newId(), ...asked };
    return { actions: [update('repository', { ...repository, Issuers: [...before, issuer] })], result: { ID: issuer.ID } };
  };
}

/** `id` may be shortened. */
export function removeIssuer(ref: string, id: string): UseCase<void> {
  return (view) => {
    const repository = findObject(view, 'repository', ref);
    const { Issuers: before = [], ...rest } = repository;
    const found = shortened(before, id);
    if (found.length !== 1) throw new Refusal('notFound', `repository ${repository.Spec.Name} trusts no issuer ${id}`);
    const Issuers = before.filter((each) => each !== found[0]);
    return { actions: [update('repository', { ...rest, ...(Issuers.length > 0 && { Issuers }) })], result: undefined };
  };
}

function check({ Issuer, Subject, Audience }: Omit<TrustedIssuer, 'ID'>): void {
  for (const text of [Issuer, Subject, Audience]) {
    if (text === '' || text.length > longest || /[\u0000-\u0020\u007f]/.test(text))
      throw new Refusal(
        'invalidArgument',
        `an issuer, a subject and an audience are texts without blanks of at most ${longest} characters, and all are needed`,
      );
  }
  // Whoever reads the keys in plain text believes whoever answers.
  if (!isConfidential(Issuer) || /[\s@?#]/.test(Issuer))
    throw new Refusal('invalidArgument', `"${Issuer}" is no issuer: it is an https:// address, as its tokens name it`);
  if (!/[^*?]/.test(Subject)) throw new Refusal('invalidArgument', 'a subject of wildcards alone would let everybody in whom the issuer knows');
}
