/** Whether a tool is there is known without running it. */
import { expect, test } from 'vitest';
import { batchInput, isInstalled, run } from '#host/run';

test.each(['sh', 'no-such-tool-anywhere'])('%s is installed if, and only if, it can be run', async (command) => {
  const { code } = await run(command, ['-c', 'true'], { timeoutMs: 60_000 });
  expect(isInstalled(command)).toBe(code !== 'missing');
});

test('a command for a tool that reads many is one, whatever it is made of', () => {
  expect(batchInput(['link set dev a up', 'link set dev b up'])).toBe('link set dev a up\nlink set dev b up\n');
  for (const bad of ['a\nb', 'a\rb', 'a\u0000', 'a\u0085b']) expect(() => batchInput(['fine', bad]), JSON.stringify(bad)).toThrow('is no line for a tool');
});
