/** Spec mode: the Compose Specification on clusters, every mistake told with its place. */
import { describe, expect, test } from 'vitest';
import { diagnosticText } from '#compose/compose';
import { loadStack } from '#compose/load';
import { errorsOf, load, request } from '#test/support/compose';

function service(files: Record<string, string> | string, change: Parameters<typeof load>[1] = {}) {
  const result = load(typeof files === 'string' ? { 'compose.yml': files } : files, change);
  expect(errorsOf(result)).toEqual([]);
  const found = result.stack?.Services[0];
  if (!found) throw new Error('no service');
  return found;
}

describe('places', () => {
  test('all mistakes are told at once, sorted, with what was meant', () => {
    const yaml = 'services:\n  web:\n    imag: nginx\n    deploy:\n      replicas: many\nvolumes:\n  v: {driver: 5}\n';
    expect(load({ 'compose.yml': yaml }).diagnostics.map(diagnosticText)).toEqual([
      'compose.yml:3:5: services.web.imag: unknown key imag (did you mean image?)',
      'compose.yml:5:7: services.web.deploy.replicas: must be a integer',
      'compose.yml:7:7: volumes.v.driver: must be a string',
    ]);
  });

  test('keys without effect warn, keys of other tools are refused by name', () => {
    const yaml = 'services:\n  web:\n    image: a\n    build: .\n    provider: {type: x}\n';
    const result = load({ 'compose.yml': yaml });
    expect(result.diagnostics.map(({ severity, key, line }) => ({ severity, key, line }))).toEqual([
      { severity: 'warning', key: 'services.web.build', line: 4 },
      { severity: 'error', key: 'services.web.provider', line: 5 },
    ]);
  });

  test('a size that cannot be read is told at its key', () => {
    const yaml = 'services:\n  web:\n    image: a\n    deploy: {resources: {limits: {memory: 5x}}}\n';
    expect(load({ 'compose.yml': yaml }).diagnostics[0]).toMatchObject({
      line: 4,
      key: 'services.web.deploy.resources.limits.memory',
      message: "invalid suffix: 'x'",
    });
  });
});

test('of a file the first document is read, and another one that holds something is told of with its place', () => {
  const first = 'services: { a: { image: a } }\n';
  const loaded = load({ 'compose.yml': `${first}---\n# nothing\n---\n\nservices: { b: { image: b } }\n---\nbroken: [\n` });
  expect(loaded.stack?.Services.map(({ Name }) => Name)).toHaveLength(1);
  expect(loaded.diagnostics).toEqual([expect.objectContaining({ severity: 'warning', file: expect.stringContaining('compose.yml'), line: 6, column: 1 })]);
  for (const empty of ['---\n', '---\n# a word\n', '...\n# a word\n', '---\n---\n...\n'])
    expect(load({ 'compose.yml': first + empty }).diagnostics).toEqual([]);
});

describe('variables', () => {
  test.each([
    ['${A}', 'va'],
    ['${U:-${A}}', 'va'],
    ['${U:-x${E:-$A}y}', 'xvay'],
    ['${A:+set}', 'set'],
    ['${U:+set}', ''],
    ['${E+set}', 'set'],
    ['${E:+set}', ''],
    ['${U-d}', 'd'],
    ['$$x', '$x'],
    ['${A:?must-be set}', 'va'],
    ['${U:-$2y$05}', '$2y$05'],
  ])('%s is %s', (text, value) => {
    const yaml = `services: {a: {image: a, hostname: ${JSON.stringify(text)}}}`;
    expect(service(yaml, { environment: { A: 'va', E: '' } }).TaskTemplate.ContainerSpec?.Hostname ?? '').toBe(value);
  });

  test('a missing one warns with its place, or is an error', () => {
    const yaml = 'services:\n  a:\n    image: "x:${TAG}1"\n    hostname: ${TAG:-d}\n';
    const [warning, ...rest] = load({ 'compose.yml': yaml }).diagnostics;
    expect(rest).toEqual([]);
    expect(warning).toMatchObject({ severity: 'warning', line: 3, column: 5, key: 'services.a.image' });
    expect(load({ 'compose.yml': yaml }, { strictVariables: true }).stack).toBeUndefined();
  });

  test('what they stand for is read as the number or boolean that is asked for; modes are octal', () => {
    const yaml = 'services: {a: {image: a, init: "${T}", scale: "${N}", secrets: [{source: s, mode: "${M}"}]}}\nsecrets: {s: {content: x}}';
    expect(service(yaml, { environment: { T: 'yes', N: '2', M: '0400' } })).toMatchObject({
      Mode: { Replicated: { Replicas: 2 } },
      TaskTemplate: { ContainerSpec: { Init: true, Secrets: [{ File: { Mode: 0o400 } }] } },
    });
  });

  test('.env gives values, the caller has the last word', () => {
    const files = { 'compose.yml': 'services: {a: {image: "x:${TAG}", hostname: "${H}", user: "${Q}"}}', '.env': 'TAG=1\nexport H="a b" # c\nQ=\'$TAG\'\n' };
    expect(service(files, { environment: { TAG: '2' } })).toMatchObject({ TaskTemplate: { ContainerSpec: { Image: 'x:2', Hostname: 'a b', User: '$TAG' } } });
  });
});

describe('several files', () => {
  test('extends, from another folder too', () => {
    const files = {
      'compose.yml': 'services: {a: {extends: {file: lib/base.yml, service: b}, environment: {B: 2}}}',
      'lib/base.yml': 'services: {b: {extends: c, environment: {A: 1, B: 1}}, c: {image: c, env_file: e.env, volumes: ["./d:/d"]}}',
      'lib/e.env': 'E=1\n',
    };
    const spec = service(files).TaskTemplate.ContainerSpec;
    expect(spec?.Env).toEqual(['A=1', 'B=2', 'E=1']);
    expect(spec?.Mounts).toEqual([{ Type: 'bind', Source: '/stack/lib/d', Target: '/d' }]);
  });

  test('circles end', () => {
    expect(errorsOf(load({ 'compose.yml': 'services: {a: {image: a, extends: b}, b: {extends: a}}' }))[0]).toContain('in a circle');
    expect(errorsOf(load({ 'compose.yml': 'include: [compose.yml]\nservices: {a: {image: a}}' }))[0]).toContain('in a circle');
  });

  test('a plain list of dependencies that names nobody is warned of, and one with conditions is refused', () => {
    const { stack, diagnostics } = load({ 'compose.yml': 'services: {a: {image: a, depends_on: [b, c]}, c: {image: c}, d: {image: d, profiles: [p]}}' });
    expect(stack?.Services.length).toBe(2);
    expect(diagnostics.map(({ severity, message }) => [severity, message])).toEqual([
      ['warning', 'there is no service b here, or its profile is not active: nothing waits for it'],
    ]);
    const refused = 'services: {a: {image: a, depends_on: {b: {condition: service_started}}}}';
    expect(errorsOf(load({ 'compose.yml': refused }))[0]).toContain('it depends on service b, which is not part of the stack');
    expect(load({ 'compose.yml': refused.replace('started', 'started, required: false') }).diagnostics).toEqual([]);
  });

  test('include, !reset and !override', () => {
    const files = {
      'compose.yml': 'include: [other/o.yml]\nservices: {b: {ports: !override ["2:2"], hostname: !reset null}}',
      'other/o.yml': 'services: {b: {image: b, hostname: h, ports: ["1:1"]}}\nsecrets: {s: {file: s.txt}}',
      'other/s.txt': 'x',
    };
    const found = service(files);
    expect(found.EndpointSpec?.Ports?.map((port) => port.PublishedPort)).toEqual([2]);
    expect(found.TaskTemplate.ContainerSpec?.Hostname).toBeUndefined();
    expect(load(files).stack?.Secrets[0]?.Data).toBe('eA==');
  });

  test('an include has variables of its own, below those of the whole stack', () => {
    const files = {
      'compose.yml': 'include: [{path: a/o.yml, env_file: a.env}, b/o.yml]\nservices: {c: {image: "c:${TAG:-0}"}}',
      'a/o.yml': 'services: {a: {image: "a:${TAG}", hostname: "${TOP}"}}',
      'b/o.yml': 'services: {b: {image: "b:${TAG}"}}',
      'a.env': 'TAG=1\nTOP=below\n',
      'b/.env': 'TAG=2\n',
      '.env': 'TOP=above\n',
    };
    const { stack, diagnostics } = load(files);
    expect(diagnostics).toEqual([]);
    expect(stack?.Services.map(({ TaskTemplate }) => TaskTemplate.ContainerSpec?.Image)).toEqual(['a:1', 'b:2', 'c:0']);
    expect(stack?.Services[0]?.TaskTemplate.ContainerSpec?.Hostname).toBe('above');
    const { 'a.env': _gone, ...lacking } = files;
    expect(errorsOf(load(lacking))[0]).toContain('a.env: no such file');
  });

  test('hosts merge, in whichever form they are written', () => {
    const files = { 'compose.yml': 'include: [o.yml]\nservices: {a: {extra_hosts: ["b:2"]}}', 'o.yml': 'services: {a: {image: a, extra_hosts: {a: "1"}}}' };
    expect(service(files).TaskTemplate.ContainerSpec?.Hosts).toEqual(['1 a', '2 b']);
  });

  test('nothing outside the confined folder is read', () => {
    for (const yaml of [
      'services: {a: {image: a, env_file: ../x.env}}',
      'services: {a: {image: a, env_file: /etc/passwd}}',
      'services: {a: {image: a}}\nsecrets: {s: {file: ../../s}}',
      'services: {a: {extends: {file: ../b.yml, service: b}}}',
      'include: [/b.yml]\nservices: {a: {image: a}}',
    ]) {
      const secret = { '/x.env': 'A=1', '/etc/passwd': 'A=1', '/s': 'x', '/b.yml': 'services: {b: {image: b}}' };
      const result = load({ 'compose.yml': yaml, ...secret }, { confine: '/stack' });
      expect(result.stack, yaml).toBeUndefined();
      expect(errorsOf(result)[0]).toContain('lies outside');
    }
  });
});

describe('what version 3 cannot say', () => {
  test('one number on several addresses, each with its own', () => {
    const hosts = (ports: string) => service(`services: {a: {image: a, ports: [${ports}]}}`).EndpointSpec?.Ports?.map(({ Shoal }) => Shoal?.HostIP);
    expect(hosts('"127.0.0.1:8080:80", "[::1]:8080:80", "8081:80"')?.toSorted()).toEqual(['127.0.0.1', '::1', undefined]);
    expect(hosts('"127.0.0.1::80", "10.0.0.5::80"')?.toSorted()).toEqual(['10.0.0.5', '127.0.0.1']);
  });

  test('ports', () => {
    const ports = service('services: {a: {image: a, ports: [{target: 80, published: "8080-8081", host_ip: 127.0.0.1, mode: host}, "127.0.0.1:5:6/udp"]}}')
      .EndpointSpec?.Ports;
    expect(ports).toEqual([
      { Protocol: 'udp', TargetPort: 6, PublishedPort: 5, PublishMode: 'ingress', Shoal: { HostIP: '127.0.0.1' } },
      { Protocol: 'tcp', TargetPort: 80, PublishedPort: 8080, PublishMode: 'host', Shoal: { HostIP: '127.0.0.1' } },
      { Protocol: 'tcp', TargetPort: 80, PublishedPort: 8081, PublishMode: 'host', Shoal: { HostIP: '127.0.0.1' } },
    ]);
  });

  test('older keys fold into deploy, contradictions are refused', () => {
    expect(service('services: {a: {image: a, scale: 2, cpus: 0.5, mem_limit: 1m, pids_limit: 5}}')).toMatchObject({
      Mode: { Replicated: { Replicas: 2 } },
      TaskTemplate: { Resources: { Limits: { NanoCPUs: 5e8, MemoryBytes: 1048576, Pids: 5 } } },
    });
    expect(errorsOf(load({ 'compose.yml': 'services: {a: {image: a, scale: 2, deploy: {replicas: 3}}}' }))).toEqual([
      'scale and deploy contradict each other: 2 and 3',
    ]);
  });

  test('engine settings go where the engine has words for them', () => {
    const yaml =
      'services: {a: {image: a, tmpfs: ["/t:size=1k,mode=700"], shm_size: 1k, devices: ["/dev/x:rw"], group_add: [5], gpus: all, network_mode: host, volumes: ["v:/x"]}}\nvolumes: {v: }';
    const found = service(yaml);
    expect(found.TaskTemplate.ContainerSpec).toMatchObject({
      Groups: ['5'],
      Mounts: [
        { Type: 'volume', Source: 'app_v', Target: '/x' },
        { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1024, Mode: 0o700 } },
      ],
      Shoal: { ShmSize: 1024, Devices: [{ PathOnHost: '/dev/x', PathInContainer: '/dev/x', CgroupPermissions: 'rw' }] },
    });
    expect(found.TaskTemplate.Resources?.Reservations?.Shoal?.DeviceRequests).toEqual([{ Count: -1, Capabilities: [['gpu']] }]);
    expect(found.TaskTemplate.Networks).toEqual([{ Target: 'host' }]);
  });

  test('profiles and conditions', () => {
    const yaml = 'services: {a: {image: a, depends_on: {b: {condition: service_healthy}}}, b: {image: b}, c: {image: c, profiles: [p]}}';
    expect(load({ 'compose.yml': yaml }).stack?.Services.map(({ Name }) => Name)).toEqual(['app_a', 'app_b']);
    expect(load({ 'compose.yml': yaml }, { profiles: ['p'] }).stack?.Services).toHaveLength(3);
    expect(service(yaml).Shoal?.DependsOn).toEqual([{ Service: 'app_b', Condition: 'service_healthy' }]);
  });

  test('names that follow the content are left to whoever holds it; nothing of the content is in them', () => {
    const yaml = 'services: {a: {image: a, configs: [c]}}\nconfigs: {c: {content: "x"}, n: {content: "x", name: named}, e: {external: true}}';
    const { stack } = load({ 'compose.yml': yaml }, { rotate: true });
    expect(stack?.Configs.map(({ Name }) => Name)).toEqual(['app_c', 'named']);
    // A name that the file gives is the one that others go by.
    expect(stack?.Versioned).toEqual({ Secrets: [], Configs: ['app_c'] });
    const reference = stack?.Services[0]?.TaskTemplate.ContainerSpec?.Configs?.[0];
    expect([reference?.ConfigName, reference?.File?.Name]).toEqual(['app_c', 'c']);
    expect(load({ 'compose.yml': yaml }, { rotate: false }).stack?.Versioned).toBeUndefined();
  });

  test('the stack is named by the caller, the file or the folder', () => {
    const yaml = 'services: {a: {image: "${COMPOSE_PROJECT_NAME}"}}';
    const unnamed = (text: string) => {
      const { stack: _stack, ...rest } = request({ 'compose.yml': text });
      return rest;
    };
    expect(load({ 'compose.yml': `name: mine\n${yaml}` }).stack?.Name).toBe('app');
    expect(loadStack(unnamed(`name: mine\n${yaml}`)).stack?.Services[0]?.Name).toBe('mine_a');
    expect(loadStack(unnamed(yaml)).stack?.Name).toBe('stack');
  });
});

describe('values that would do harm are refused at their place', () => {
  test.each([
    ['dns_opt: [timeout:1, "ndots:2"]', 'services.a.dns_opt.1', 'ndots:2 would hide the names of services'],
    ['mem_limit: 5x', 'services.a.mem_limit', "invalid suffix: 'x'"],
    ['gpus: [{count: many}]', 'services.a.gpus.0.count', "format 'count'"],
    ['pull_policy: daily', 'services.a.pull_policy', 'use always, missing or never'],
  ])('%s', (text, key, message) => {
    const [error] = load({ 'compose.yml': `services:\n  a:\n    image: a\n    ${text}\n` }).diagnostics;
    expect(error).toMatchObject({ severity: 'error', file: 'compose.yml', line: 4, message: expect.stringContaining(message) });
    expect(error?.key?.startsWith(key.split('.').slice(0, 3).join('.'))).toBe(true);
  });
});

test.each([
  ['18446744073709551615', 18_446_744_073_709_549_568n],
  ['9007199254740993', 9_007_199_254_740_992n],
  ['9223372036854775807', 9_223_372_036_854_774_784n],
])('replicas: %s is kept as a number that is no larger', (written, kept) => {
  const { Mode } = service(`services: {a: {image: a, deploy: {replicas: ${written}}}}`);
  expect(BigInt(Mode?.Replicated?.Replicas ?? 0)).toBe(kept);
});

test('what cannot be read of a file is told with its place', () => {
  const text = 'services:\n  a: { image: a }\n';
  const [sane, bad] = [Buffer.from(`${text}# \u00e4 `), Buffer.from([0xc3, 0x28])];
  const told = (bytes: Uint8Array): string | undefined => {
    const result = loadStack({ ...request({}), files: [{ path: 'compose.yml', bytes }] });
    const [error] = result.diagnostics.filter(({ severity }) => severity === 'error');
    return error && diagnosticText(error);
  };
  expect(told(Buffer.concat([sane, bad]))).toMatch(/^compose\.yml:3:5: yaml: invalid leading UTF-8 octet/);
  expect(told(Buffer.from(`${text}  b: { image: "\u0007" }\n`))).toMatch(/^compose\.yml:3:16: yaml: control characters are not allowed/);
  expect(told(Buffer.from(`services:\n  a: ${'['.repeat(200)}`))).toMatch(/^compose\.yml:2:\d+: yaml: exceeded max depth of 128/);
  expect(told(Buffer.from(`services:\n${'- a\n'.repeat(150_000)}`))).toMatch(/^compose\.yml:\d{5}:\d+: yaml: more than 150000 words and marks/);
  expect(told(Buffer.from(''))).toMatch(/^compose\.yml:1:1: the file must be a map/);
  expect(told(Buffer.alloc(2_000_000, 'a'))).toMatch(/^compose\.yml:1:1: the file has 2000000 bytes/);
});
