// PROCESS: the far end of the broker's own round trip: whatever comes goes back. It is told over its IPC channel where
// the broker is, and ends with that.

import { openEnd, type BrokerEnd, type EndConfig } from '../broker-end.ts';

process.once('message', (config: EndConfig) => {
  void run(config);
});

async function run(config: EndConfig): Promise<void> {
  const end: BrokerEnd = await openEnd(config, (body) => end.send(body));
  process.once('disconnect', () => {
    void end[Symbol.asyncDispose]();
  });
  process.send?.('ready');
}
