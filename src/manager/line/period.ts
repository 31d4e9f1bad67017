/** How often nodes beat. */
import { milliseconds } from '#base/text/duration';
import { defaultClusterSpec } from '#control/clusters';
import { clusterOf, type View } from '#store/view';

/** A node without others beats so many times more seldom: whom would its death concern, and who would be left to notice? */
const aloneFactor = 5;

/** Milliseconds between beats; a cluster that says 0 means the default. */
export function periodOf(view: View): number {
  const fallback = defaultClusterSpec.Dispatcher.HeartbeatPeriod;
  const period = milliseconds(clusterOf(view)?.Spec.Dispatcher.HeartbeatPeriod || undefined, fallback);
  const nodes = view.list('node')[Symbol.iterator]();
  nodes.next();
  return nodes.next().done === true ? aloneFactor * period : period;
}
