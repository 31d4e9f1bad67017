/** What became of a commit of a repository, for a job that waits for it. */
import { pause } from '#base/clock';
import { nanosecondsPerMillisecond, parseDuration } from '#base/text/duration';
import { Refusal } from '#base/refusal';
import { shortCommit } from '#base/text/text';
import { checkToken } from '#control/repository/tokens';
import { commitVerdict, type CommitVerdict } from '#control/repository/told/verdict';
import { readObject, readView, type Context } from '../../context.ts';
import { get, parameter, type Answer, type Call, type Route } from '../../router.ts';
import { shownToken } from './hosted.ts';

const lookEveryMs = 500;
const usual = '10m';
const longestMs = 30 * 60_000;

interface Superseded extends Omit<CommitVerdict, 'State' | 'Exit'> {
  State: 'superseded';
  Exit: 5;
}

export function commitVerdictRoute(context: Context): Route {
  return get('/shoal/v1/repositories/{}/verdict', async (call): Promise<Answer> => {
    const commit = call.query.get('commit') ?? '';
    if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(commit)) throw new Refusal('invalidArgument', 'commit: the whole hash of a commit must be given');
    const text = call.query.get('timeout') || usual;
    const timeout = parseDuration(text);
    if (timeout === undefined) throw new Refusal('invalidArgument', `timeout is a duration such as 90s or 5m, not "${text}"`);
    return { status: 200, json: await waited(call, context, commit, Math.min(timeout / nanosecondsPerMillisecond, longestMs)) };
  });
}

/** Until it is over, somebody else's commit takes its place, the time is up or nobody waits any more. */
async function waited(call: Call, context: Context, commit: string, timeoutMs: number): Promise<CommitVerdict | Superseded> {
  const { clock, reconciler } = context;
  const gone = new AbortController();
  call.response.once('close', () => gone.abort());
  const end = clock.monotonicNow() + timeoutMs;
  let seen = false;
  let looked = false;
  let asked: string | undefined;
  for (;;) {
    const repository = await readObject(context, 'repository', parameter(call));
    checkToken(repository, shownToken(call), 'plan');
    const at = repository.Status.Commit;
    const other = at !== undefined && at !== commit ? at : undefined;
    // What follows is asked once for each commit, and not before somebody has looked.
    if (looked && other !== undefined && other !== asked) seen ||= await cameAfter(call, context, commit, other);
    if (looked) asked = other;
    if (seen && other !== undefined) return { Commit: commit, State: 'superseded', Text: `commit ${shortCommit(other)} took its place`, Exit: 5 };
    const verdict = commitVerdict(await readView(context), repository, commit, clock.now());
    if (verdict.State !== 'pending' || clock.monotonicNow() >= end || gone.signal.aborted) return verdict;
    // Who waits for what was not looked at has it looked at once.
    if (at !== commit && !looked) await reconciler.sync(repository.Spec.Name).catch(() => undefined);
    looked = true;
    seen ||= at === commit;
    await pause(clock, lookEveryMs, gone.signal);
  }
}

/** Whether `other` has the commit in its history: it was passed over before anybody asked. Not where that cannot be said. */
async function cameAfter(call: Call, { reconciler }: Context, commit: string, other: string): Promise<boolean> {
  const between = await reconciler.commits(parameter(call), { since: commit, until: other }).catch(() => undefined);
  return between !== undefined && !between.Rewritten && !between.Endless;
}
