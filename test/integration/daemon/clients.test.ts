/** Clients that people drive a swarm with, other than docker's own: docker-py and Ansible against our socket. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { httpCall } from '#test/support/api-fixture';
import { HostDaemon, runCommand } from '#test/support/daemon';
import { GitRepository } from '#test/support/git-repository';
import { type Host, loadImage, startHost, until, whyNoHost } from '../../support/machine.mjs';

const reason = whyNoHost();
const image = 'shoal-clients:1';
/** Other people's programs take their time on a busy machine. */
const patienceMs = 240_000;
const support = (name: string): string => fileURLToPath(new URL(`../../support/${name}`, import.meta.url));
const debianPython = '/usr/bin/python3';
const withoutDockerPy = existsSync('/usr/lib/python3/dist-packages/docker') ? undefined : 'python3-docker is not installed';
const withoutAnsible =
  withoutDockerPy ??
  (existsSync('/usr/bin/ansible-playbook') && existsSync('/usr/lib/python3/dist-packages/jsondiff')
    ? undefined
    : 'ansible and python3-jsondiff are not installed');
const withoutPrometheus = existsSync('/usr/bin/prometheus') ? undefined : 'prometheus is not installed';
const named = (what: string, why: string | undefined): string => (why ? `${what} (skipped: ${why})` : what);

describe.skipIf(reason !== undefined)(named('other clients', reason), () => {
  let host: Host;
  let daemon: HostDaemon;

  beforeAll(async () => {
    host = await startHost();
    loadImage(host.socket, image, { command: ['/bin/sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.3; done'] });
    daemon = new HostDaemon(host, 'a', ['--metrics-addr', '127.0.0.1:9323']);
    await daemon.start();
    await daemon.ask('swarm', 'init', '--advertise-addr', '127.0.0.1');
  });

  afterAll(async () => {
    await daemon?.remove();
    await host?.stop();
  });

  test.skipIf(withoutDockerPy !== undefined)(named('docker-py', withoutDockerPy), { timeout: patienceMs }, async () => {
    const { code, stdout, stderr } = await runCommand(debianPython, [support('docker-py.py'), image], daemon.environment, { limitMs: patienceMs });
    expect([code, stdout, stderr]).toEqual([0, '', '']);
  });

  test.skipIf(withoutPrometheus !== undefined)(
    named('Prometheus finds nodes, services and tasks, and an alert of ours fires', withoutPrometheus),
    { timeout: patienceMs },
    async () => {
      const labels = ['--label', 'prometheus.port=80', '--init', '--detach', '--no-resolve-image'];
      await daemon.askDocker('network', 'create', '-d', 'overlay', 'watched');
      await daemon.askDocker('service', 'create', '--name', 'web', '--network', 'watched', ...labels, image);
      await daemon.askDocker('service', 'create', '--name', 'broken', '--detach', '--no-resolve-image', 'localhost:1/nowhere:1');
      const inStack = (name: string): string => readFileSync(fileURLToPath(new URL(`../../../stacks/monitoring/${name}`, import.meta.url)), 'utf8');
      const rules = daemon.file('alerts.yml', inStack('alerts.yml').replaceAll(/for: \w+/g, 'for: 0s'));
      const soon = inStack('prometheus.yml')
        .replaceAll('15s', '1s')
        .replaceAll('/var/run/docker.sock', daemon.socket)
        .replaceAll(', role:', ', refresh_interval: 1s, role:')
        .replace('/etc/prometheus/alerts.yml', rules);
      const services = `  - job_name: services\n    dockerswarm_sd_configs: [{ host: "unix://${daemon.socket}", role: services }]\n`;
      const storage = join(daemon.folder, 'prometheus');
      const options = [
        `--config.file=${daemon.file('prometheus.yml', soon + services)}`,
        `--storage.tsdb.path=${storage}`,
        '--web.listen-address=127.0.0.1:9090',
      ];
      const [enter = '', ...inside] = host.enter;
      const prometheus = spawn(enter, [...inside, '/usr/bin/prometheus', ...options], { stdio: ['ignore', 'ignore', 'pipe'] });
      let said = '';
      prometheus.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4000)));
      // oxlint-disable-next-line no-explicit-any -- answers of many shapes
      const ask = async (path: string): Promise<any> => {
        const { code, stdout } = await runCommand(enter, [...inside, 'curl', '-s', `http://127.0.0.1:9090/api/v1/${path}`], {});
        return code === 0 && stdout.startsWith('{') ? JSON.parse(stdout).data : {};
      };
      const reach = (what: string, met: () => Promise<boolean>) => until(met, 50_000, () => `${what}: ${said}`);
      try {
        // oxlint-disable-next-line no-explicit-any -- answers of many shapes
        const found = async (job: string): Promise<any[]> =>
          ((await ask('targets')).activeTargets ?? []).filter(({ scrapePool }: { scrapePool: string }) => scrapePool === job);
        await reach('no daemon is scraped', async () => (await found('shoal')).some(({ health }) => health === 'up'));
        expect((await found('shoal'))[0]).toMatchObject({
          labels: { node: host.name },
          discoveredLabels: {
            __meta_dockerswarm_node_role: 'manager',
            __meta_dockerswarm_node_availability: 'active',
            __meta_dockerswarm_node_address: '127.0.0.1',
          },
        });
        await reach('no task is found', async () => (await found('tasks')).length > 0);
        expect((await found('tasks'))[0]).toMatchObject({
          labels: { service: 'web' },
          discoveredLabels: {
            __meta_dockerswarm_task_state: 'running',
            __meta_dockerswarm_network_name: 'watched',
            __meta_dockerswarm_node_hostname: host.name,
          },
        });
        await reach('no service is found', async () => (await found('services')).length > 0);
        expect((await found('services'))[0]).toMatchObject({
          discoveredLabels: {
            __meta_dockerswarm_service_name: 'web',
            __meta_dockerswarm_service_mode: 'replicated',
            __meta_dockerswarm_network_name: 'watched',
          },
        });
        const firing = async (): Promise<string[]> =>
          ((await ask('alerts')).alerts ?? [])
            .filter(({ state }: { state: string }) => state === 'firing')
            .map(({ labels: at }: { labels: Record<string, string> }) => `${at['alertname']} ${at['service']}`);
        await reach('no alert fires', async () => (await firing()).includes('ShoalServiceDegraded broken'));
        expect(await firing()).not.toContain('ShoalServiceDegraded web');
        const checked = await runCommand('/usr/bin/promtool', ['check', 'rules', rules], {});
        expect([checked.code, checked.stdout]).toEqual([0, expect.stringContaining('SUCCESS')]);
      } finally {
        prometheus.kill();
        await once(prometheus, 'exit');
      }
      await daemon.askDocker('service', 'rm', 'web', 'broken');
    },
  );

  test('each part of the daemon tells what it counts and times', { timeout: patienceMs }, async () => {
    const repository = new GitRepository();
    repository.commit({ 'stacks/README.md': 'none yet' });
    await daemon.ask('repo', 'add', 'main', repository.folder, '--path', 'stacks');
    await daemon.askDocker('service', 'create', '--name', 'counted', '--detach', '--no-resolve-image', 'localhost:1/nowhere:1');
    const told = async (): Promise<string> => (await httpCall(daemon.socket, 'GET', '/metrics')).text;
    const counted = [
      'shoal_log_sync_seconds_count',
      'shoal_raft_commit_seconds_count',
      'shoal_raft_proposals_total{result="committed"}',
      'shoal_pass_seconds_count',
      'shoal_scheduling_delay_seconds_count',
      'shoal_heartbeats_received_total',
      'shoal_heartbeats_sent_total{result="answered"}',
      'shoal_image_pulls_total{result="failed"}',
      'shoal_service_task_failures_total{service="counted"}',
      'shoal_service_restarts_total{service="counted"}',
      'shoal_repository_syncs_total{repository="main",result="read"}',
      'shoal_repository_sync_seconds_count{repository="main"}',
      'shoal_repository_last_success_timestamp_seconds{repository="main"}',
      'shoal_raft_disk_bytes{what="log"}',
      'shoal_raft_term',
    ];
    const missing = (text: string): string[] =>
      counted.filter((name) => !text.split('\n').some((line) => line.startsWith(`${name} `) && Number(line.slice(name.length)) > 0));
    let text = '';
    await until(
      async () => missing((text = await told())).length === 0,
      60_000,
      () => `nothing is told of ${missing(text).join(', ')}`,
    );
    const events = await daemon.ask(
      'events',
      '--since',
      '1h',
      '--until',
      '0s',
      '--filter',
      'repository=main',
      '--format',
      '{{.Type}} {{.Action}} {{.Actor.ID}}',
    );
    expect(events.split('\n')).toContain('repository synced main');
    await daemon.askDocker('service', 'rm', 'counted');
    await daemon.ask('repo', 'rm', 'main');
    repository.remove();
    expect(await told()).not.toMatch(/(?:service|repository)="(?:counted|main)"/);
  });

  test.skipIf(withoutAnsible !== undefined)(named('Ansible, where the second time changes nothing', withoutAnsible), { timeout: 2 * patienceMs }, async () => {
    const environment = {
      ...daemon.environment,
      NODE: host.name,
      IMAGE: image,
      ANSIBLE_NOCOLOR: '1',
      ANSIBLE_LOCALHOST_WARNING: 'false',
      ANSIBLE_HOME: daemon.folder,
    };
    const play = () =>
      runCommand('/usr/bin/ansible-playbook', ['-i', 'localhost,', '-c', 'local', support('ansible.yml')], environment, { limitMs: patienceMs });
    const [first, second] = [await play(), await play()];
    expect(first.stdout + first.stderr).toMatch(/ok=7 +changed=[67] +unreachable=0 +failed=0/);
    expect(second.stdout + second.stderr).toMatch(/ok=7 +changed=0 +unreachable=0 +failed=0/);
  });
});
