import { expect, test } from 'vitest';
import { statsLines, type Reading } from '#cli/commands/task/task-stats';

const reading: Reading = {
  cpu_stats: { cpu_usage: { total_usage: 3_000_000 }, system_cpu_usage: 20_000_000, online_cpus: 2 },
  precpu_stats: { cpu_usage: { total_usage: 1_000_000 }, system_cpu_usage: 10_000_000 },
  memory_stats: { usage: 3 * 1024 * 1024, limit: 8 * 1024 * 1024, stats: { inactive_file: 1024 * 1024 } },
  networks: { eth0: { rx_bytes: 1000, tx_bytes: 10 }, eth1: { rx_bytes: 24, tx_bytes: 1 } },
  blkio_stats: {
    io_service_bytes_recursive: [
      { op: 'read', value: 4096 },
      { op: 'Write', value: 1024 },
      { op: 'Total', value: 9 },
    ],
  },
  pids_stats: { current: 3 },
};

test('what a task takes, as docker counts it', async () => {
  const [heading, line] = await statsLines([{ task: 'web.1', node: 'n1', reading }], undefined);
  expect(heading).toMatch(/^TASK +NODE +CPU % +MEM USAGE \/ LIMIT +MEM % +NET I\/O +BLOCK I\/O +PIDS$/);
  expect(line).toMatch(/^web\.1 +n1 +40\.00% +2MiB \/ 8MiB +25\.00% +1KiB \/ 11B +4KiB \/ 1KiB +3$/);
  expect(await statsLines([{ task: 'web.1', node: 'n1', reading }], '{{.CPUPerc}} {{.PIDs}}')).toEqual(['40.00% 3']);
});

test('a container that just ends says little, and that is shown as nothing', async () => {
  expect(await statsLines([{ task: 'web.1', node: 'n1', reading: {} }], '{{.CPUPerc}} {{.MemUsage}} {{.MemPerc}} {{.NetIO}}')).toEqual([
    '0.00% 0B / 0B 0.00% 0B / 0B',
  ]);
});
