/** Logins of repositories: taken out of URLs, checked, and never shown. */
import { Refusal } from '#base/refusal';
import type { RepositoryCredentials, RepositorySpec } from '#model/object/repository';
import { checkTexts } from './checks/texts.ts';

/** What servers take as the name that goes with a token. */
const tokenUser = 'oauth2';
const secretParameter = /token|secret|passw|auth|key|sig/i;
const longestCredential = 64 * 1024;

/** The spec with a URL that may be shown: a login or a token inside it stands among the credentials instead. */
export function withLoginApart(spec: RepositorySpec): RepositorySpec {
  const match = /^(https?:\/\/)(?:([^/@]*)@)?([^?#]*)(?:\?([^#]*))?(?:#.*)?$/i.exec(spec.URL);
  if (!match) return withoutSSHPassword(spec);
  const [, scheme = '', login, place = '', query = ''] = match;
  const parameters = query.split('&').filter((parameter) => parameter !== '');
  const secret = parameters.filter((parameter) => secretParameter.test(parameter.split('=')[0] ?? ''));
  if (login === undefined && secret.length === 0) return spec;
  const found: RepositoryCredentials = {};
  const [user, ...password] = (login ?? '').split(':');
  if (login !== undefined && user) found.Username = decoded(user);
  if (password.length > 0) found.Password = decoded(password.join(':'));
  const token = secret[0]?.slice(secret[0].indexOf('=') + 1);
  if (token !== undefined && found.Password === undefined) found.Password = decoded(token);
  if (found.Password !== undefined) found.Username ??= tokenUser;
  const kept = parameters.filter((parameter) => !secret.includes(parameter));
  const URL = `${scheme}${place}${kept.length > 0 ? `?${kept.join('&')}` : ''}`;
  return { ...spec, URL, Credentials: { ...found, ...spec.Credentials } };
}

/** ssh is never given a password; the user's name says where to go and stays. */
function withoutSSHPassword(spec: RepositorySpec): RepositorySpec {
  const URL = spec.URL.replace(/^([a-z][a-z0-9+.-]*:\/\/[^/@:]*):[^/@]*@/i, '$1@');
  return URL === spec.URL ? spec : { ...spec, URL };
}

/** A token alone goes with a name that servers take; refuses what git would not be given as it is, or not at all. */
export function checkedCredentials({ URL, Credentials }: RepositorySpec): RepositoryCredentials | undefined {
  if (!Credentials || Object.keys(Credentials).length === 0) return undefined;
  const { Username, Password, SSHKey, KnownHosts, CA } = Credentials;
  const web = /^https?:\/\//i.test(URL);
  const ssh = /^ssh:\/\//i.test(URL) || (!/^[a-z]+:\/\//i.test(URL) && !URL.startsWith('/'));
  for (const [name, value] of Object.entries(Credentials) as [string, string][]) {
    if (value.length > longestCredential) throw new Refusal('invalidArgument', `${words[name] ?? name} is longer than ${longestCredential} characters`);
  }
  if (!web && (Username !== undefined || Password !== undefined || CA !== undefined))
    throw new Refusal('invalidArgument', 'a user name, a password, a token and a CA are for https:// repositories only');
  if (!ssh && (SSHKey !== undefined || KnownHosts !== undefined))
    throw new Refusal('invalidArgument', 'an SSH key and known hosts are for ssh repositories only');
  if (/[\u0000-\u001f\u007f]/.test(`${Username ?? ''}${Password ?? ''}`))
    throw new Refusal('invalidArgument', 'a user name, a password and a token are one line of text');
  if (SSHKey !== undefined) checkKey(SSHKey);
  if (KnownHosts !== undefined && !/^[^#\s]+\s+\S+\s+\S+/m.test(KnownHosts)) throw new Refusal('invalidArgument', 'the known hosts name no key of any host');
  if (CA !== undefined && !CA.includes('-----BEGIN CERTIFICATE-----')) throw new Refusal('invalidArgument', 'the CA is no certificate in PEM');
  return Password !== undefined && Username === undefined ? { Username: tokenUser, ...Credentials } : Credentials;
}

/** The spec with another place, or another login. A login belongs to its place: it goes with that, unless the new one is given with it. */
export function relocated(before: RepositorySpec, { URL, Credentials }: { URL?: string; Credentials?: RepositoryCredentials }): RepositorySpec {
  if (URL === undefined && !Credentials) return before;
  if (before.Hosted)
    throw new Refusal('invalidArgument', 'a repository that is pushed to the cluster has no URL and no login: it is the cluster that holds it');
  const { Credentials: known, ...rest } = before;
  const login = Credentials ?? (URL === before.URL ? known : undefined);
  return withCheckedLogin({ ...rest, ...(URL !== undefined && { URL }), ...(login && { Credentials: login }) });
}

/** The spec with its login apart from its URL, and checked. */
export function withCheckedLogin(asked: RepositorySpec): RepositorySpec {
  checkTexts(asked);
  const apart = withLoginApart(asked);
  const { Credentials: _unchecked, ...rest } = apart;
  const Credentials = checkedCredentials(apart);
  return { ...rest, ...(Credentials && { Credentials }) };
}

const words: Readonly<Record<string, string>> = {
  Username: 'the user name',
  Password: 'the password or token',
  SSHKey: 'the SSH key',
  KnownHosts: 'the known hosts',
  CA: 'the CA',
};

function checkKey(key: string): void {
  const body = /-----BEGIN [A-Z ]*PRIVATE KEY-----([^-]*)-----END/.exec(key)?.[1];
  if (body === undefined) throw new Refusal('invalidArgument', 'the SSH key is no private key');
  // OpenSSH's own format names its cipher inside.
  const inside = Buffer.from(body.replaceAll(/\s/g, ''), 'base64').toString('latin1', 0, 64);
  const locked = /ENCRYPTED/.test(key) || (inside.startsWith('openssh-key-v1') && !inside.slice(15).startsWith('\u0000\u0000\u0000\u0004none'));
  if (locked) throw new Refusal('invalidArgument', 'the SSH key has a passphrase, which nobody could type: give one without');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
