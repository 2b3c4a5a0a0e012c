// Ctrl-C and its relatives: the first asks a run to come to an end, the second insists, the third does not wait.

import { exitOf } from '../common/shutdown.ts';

const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

export interface Stops {
  /** The first signal that came. */
  readonly signal: NodeJS.Signals | undefined;
  release(): void;
}

export function onStopSignals(
  first: (signal: NodeJS.Signals) => void, second: () => void, names: readonly NodeJS.Signals[] = SIGNALS,
): Stops {
  let signal: NodeJS.Signals | undefined;
  let count = 0;
  const onSignal = (name: NodeJS.Signals): void => {
    count += 1;
    signal ??= name;
    if (count === 1) first(name);
    else if (count === 2) second();
    else process.exit(exitOf(signal));
  };
  for (const name of names) process.on(name, onSignal);
  return {
    get signal() {
      return signal;
    },
    release: () => {
      for (const name of names) process.removeListener(name, onSignal);
    },
  };
}
