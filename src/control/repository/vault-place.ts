/** Where a repository's stacks have values from that a vault holds, and with what the vault is asked. */
import { Refusal } from '#base/refusal';
import { isConfidential } from '#base/text/confidential';
import type { VaultPlace } from '#model/object/repository';

const longestText = 4096;
const longestCertificates = 64 * 1024;

/** Of a change: what is not said stays, and an address of '' takes all of it away. What proves who we are goes to the address that it was given for, and to no other. */
export function changedVault(before: VaultPlace | undefined, change: Partial<VaultPlace>): VaultPlace | undefined {
  const { Address = before?.Address ?? '' } = change;
  if (Address === '' && change.Address !== undefined) return undefined;
  if (Address === '') throw new Refusal('invalidArgument', 'the repository has no vault yet: say its address');
  const kept = before?.Address === Address ? before : undefined;
  const { Token, RoleID, SecretID, ...rest } = kept ?? ({} as Partial<VaultPlace>);
  // A token takes the place of a role, and a role that of a token.
  const byRole = change.RoleID !== undefined || change.SecretID !== undefined;
  const proof = {
    ...(!byRole && Token !== undefined && { Token }),
    ...(change.Token === undefined && { ...(RoleID !== undefined && { RoleID }), ...(SecretID !== undefined && { SecretID }) }),
  };
  return { ...rest, ...proof, ...change, Address };
}

export function checkVault({ Address, Namespace, Token, RoleID, SecretID, CA }: VaultPlace): void {
  const texts = [Address, Namespace, Token, RoleID, SecretID].filter((each) => each !== undefined);
  if (texts.some((text) => text === '' || text.length > longestText || /[^\u0021-\u007e]/.test(text)))
    throw new Refusal(
      'invalidArgument',
      `a vault's address, namespace, token, role id and secret id are one line of ASCII without blanks, of at most ${longestText} characters`,
    );
  if (!URL.canParse(Address) || !isConfidential(Address) || /[@?#]/.test(Address))
    throw new Refusal(
      'invalidArgument',
      'a vault is asked over https:// (http:// on this machine alone), at an address without a login, such as https://vault.example.org:8200',
    );
  if (Token !== undefined && (RoleID !== undefined || SecretID !== undefined))
    throw new Refusal('invalidArgument', 'a vault is asked with a token or with a role, not with both');
  if (Token === undefined && (RoleID === undefined || SecretID === undefined))
    throw new Refusal('invalidArgument', 'a vault is asked with a token, or with a role id and a secret id: say one of the two');
  if (CA !== undefined && (CA.length > longestCertificates || !CA.includes('-----BEGIN CERTIFICATE-----')))
    throw new Refusal('invalidArgument', "the vault's CA is no certificate in PEM");
}
