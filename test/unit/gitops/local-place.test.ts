/** A repository on this machine is seen from its files. */
import { expect, test } from 'vitest';
import { localPlace } from '#gitops/worker/local-place';
import { GitRepository } from '#test/support/git-repository';

test('the file of a branch is read when what is seen of it is not what is known', async () => {
  const repository = new GitRepository();
  try {
    repository.commit({ a: '1' });
    const first = await localPlace(repository.folder, 'main');
    expect(first.head).toMatch(/^[0-9a-f]{40}$/);
    const { signature } = first;
    expect(await localPlace(repository.folder, 'main', signature)).toEqual({ watch: first.watch, signature });
    repository.commit({ a: '2' });
    const next = await localPlace(repository.folder, 'main', signature);
    expect(next.head).toMatch(/^[0-9a-f]{40}$/);
    expect([next.head === first.head, next.signature === signature]).toEqual([false, false]);
    // A branch that leads to another one moves with that.
    repository.git('symbolic-ref', 'refs/heads/other', 'refs/heads/main');
    const other = await localPlace(repository.folder, 'other', signature);
    expect([other.signature, other.head]).toEqual([undefined, undefined]);
    expect(await localPlace(`${repository.folder}/nothing`, 'main')).toEqual({ watch: [] });
  } finally {
    repository.remove();
  }
});
