/** How every channel to another process is set, and how the calls on it end. */
import { type ClientOptions, type Interceptor, InterceptingCall } from '@grpc/grpc-js';
import { channelLimits } from './limits.ts';

/**
 * Whoever waits for a call hears of its end in a turn of its own. Node tells of a stream that the other end gave up while it reads the frame that says so;
 * who then ends another stream, or the connection, makes it write amid that, and of a stream that is half gone it writes empty frames for ever (Node 20):
 * the process does nothing else any more, and grows until the kernel ends it.
 */
const endsInOwnTurn: Interceptor = (options, next) =>
  new InterceptingCall(next(options), {
    start: (metadata, _listener, begin) => begin(metadata, { onReceiveStatus: (status, tell) => void setImmediate(tell, status) }),
  });

export const channelOptions: ClientOptions = { ...channelLimits, interceptors: [endsInOwnTurn] };
