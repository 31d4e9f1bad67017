/** Strict mode: texts and faults of Docker's CLI, kept on purpose. */
import { describe, expect, test } from 'vitest';
import { loadStrict, withIds } from '#compose/strict/plan';
import { renderStrictConfig } from '#compose/render/config';
import { errorsOf, load, request } from '#test/support/compose';

function refusal(yaml: string, environment: Record<string, string> = {}): string {
  const result = load({ 'compose.yml': yaml }, { mode: 'strict', environment });
  expect(result.stack).toBeUndefined();
  return errorsOf(result).join('\n');
}

function container(yaml: string, environment: Record<string, string> = {}) {
  const result = load({ 'compose.yml': yaml, 'a.env': 'A=1 \n  B\nC=\n#x\n', x: 'data' }, { mode: 'strict', environment });
  expect(errorsOf(result)).toEqual([]);
  return result.stack?.Services[0]?.TaskTemplate.ContainerSpec ?? {};
}

describe('mounts, as Docker’s CLI sends them', () => {
  test.each([
    ['{type: tmpfs, target: /x, tmpfs: {size: 10, mode: 493}}', { Type: 'tmpfs', Target: '/x', TmpfsOptions: { SizeBytes: 10 } }],
    ['{type: bind, source: /s, target: /x, bind: {create_host_path: true}}', { Type: 'bind', Source: '/s', Target: '/x', BindOptions: {} }],
    ['{type: image, source: busybox, target: /x}', { Type: 'image', Source: 'busybox', Target: '/x' }],
    ["{type: bind, source: '\\\\.\\pipe\\a', target: /x}", { Type: 'bind', Source: '/stack/\\\\.\\pipe\\a', Target: '/x' }],
    ["{type: bind, source: '\\\\srv\\share\\a', target: /x}", { Type: 'bind', Source: '\\\\srv\\share\\a', Target: '/x' }],
    ["{type: bind, source: '\\\\srv\\share', target: /x}", { Type: 'bind', Source: '/stack/\\\\srv\\share', Target: '/x' }],
  ])('%s', (written, sent) => {
    expect(container(`services: {a: {image: a, volumes: [${written}]}}`).Mounts).toEqual([sent]);
  });
});

test('a merge key may say that it is one', () => {
  expect(container('x-a: &a {hostname: h}\nservices: {a: {image: a, !!merge <<: *a}}').Hostname).toBe('h');
  expect(container('x-a: &a {hostname: h}\nservices: {a: {image: a, !!merge "<<": *a}}').Hostname).toBe('h');
});

describe('refusals', () => {
  test.each([
    ['services: {web: {image: 5}}', 'services.web.image must be a string'],
    ['services: {web: {image: a, foo: 1}}', 'services.web Additional property foo is not allowed'],
    ['services: {"a b": {image: a}}', 'services Additional property a b is not allowed'],
    ['version: 3.8\nservices: {}', 'version must be a string'],
    ['version: "2.1"', 'unsupported Compose file version: 2.1'],
    ['version: "3.6"\nservices: {a: {image: a, init: true}}', 'services.a Additional property init is not allowed'],
    ['version: "3.1"\nservices: {a: {image: a, ports: [true]}}', 'services.a.ports.0 must be a string or number'],
    ['services: {a: {image: a, environment: {A: true}}}', 'services.a.environment.A must be a string, number or null'],
    ['services: {a: {image: a, ports: ["1:2/foo"]}}', "services.a.ports.0 Does not match format 'ports'"],
    ['services: {a: {image: a, cap_add: [X, X]}}', 'services.a.cap_add array items[0,1] must be unique'],
    ['services: {a: {image: a, volumes: [{target: /x}]}}', 'services.a.volumes.0 type is required'],
    ['services: {a: {image: a, command: null}}', 'services.a.command must be a string'],
    ['services: {a: {image: a, command: [1]}}', 'services.a.command.0 must be a string'],
    ['services: {a: {image: a, stop_grace_period: "10"}}', "services.a.stop_grace_period Does not match format 'duration'"],
    [
      'version: "3.3"\nservices: {a: {image: a, stop_grace_period: "10"}}',
      'decoding failed due to the following error(s):\n\nerror decoding \'stop_grace_period\': time: missing unit in duration "10"',
    ],
    [
      'services: {a: {image: a, command: "\'x"}}',
      "decoding failed due to the following error(s):\n\nerror decoding 'Command': EOF found when expecting closing quote",
    ],
    [
      'services: {a: {image: a, volumes: [":/x"]}}',
      "decoding failed due to the following error(s):\n\nerror decoding 'Volumes[0]': invalid spec: :/x: empty section between colons",
    ],
    ['services: {a: {image: a, deploy: {mode: foo}}}', 'service a: Unknown mode: foo'],
    ['services: {a: {image: a, deploy: {mode: global, replicas: 1}}}', 'service a: replicas can only be used with replicated or replicated-job mode'],
    ['services: {a: {image: a, networks: [n]}}', 'service a: undefined network "n"'],
    ['services: {a: {image: a, volumes: ["vol:/x"]}}', 'service a: undefined volume "vol"'],
    ['services: {a: {image: a, secrets: [s]}}', 'service a: undefined secret "s"'],
    ['services: {a: {image: A}}', 'invalid image reference for service a: invalid reference format: repository name (library/A) must be lowercase'],
    ['services: {a: {}}', 'invalid image reference for service a: no image specified'],
    ['services: {a: {image: a, mem_limit: 1g}}', 'Compose file contains unsupported options:\n\nmem_limit: Set resource limits using deploy.resources\n'],
    ['services: {1: {image: a}}', 'json: unsupported type: map[interface {}]interface {}'],
    ['a: 1\na: 2', 'yaml: unmarshal errors:\n  line 2: mapping key "a" already defined at line 1'],
    ['services: {a: {image: "$"}}', 'invalid interpolation format for services.a.image: "$"; you may need to escape any $ with another $'],
    [
      'services: {a: {image: "a:${A?first}${B?last}"}}',
      'invalid interpolation format for services.a.image: "required variable B is missing a value: last"; you may need to escape any $ with another $',
    ],
    [
      'services: {a: {image: a, environment: ["X=${A:?no way}"]}}',
      'invalid interpolation format for services.a.environment.[]: "required variable A is missing a value: no way"; you may need to escape any $ with another $',
    ],
    ['volumes: {v: {external: true, driver: x}}', 'conflicting parameters "external" and "driver" specified for volume "v"'],
  ])('%s', (yaml, message) => expect(refusal(yaml)).toBe(message));

  test('a file of another version beside the first', () => {
    const files = [
      { path: 'a', bytes: Buffer.from('version: "3.8"') },
      { path: 'b', bytes: Buffer.from('services: {}') },
    ];
    expect(errorsOf(load({}, { mode: 'strict', files }))).toEqual(['version mismatched between two composefiles : 3.8 and 3.13']);
  });
});

describe('values', () => {
  test('numbers in string maps are printed as Go prints them', () => {
    const yaml =
      'services: {a: {image: a, environment: {A: 0777, B: 1.50, C: 1000000.0, D: 2001-01-01, E: 0x1F, F: 1_000, G: 123456789.123, H: 22:22, I: .5}}}';
    const expected = ['A=511', 'B=1.5', 'C=1e+06', 'D=2001-01-01 00:00:00 +0000 UTC', 'E=31', 'F=1000', 'G=1.23456789123e+08', 'H=22:22', 'I=0.5'];
    expect(container(yaml).Env).toEqual(expected);
  });

  test('the environment: files, own words over them, the caller for what is empty', () => {
    const yaml = 'services: {a: {image: a, env_file: a.env, environment: {D: , E: x, F: ""}}}';
    expect(container(yaml, { B: 'b', C: 'c', D: 'd' }).Env).toEqual(['A=1 ', 'B=b', 'C=c', 'D=d', 'E=x', 'F=']);
  });

  test.each([
    ['$A', 'va'],
    ['${A}', 'va'],
    ['$$A', '$A'],
    ['${U:-d}', 'd'],
    ['${U:-${A}}', '${A}'],
    ['${E:-d}', 'd'],
    ['${E-d}', ''],
    ['$U:-foo bar', 'foo bar'],
    ['${U:?must-be set}', 'be set'],
    ['${U:-}', ''],
    ['x$U', 'x'],
  ])('interpolates %s', (text, value) => {
    const yaml = `services: {a: {image: a, hostname: ${JSON.stringify(text)}, user: me}}`;
    expect(container(yaml, { A: 'va', E: '' }).Hostname ?? '').toBe(value);
  });

  test('a one-letter volume is taken for a drive', () => {
    expect(container('services: {a: {image: a, volumes: ["v:/x"]}}\nvolumes: {v: }').Mounts).toEqual([{ Type: 'volume', Target: 'v:/x' }]);
  });

  test('capabilities and hosts', () => {
    const spec = container('services: {a: {image: a, cap_add: [net_admin, CAP_B], cap_drop: [b, all], extra_hosts: ["h=1", "v6:[::1]", lost]}}');
    expect(spec.CapabilityAdd).toEqual(['CAP_B', 'CAP_NET_ADMIN']);
    expect(spec.CapabilityDrop).toEqual(['ALL']);
    expect(spec.Hosts).toEqual(['1 h', '::1 v6']);
  });
});

describe('several files', () => {
  function merged(base: string, override: string) {
    const files = [base, override].map((text, index) => ({ path: `f${index}`, bytes: Buffer.from(`services: {a: ${text}}`) }));
    const result = load({}, { mode: 'strict', files });
    expect(errorsOf(result)).toEqual([]);
    return result.stack?.Services[0];
  }

  test('ports without a published number collapse into one', () => {
    const service = merged('{image: a, ports: ["80", "81", "8080:82"]}', '{user: me}');
    expect(service?.EndpointSpec?.Ports?.map((port) => port.TargetPort)).toEqual([81, 82]);
  });

  test('empty values never override, health tests are appended, options of logging get lost', () => {
    const service = merged(
      '{image: a, tty: true, hostname: h, environment: {A: x}, command: [c], healthcheck: {test: one}, logging: {driver: x}, deploy: {replicas: 3}}',
      '{tty: false, hostname: "", environment: {A: }, command: [], healthcheck: {test: [CMD, two]}, logging: {options: {a: b}}, deploy: {replicas: 0}}',
    );
    const spec = service?.TaskTemplate.ContainerSpec;
    expect(spec).toMatchObject({ TTY: true, Hostname: 'h', Env: ['A=x'], Args: ['c'], Healthcheck: { Test: ['CMD-SHELL', 'one', 'CMD', 'two'] } });
    expect(service?.TaskTemplate.LogDriver).toEqual({ Name: 'x' });
    expect(service?.Mode).toEqual({ Replicated: { Replicas: 0 } });
  });
});

describe('the plan', () => {
  test('a secret that cannot be read fails only when its stage is reached', () => {
    const result = loadStrict(request({ 'compose.yml': 'services: {a: {image: a}}\nsecrets: {s: {file: nope}}' }, { mode: 'strict' }));
    expect(result.plan?.networks.map((network) => network.Name)).toEqual(['app_default']);
    expect(result.plan?.secrets).toEqual({ ok: false, error: 'open /stack/nope: no such file or directory' });
  });

  test('ids are filled in by name', () => {
    const yaml = 'services: {a: {image: a, configs: [c], credential_spec: {config: c}}}\nconfigs: {c: {external: true}}';
    const service = loadStrict(request({ 'compose.yml': yaml }, { mode: 'strict' })).plan?.services[0];
    if (service?.spec.ok !== true) throw new Error('no spec');
    const spec = withIds(service.spec.value, { secret: (name) => name, config: (name) => `id-${name}` });
    expect(spec.TaskTemplate.ContainerSpec?.Configs?.map((config) => config.ConfigID)).toEqual(['id-c', 'id-c']);
    expect(spec.TaskTemplate.ContainerSpec?.Privileges?.CredentialSpec).toEqual({ Config: 'id-c', File: '', Registry: '' });
  });

  test('warnings come in order: log lines, ignored keys, deprecated keys', () => {
    const yaml = 'services: {a: {image: a, ports: ["127.0.0.1:1:2"], restart: always, build: ., container_name: x}}';
    expect(loadStrict(request({ 'compose.yml': yaml }, { mode: 'strict' })).notices).toEqual([
      { kind: 'log', message: "ignoring IP-address (127.0.0.1:1:2/tcp) service will listen on '0.0.0.0'" },
      { kind: 'text', text: 'Ignoring unsupported options: build, restart\n\n' },
      { kind: 'text', text: 'Ignoring deprecated options:\n\ncontainer_name: Setting the container name is not supported.\n\n' },
    ]);
  });
});

test('stack config prints long forms, sorted, quoted as Docker quotes', () => {
  const yaml =
    'services: {a: {image: a, ports: ["80:81"], environment: {y: "1", A10: "a: b", A9: " x", Z: "l1\\nl2\\n"}, deploy: {resources: {limits: {memory: 1k}}}}}\nx-n: {b: 1.0, a: [1, {c: d}]}';
  const result = renderStrictConfig(request({ 'compose.yml': yaml }, { mode: 'strict' }));
  expect('text' in result && result.text).toBe(`version: "3.13"
services:
  a:
    deploy:
      resources:
        limits:
          memory: "1024"
    environment:
      A9: ' x'
      A10: 'a: b'
      Z: |
        l1
        l2
      "y": "1"
    image: a
    ports:
      - mode: ingress
        target: 81
        published: 80
        protocol: tcp
x-n:
  a:
    - 1
    - c: d
  b: 1
`);
});
