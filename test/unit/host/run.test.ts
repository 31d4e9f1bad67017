/** Whether a tool is there is known without running it. */
import { expect, test } from 'vitest';
import { isInstalled, run } from '#host/run';

test.each(['sh', 'no-such-tool-anywhere'])('%s is installed if, and only if, it can be run', async (command) => {
  const { code } = await run(command, ['-c', 'true'], { timeoutMs: 60_000 });
  expect(await isInstalled(command)).toBe(code !== 'missing');
});
