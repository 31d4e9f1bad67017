/** Stacks that mean harm or make no sense, by generation: each is to be refused for itself, fast, with a reason and its file. */
import { hostileFiles } from './compose-hostile.ts';
import { madeByAge, testRecipient } from './sealed-files.ts';

export interface HostileStack {
  /** Its folder below `stacks`. */
  name: string;
  /** Files by path inside the folder. */
  files: Readonly<Record<string, string>>;
  /** Symbolic links by path inside the folder. */
  links?: Readonly<Record<string, string>>;
}

const service = 'services:\n  web:\n    image: app:1\n';
const quoted = (text: string): string => JSON.stringify(text);

/** How a stack file names another file. */
const references: Readonly<Record<string, (path: string) => string>> = {
  config: (path) => `${service}    configs: [c]\nconfigs:\n  c:\n    file: ${quoted(path)}\n`,
  secret: (path) => `${service}    secrets: [c]\nsecrets:\n  c:\n    file: ${quoted(path)}\n`,
  variables: (path) => `${service}    env_file: ${quoted(path)}\n`,
  'more-variables': (path) => `${service}    env_file:\n      - path: ${quoted(path)}\n        required: true\n`,
  include: (path) => `include:\n  - ${quoted(path)}\n${service}`,
  'include-variables': (path) => `include:\n  - path: ok.yml\n    env_file: ${quoted(path)}\n${service}`,
  extends: (path) => `services:\n  web:\n    extends:\n      file: ${quoted(path)}\n      service: web\n    image: app:1\n`,
};

/** Places that no stack may read. */
const places: Readonly<Record<string, string>> = {
  outside: '../../../outside.txt',
  'far-outside': '../../../../../../../../../../etc/hostname',
  absolute: '/etc/hostname',
  environment: '/proc/self/environ',
  'doubled-slash': '//etc/hostname',
  detour: 'a/../../../../outside.txt',
  missing: 'none.txt',
  git: '../../.git/config',
  'link-out': 'link-out',
  'link-absolute': 'link-absolute',
  'link-circle': 'link-circle',
  'link-folder': 'link-folder/outside.txt',
  'link-nothing': 'link-nothing',
  'through-file': 'ok.yml/x',
  'many-segments': `${'a/'.repeat(20_000)}x`,
  'long-name': 'x'.repeat(5000),
  backslashes: '..\\..\\..\\outside.txt',
  encoded: '%2e%2e/%2e%2e/%2e%2e/outside.txt',
};

const links = {
  'link-out': '../../../outside.txt',
  'link-absolute': '/etc/hostname',
  'link-circle': 'link-circle',
  'link-folder': '../../..',
  'link-nothing': 'nothing',
};

const laughs = Array.from({ length: 9 }, (_, n) => `x-${n + 1}: &n${n + 1} [${Array.from({ length: 9 }, () => `*n${n}`).join(', ')}]`).join('\n');
const sealed = 'ENC[AES256_GCM,data:Tr7o=,iv:1aS=,tag:3Dx==,type:str]';

/** Stack files that are wrong in themselves. */
const files: Readonly<Record<string, string>> = {
  empty: '',
  'not-a-map': '[1, 2]\n',
  'no-services': 'version: "3"\nservices: 5\n',
  binary: '\u0000\u0001\u0002\u0003',
  'not-utf8': Buffer.from([0xff, 0xfe, 0x73]).toString('latin1'),
  laughs: `x-0: &n0 [a]\n${laughs}\n${service}`,
  'own-anchor': `x-a: &a\n  b: *a\n${service}`,
  'deep-list': `x-a: ${'['.repeat(10_000)}${']'.repeat(10_000)}\n${service}`,
  'deep-map': `${Array.from({ length: 2000 }, (_, n) => `${' '.repeat(n)}a:`).join('\n')}\n`,
  'many-merges': `x-a: &a {b: 1}\nservices:\n  web:\n    <<: [${Array.from({ length: 20_000 }, () => '*a').join(', ')}]\n    image: [1]\n`,
  'twice-a-key': `${service}    image: app:2\n`,
  proto: '__proto__:\n  polluted: yes\nservices:\n  web: {image: [1]}\n',
  'proto-service': 'services:\n  __proto__:\n    image: 5\n',
  'code-tag': 'services:\n  web:\n    image: !!js/function "function () { process.exit() }"\n',
  'unknown-key': `${service}    nonsense: 1\n`,
  'unknown-top': `${service}nonsense: 1\n`,
  'image-number': 'services:\n  web:\n    image: 5\n',
  'image-option': 'services:\n  web:\n    image: "--help"\n',
  'image-blank': 'services:\n  web:\n    image: "a b"\n',
  'image-control': 'services:\n  web:\n    image: "a\\e[2J"\n',
  'no-image': 'services:\n  web:\n    command: x\n',
  'bad-port': `${service}    ports: ["x:y"]\n`,
  'huge-port': `${service}    ports: ["1-65535:1-65534"]\n`,
  'undefined-variable': 'services:\n  web:\n    image: app:${TAG}\n',
  'host-variable': 'services:\n  web:\n    image: app:${PATH}${HOME}\n',
  'endless-variable': `services:\n  web:\n    image: ${'${A:-'.repeat(3000)}x${'}'.repeat(3000)}\n`,
  'open-variable': 'services:\n  web:\n    image: "${"\n',
  'includes-itself': 'include:\n  - compose.yml\nservices:\n  web:\n    image: app:1\n',
  'extends-itself': 'services:\n  web:\n    extends: {service: web}\n    image: app:1\n',
  'missing-network': `${service}    networks: [none]\n`,
  'missing-secret': `${service}    secrets: [none]\n`,
  'external-secret': `${service}    secrets: [s]\nsecrets:\n  s:\n    external: true\n`,
  'external-network': `${service}    networks: [s]\nnetworks:\n  s:\n    external: true\n`,
  'bad-name': 'services:\n  "a b/..":\n    image: app:1\n',
  'negative-replicas': `${service}    deploy: {replicas: -1}\n`,
  'huge-config': `${service}    configs: [c]\nconfigs:\n  c:\n    content: ${quoted('x'.repeat(1_200_000))}\n`,
  'sealed-file': `${service}sops:\n  mac: ${sealed}\n`,
  'long-lines': `# ${'x'.repeat(6 * 1024 * 1024)}\n${service}    image: 5\n`,
  'many-words': `x-a: [${'a,'.repeat(600_000)}]\n${service}    image: 5\n`,
};

/** A file of SOPS that holds `more` beside what it must. */
function sopsFile(more: object, data: unknown = sealed): string {
  return JSON.stringify({ data, sops: { mac: sealed, lastmodified: '2026-01-01T00:00:00Z', age: [], ...more } });
}

/** Contents of a file that must not become a secret. */
const sealedContents: Readonly<Record<string, string>> = {
  age: 'age-encryption.org/v1\n-> X25519 x\n',
  armour: '-----BEGIN AGE ENCRYPTED FILE-----\nx\n-----END AGE ENCRYPTED FILE-----\n',
  'sops-yaml': `a: ${sealed}\n`,
  'sops-json': `{"a": "${sealed}"}`,
  'sops-env': `A=${sealed}\n`,
  'age-other': madeByAge.armored,
  'age-cut': madeByAge.armored.slice(0, 200),
  'age-readers': `age-encryption.org/v1\n${'-> X25519 AAAA\nAAAA\n'.repeat(20_000)}--- AAAA\n`,
  'sops-other': sopsFile({ age: [{ recipient: testRecipient, enc: madeByAge.armored }] }),
  'sops-nobody': sopsFile({}),
  'sops-groups': sopsFile({ shamir_threshold: 2, key_groups: [{}] }),
  'sops-recipients': sopsFile({ age: Array.from({ length: 10_000 }, () => ({ recipient: testRecipient, enc: 'x' })) }),
  'sops-recipient-odd': sopsFile({ age: [null, 5, { recipient: 5, enc: {} }, { recipient: '__proto__', enc: 'x' }] }),
  'sops-mac-odd': sopsFile({ mac: { toString: 'x' } }),
  'sops-data-odd': sopsFile({}, { constructor: sealed }),
  'sops-deep': `{"data": ${'['.repeat(50_000)}"${sealed}"${']'.repeat(50_000)}, "sops": {"mac": "${sealed}", "lastmodified": "x"}}`,
  'sops-proto': `{"__proto__": {"sops": {"mac": "${sealed}", "lastmodified": "x"}}, "data": "${sealed}"}`,
  vault: '$ANSIBLE_VAULT;1.1;AES256\n61\n',
  'git-crypt': '\u0000GITCRYPT\u0000x',
  lfs: 'version https://git-lfs.github.com/spec/v1\noid sha256:x\n',
};

/** More than two hundred. */
export function hostileStacks(): HostileStack[] {
  const named = Object.entries(references).flatMap(([kind, write]) =>
    Object.entries(places).map(([place, path]) => ({ name: `${kind}-${place}`, files: { 'compose.yml': write(path), 'ok.yml': service }, links })),
  );
  const wrong = Object.entries(files).map(([name, text]) => ({ name: `file-${name}`, files: { 'compose.yml': text } }));
  const sealedFiles = Object.entries(sealedContents).flatMap(([name, text]) =>
    ['config', 'secret', 'variables'].map((kind) => ({ name: `sealed-${name}-${kind}`, files: { 'compose.yml': references[kind]?.('x') ?? '', x: text } })),
  );
  const costly = Object.entries(hostileFiles).map(([name, { text }]) => ({ name: `costly-${name.replaceAll(' ', '-')}`, files: { 'compose.yml': text() } }));
  return [...named, ...wrong, ...sealedFiles, ...costly];
}
