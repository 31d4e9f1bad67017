/** Routes of the logs of stacks and repositories: who did what, and whether it is as it was written. */
import { Refusal } from '#base/refusal';
import { deedsOf } from '#control/log/deeds';
import { checkLog } from '#control/log/log-check';
import type { Deed } from '#model/git/deed';
import type { Repository } from '#model/object/repository';
import type { Stack } from '#model/object/stack';
import { findOptional, readView, type Context } from '../../context.ts';
import type { View } from '../../dependencies.ts';
import { get, parameter, type Route } from '../../router.ts';

/** An entry as it is shown. */
export interface ShownDeed extends Omit<Deed['Spec'], 'Name' | 'Of' | 'Content'> {
  Seal: string;
}

/** `GET …/log`: oldest first. `GET …/log/check?head=SEAL`: whether a seal that was kept elsewhere is among its own, too. */
export function deedRoutes(context: Context): Route[] {
  return (['stack', 'repository'] as const).flatMap((kind) => {
    const path = kind === 'stack' ? '/shoal/v1/stacks/{}/log' : '/shoal/v1/repositories/{}/log';
    return [
      get(path, async (call) => {
        const view = await readView(context);
        return { status: 200, json: deedsOf(view, recordAt(view, kind, parameter(call)).ID).map(shown) };
      }),
      get(`${path}/check`, async (call) => {
        const view = await readView(context);
        return { status: 200, json: checkLog(view, kind, recordAt(view, kind, parameter(call)), call.query.get('head') ?? undefined) };
      }),
    ];
  });
}

function recordAt(view: View, kind: 'stack' | 'repository', name: string): Stack | Repository {
  const record = kind === 'stack' ? view.byName('stack', name) : findOptional(view, 'repository', name);
  if (record) return record;
  throw new Refusal('notFound', `${kind} ${name} not found`);
}

function shown({ Spec: { Name: _name, Of: _of, Content: _content, ...spec }, Chain }: Deed): ShownDeed {
  return { ...spec, Seal: Chain.Seal };
}
