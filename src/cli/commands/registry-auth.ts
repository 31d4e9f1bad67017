/** The docker CLI's stored logins, for --with-registry-auth. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

interface StoredLogin {
  auth?: string;
  identitytoken?: string;
}

/** Header with the login of `image`'s registry; none when the user has not logged in there. Logins kept by helper programs are not read. */
export function registryAuthHeader(image: string, environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const registry = registryOf(image);
  const login = storedLogins(environment)[registry];
  if (!login) return {};
  const [username = '', ...password] = Buffer.from(login.auth ?? '', 'base64')
    .toString()
    .split(':');
  const config = {
    username,
    password: password.join(':'),
    serveraddress: registry,
    ...(login.identitytoken !== undefined && { identitytoken: login.identitytoken }),
  };
  return { 'X-Registry-Auth': Buffer.from(JSON.stringify(config)).toString('base64url') };
}

/** Key of a registry in the store; images without a registry have Docker's own. */
function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const named = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  return named && first !== 'docker.io' ? first : 'https://index.docker.io/v1/';
}

function storedLogins(environment: Readonly<Record<string, string | undefined>>): Readonly<Record<string, StoredLogin>> {
  const file = join(environment['DOCKER_CONFIG'] || join(homedir(), '.docker'), 'config.json');
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { auths?: Record<string, StoredLogin> }).auths ?? {};
  } catch {
    return {};
  }
}
