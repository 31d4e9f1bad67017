/** Whole stacks, field by field: what is kept beside each was compared once with the rules of Docker's CLI by hand. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadStack } from '#compose/load';
import type { LoadRequest } from '#compose/compose';
import { renderStrictConfig } from '#compose/render/config';
import { renderSpecConfig } from '#compose/render/spec-config';

const root = new URL('./compose', import.meta.url).pathname;

function requestFor(name: string, mode: LoadRequest['mode']): LoadRequest {
  const disk = join(root, name);
  return {
    mode,
    stack: 'app',
    files: [{ path: 'compose.yml', bytes: readFileSync(join(disk, 'compose.yml')) }],
    directory: '/stack',
    environment: { TOKEN: 'from the caller' },
    read: (path) => {
      try {
        return { bytes: readFileSync(path.replace(/^\/stack/, disk)) };
      } catch {
        return { error: `open ${path}: no such file or directory` };
      }
    },
    rotate: false,
  };
}

describe.each(readdirSync(root))('%s', (name) => {
  test('becomes the same specs in both modes', async () => {
    const strict = loadStack(requestFor(name, 'strict'));
    await expect(`${JSON.stringify(strict.stack, null, 1)}\n`).toMatchFileSnapshot(join(root, name, 'expected.json'));
    expect(loadStack(requestFor(name, 'spec')).stack).toEqual(strict.stack);
  });

  test('what spec mode prints is the same stack again', () => {
    const printed = renderSpecConfig(requestFor(name, 'spec'));
    const again = { ...requestFor(name, 'spec'), files: [{ path: 'printed.yml', bytes: Buffer.from(printed.text ?? '') }] };
    const { stack, diagnostics } = loadStack(again);
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(stack).toEqual(loadStack(requestFor(name, 'spec')).stack);
  });

  test('prints the same model', async () => {
    const printed = renderStrictConfig(requestFor(name, 'strict'));
    await expect('text' in printed ? printed.text : printed.error).toMatchFileSnapshot(join(root, name, 'config.yml'));
  });
});
