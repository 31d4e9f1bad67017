/** Credentials for registries, from where the docker CLI keeps them. */
import { own } from '#base/text/own';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { registryOf } from '#model/image/image-reference';
import { CommandError } from '../command-error.ts';

interface ConfigFile {
  auths?: Readonly<Record<string, StoredAuth>>;
  credsStore?: string;
  credHelpers?: Readonly<Record<string, string>>;
}

interface StoredAuth {
  /** base64 of user:password */
  auth?: string;
  username?: string;
  password?: string;
  identitytoken?: string;
  registrytoken?: string;
}

interface AuthConfig {
  username?: string;
  password?: string;
  serveraddress?: string;
  identitytoken?: string;
  registrytoken?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Docker Hub's key in the file, older than its domain. */
const hubKey = 'https://index.docker.io/v1/';
const helperTimeoutMs = 30_000;

/** Answers the X-Registry-Auth text for an image, asking for each registry once; empty credentials are sent as such. */
export function authReader(environment: Environment): (image: string) => Promise<string> {
  const config = readConfig(environment);
  const known = new Map<string, Promise<string>>();
  return (image) => {
    const domain = registryOf(image);
    const key = domain === 'docker.io' ? hubKey : domain;
    const found = known.get(key) ?? credentials(config, key, environment).then(encode);
    known.set(key, found);
    return found;
  };
}

function readConfig(environment: Environment): ConfigFile {
  const file = join(environment['DOCKER_CONFIG'] || join(homedir(), '.docker'), 'config.json');
  if (!existsSync(file)) return {};
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ConfigFile;
  } catch (error) {
    throw new CommandError(`${file} cannot be read: ${(error as Error).message}`);
  }
}

/** base64url of the JSON, padded, as the API reads the header. */
function encode(auth: AuthConfig): string {
  return Buffer.from(JSON.stringify(auth)).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}

async function credentials(config: ConfigFile, key: string, environment: Environment): Promise<AuthConfig> {
  const helper = own(config.credHelpers, key) ?? config.credsStore;
  return helper ? askHelper(helper, key, environment) : storedAuth(config.auths ?? {}, key);
}

/** By the key itself, or else by a key that is a URL of the same host. */
function storedAuth(auths: Readonly<Record<string, StoredAuth>>, key: string): AuthConfig {
  const name = Object.hasOwn(auths, key) ? key : Object.keys(auths).find((other) => hostOf(other) === key);
  const stored = name === undefined ? undefined : auths[name];
  if (name === undefined || !stored) return {};
  const [user = '', ...rest] = Buffer.from(stored.auth ?? '', 'base64')
    .toString('utf8')
    .split(':');
  const username = user || stored.username;
  const password = rest.join(':').replaceAll('\0', '') || stored.password;
  return {
    ...(username && { username }),
    ...(password && { password }),
    serveraddress: name,
    ...(stored.identitytoken && { identitytoken: stored.identitytoken }),
    ...(stored.registrytoken && { registrytoken: stored.registrytoken }),
  };
}

function hostOf(url: string): string {
  return url.replace(/^https?:\/\//, '').split('/')[0] ?? '';
}

/** Runs `docker-credential-NAME get`; the user name `<token>` marks an identity token. */
async function askHelper(helper: string, key: string, environment: Environment): Promise<AuthConfig> {
  const program = `docker-credential-${helper}`;
  const { code, text } = await run(program, key, environment);
  if (code !== 0) {
    if (text.includes('credentials not found in native keychain')) return {};
    throw new CommandError(`error getting credentials - err: ${program} ended with ${code}, out: \`${text.trim()}\``);
  }
  const { Username = '', Secret = '' } = readCredentials(program, text);
  if (Username === '<token>') return { serveraddress: key, identitytoken: Secret };
  return { ...(Username && { username: Username }), ...(Secret && { password: Secret }), serveraddress: key };
}

/** What it said is a secret: it is not told. */
function readCredentials(program: string, text: string): { Username?: string; Secret?: string } {
  try {
    const told: unknown = JSON.parse(text);
    if (typeof told === 'object' && told !== null) return told;
  } catch {
    // The same as any other text that is no object.
  }
  throw new CommandError(`error getting credentials - err: ${program} answered with something that is not a JSON object`);
}

function run(program: string, input: string, environment: Environment): Promise<{ code: number; text: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['get'], { env: { ...environment }, stdio: ['pipe', 'pipe', 'ignore'], timeout: helperTimeoutMs });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    // A helper may end without reading; its exit code tells the rest.
    child.stdin.on('error', () => undefined).end(input);
    child.on('error', (error) => reject(new CommandError(`error getting credentials - err: ${error.message}`)));
    child.on('close', (code) => resolve({ code: code ?? 1, text }));
  });
}
